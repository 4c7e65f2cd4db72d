//! Looking for bytes in blocks, which the compiler turns into vector instructions: a log is read and
//! written once, so looking for line ends is most of the work.

const BLOCK: usize = 64;

/// Where the first byte is of which `is` holds.
pub fn find(bytes: &[u8], is: impl Fn(u8) -> bool) -> Option<usize> {
    let mut at = 0;
    for block in bytes.chunks(BLOCK) {
        if block.iter().fold(false, |found, byte| found | is(*byte)) {
            return block.iter().position(|byte| is(*byte)).map(|offset| at + offset);
        }
        at += block.len();
    }
    None
}

pub fn newline(bytes: &[u8]) -> Option<usize> {
    find(bytes, |byte| byte == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_found_wherever_it_is() {
        for length in [0, 1, 63, 64, 65, 200] {
            let mut bytes = vec![b'x'; length];
            assert_eq!(newline(&bytes), None);
            for at in (0..length).rev() {
                bytes[at] = b'\n';
                assert_eq!(newline(&bytes), Some(at));
            }
        }
    }
}
