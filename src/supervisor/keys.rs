//! Detach keys: a sequence that, typed, leaves the container running.

/// Watches what is typed. The beginning of the sequence is held back until it is complete or something
/// else follows, which then goes on together with it.
#[derive(Debug, Clone)]
pub struct DetachKeys {
    sequence: Vec<u8>,
    matched: usize,
}

impl DetachKeys {
    /// An empty sequence never detaches.
    pub fn new(sequence: Vec<u8>) -> DetachKeys {
        DetachKeys { sequence, matched: 0 }
    }

    /// Passes on to `out` what is not part of the sequence. True when the sequence is complete; what
    /// was typed after it is lost.
    pub fn pass(&mut self, typed: &[u8], out: &mut Vec<u8>) -> bool {
        if self.sequence.is_empty() {
            out.extend_from_slice(typed);
            return false;
        }
        for &byte in typed {
            if byte != self.sequence[self.matched] {
                out.extend_from_slice(&self.sequence[..self.matched]);
                self.matched = 0;
            }
            if byte != self.sequence[self.matched] {
                out.push(byte);
                continue;
            }
            self.matched += 1;
            if self.matched == self.sequence.len() {
                self.matched = 0;
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_sequence_detaches_and_nothing_else_is_lost() {
        let run = |typed: &[&[u8]]| {
            let mut keys = DetachKeys::new(vec![16, 17]);
            let mut out = Vec::new();
            let detached = typed.iter().any(|piece| keys.pass(piece, &mut out));
            (detached, out)
        };
        assert_eq!(run(&[b"ab\x10\x11cd"]), (true, b"ab".to_vec()));
        assert_eq!(run(&[b"\x10", b"\x11"]), (true, vec![]));
        assert_eq!(run(&[b"\x10", b"x"]), (false, b"\x10x".to_vec()));
        assert_eq!(run(&[b"\x10\x10\x11"]), (true, b"\x10".to_vec()));
        assert_eq!(run(&[b"\x11\x10"]), (false, b"\x11".to_vec()));
        let mut none = DetachKeys::new(Vec::new());
        let mut out = Vec::new();
        assert!(!none.pass(b"\x10\x11", &mut out) && out == b"\x10\x11");
    }
}
