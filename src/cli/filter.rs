//! `--filter key=value`: the same key twice means either, different keys mean both.

use std::collections::BTreeMap;

use super::failure::{Failure, Result};
pub use crate::engine::prune::has_label;

#[derive(Debug, Clone, Default)]
pub struct Filters(BTreeMap<String, Vec<String>>);

/// Checks the form of one `--filter`.
pub fn parse(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_lowercase(), value.trim().to_owned())),
        None if text.is_empty() => Ok((String::new(), String::new())),
        None => Err("bad format of filter (expected name=value)".to_owned()),
    }
}

impl Filters {
    /// Takes the pairs; a key that is not `known` is an error.
    pub fn new(pairs: &[(String, String)], known: &[&str]) -> Result<Filters> {
        let mut filters: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, value) in pairs.iter().filter(|(key, _)| !key.is_empty()) {
            if !known.contains(&key.as_str()) {
                return Err(Failure::daemon(format!("invalid filter '{key}'")));
            }
            filters.entry(key.clone()).or_default().push(value.clone());
        }
        Ok(Filters(filters))
    }

    pub fn values(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Whether the key was not asked for, or one of its values passes.
    pub fn any(&self, key: &str, passes: impl FnMut(&String) -> bool) -> bool {
        self.0.get(key).is_none_or(|values| values.iter().any(passes))
    }

    /// A yes-or-no key such as `dangling`.
    pub fn truth(&self, key: &str) -> Result<Option<bool>> {
        match self.values(key) {
            [] => Ok(None),
            values => match values[values.len() - 1].as_str() {
                "1" | "true" | "True" | "TRUE" | "t" => Ok(Some(true)),
                "0" | "false" | "False" | "FALSE" | "f" => Ok(Some(false)),
                other => Err(Failure::daemon(format!("invalid value '{other}' for filter '{key}'"))),
            },
        }
    }

    /// Labels are all wanted at once: `label=k` or `label=k=v`.
    pub fn labels(&self, key: &str, labels: &BTreeMap<String, String>) -> bool {
        self.values(key).iter().all(|wanted| has_label(wanted, labels))
    }
}

/// A regular expression over a name, as `ps --filter name=` takes it; what is none is looked for as text.
pub fn matches_pattern(pattern: &str, text: &str) -> bool {
    match regex::Regex::new(pattern) {
        Ok(regex) => regex.is_match(text),
        Err(_) => text.contains(pattern),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_over_names() {
        for (pattern, text, want) in [
            ("web", "/my-web-1", true),
            ("^/web$", "/web", true),
            ("^web", "/web", false),
            ("^web$", "web", true),
            ("w.b", "/wab", true),
            ("^/(a|b)+$", "/abab", true),
            ("^/(a|b)+$", "/abc", false),
            ("[0-9]+$", "/web12", true),
            ("^[^w]", "web", false),
            ("\\d", "/web1", true),
            ("a*", "", true),
            ("(a*)*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            // Not a pattern: taken as it is.
            ("a(", "xa(y", true),
        ] {
            assert_eq!(matches_pattern(pattern, text), want, "{pattern} {text}");
        }
    }

    #[test]
    fn keys_are_checked_and_values_of_one_key_are_alternatives() {
        let pair = |text| parse(text).unwrap();
        let filters =
            Filters::new(&[pair("name=a"), pair("NAME=b"), pair("label=x=1")], &["name", "label"]).unwrap();
        assert!(filters.any("name", |v| v == "b") && !filters.any("name", |v| v == "c"));
        assert!(filters.any("other", |_| false));
        let labels = [("x".to_owned(), "1".to_owned())].into();
        assert!(filters.labels("label", &labels));
        let failure = Filters::new(&[pair("nosuch=1")], &["name"]).unwrap_err();
        assert_eq!(failure.text, "Error response from daemon: invalid filter 'nosuch'");
        assert!(parse("nosuch").is_err());
    }
}
