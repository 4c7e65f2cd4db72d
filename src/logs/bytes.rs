//! Looking at every byte in blocks, which the compiler turns into vector instructions: a log is read and
//! written once, so looking at its bytes is most of the work.

const BLOCK: usize = 32;

/// Whether `is` holds of any byte.
#[inline]
pub fn any(bytes: &[u8], is: impl Fn(u8) -> bool + Copy) -> bool {
    #[inline]
    fn in_block(block: &[u8], is: impl Fn(u8) -> bool) -> bool {
        block.iter().fold(false, |found, byte| found | is(*byte))
    }
    let Some(last) = bytes.last_chunk::<BLOCK>() else { return in_block(bytes, is) };
    // The last block overlaps the one before it: no byte is looked at alone.
    bytes.as_chunks::<BLOCK>().0.iter().any(|block| in_block(block, is)) || in_block(last, is)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_is_passed_over() {
        for length in [0, 1, 31, 32, 33, 63, 64, 65, 200] {
            let mut bytes = vec![b'x'; length];
            assert!(!any(&bytes, |byte| byte == b'y'));
            for at in 0..length {
                bytes[at] = b'y';
                assert!(any(&bytes, |byte| byte == b'y'), "byte {at} of {length}");
                bytes[at] = b'x';
            }
        }
    }
}
