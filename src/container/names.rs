//! Made-up names, in Docker's manner: an adjective and the surname of somebody who knew the sea.

use super::ContainerName;

#[rustfmt::skip]
const ADJECTIVES: &[&str] = &[
    "able", "adrift", "agile", "airy", "alert", "amber", "ample", "azure", "bold", "brave", "breezy", "bright",
    "brisk", "briny", "buoyant", "calm", "candid", "careful", "cheery", "chilly", "clear", "clever", "cloudy",
    "coastal", "cosy", "crafty", "crisp", "curious", "daring", "deft", "distant", "drifting", "dry", "eager",
    "early", "easy", "even", "fair", "famous", "fearless", "fleet", "floating", "foggy", "fond", "free", "fresh",
    "frosty", "gallant", "gentle", "glad", "gleaming", "golden", "graceful", "grand", "handy", "happy", "hardy",
    "hearty", "high", "homely", "hopeful", "humble", "jaunty", "jolly", "keen", "kind", "late", "leeward",
    "light", "lively", "lofty", "loyal", "lucky", "mellow", "merry", "mighty", "misty", "modest", "moonlit",
    "neat", "nimble", "noble", "northern", "patient", "placid", "plucky", "polite", "proud", "quick", "quiet",
    "ready", "rolling", "rosy", "salty", "seaworthy", "sedate", "serene", "sharp", "silent", "silver", "simple",
    "sleepy", "smooth", "snug", "sober", "southern", "spry", "stately", "steady", "still", "stout", "sunny",
    "sure", "swift", "tender", "tidal", "tidy", "tranquil", "true", "trusty", "upbeat", "vivid", "warm", "wary",
    "wavy", "western", "windward", "windy", "wise", "witty", "zealous",
];

#[rustfmt::skip]
const SURNAMES: &[&str] = &[
    "amundsen", "anson", "baffin", "banks", "barents", "baret", "bass", "beaufort", "behaim", "bering", "bligh",
    "bonny", "bougainville", "bowditch", "brendan", "cabot", "cabral", "cartier", "chichester", "cook", "cousteau",
    "dampier", "darwin", "davis", "diaz", "drake", "earle", "eriksson", "fitzroy", "flinders", "francis",
    "franklin", "frobisher", "fuchs", "gama", "gilbert", "halley", "hanno", "harrison", "hawkins", "henson",
    "heyerdahl", "hudson", "humboldt", "hurley", "ibnbattuta", "jones", "joshua", "kotzebue", "kruzenshtern",
    "laperouse", "lapita", "lind", "magellan", "markham", "maury", "mercator", "moitessier", "nansen", "narborough",
    "nelson", "nordenskjold", "oates", "parry", "peary", "piccard", "polo", "pytheas", "quiros", "raleigh",
    "ross", "sarmiento", "scoresby", "scott", "severin", "shackleton", "slocum", "solander", "somerville",
    "tabarly", "tasman", "tupaia", "vancouver", "vespucci", "wallis", "weddell", "wegener", "wilkes", "worsley",
    "zheng",
];

/// A random name; after a few that were taken, with a digit at the end as Docker does.
pub fn made_up(attempt: u32) -> ContainerName {
    let mut random = [0; 12];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
        .expect("the kernel has random bytes");
    let number = |at: usize| u32::from_le_bytes(random[at..at + 4].try_into().expect("four bytes")) as usize;
    let mut name =
        format!("{}_{}", ADJECTIVES[number(0) % ADJECTIVES.len()], SURNAMES[number(4) % SURNAMES.len()]);
    if attempt >= 3 {
        name += &(number(8) % 10u32.saturating_pow(attempt - 2).min(1_000_000_000) as usize).to_string();
    }
    ContainerName::parse(&name).expect("the lists hold lower-case letters only")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_makes_a_valid_name() {
        for word in ADJECTIVES.iter().chain(SURNAMES) {
            assert!(
                word.bytes().all(|b| b.is_ascii_lowercase()) && ContainerName::parse(word).is_ok(),
                "{word}"
            );
        }
        assert!(made_up(5).as_str().ends_with(|c: char| c.is_ascii_digit()));
    }
}
