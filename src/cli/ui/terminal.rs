//! The terminal the command runs in, and the keys that leave a container.

use std::os::fd::{AsFd, BorrowedFd};

use crate::sys::terminal::{is_terminal, window_size};

/// Columns of the terminal on standard output, 80 where there is none.
pub fn width() -> usize {
    columns(std::io::stdout().as_fd())
}

/// Columns of the terminal on standard error, 80 where there is none.
pub fn stderr_width() -> usize {
    columns(std::io::stderr().as_fd())
}

/// A terminal that was never told its size says 0 (a serial line, some CI runners).
fn columns(terminal: BorrowedFd<'_>) -> usize {
    window_size(terminal).map(|size| usize::from(size.columns)).filter(|columns| *columns > 0).unwrap_or(80)
}

pub fn stdin_is_terminal() -> bool {
    is_terminal(std::io::stdin().as_fd())
}

pub fn stdout_is_terminal() -> bool {
    is_terminal(std::io::stdout().as_fd())
}

pub fn stderr_is_terminal() -> bool {
    is_terminal(std::io::stderr().as_fd())
}

/// Ctrl-P, Ctrl-Q.
pub const DETACH_KEYS: &[u8] = &[16, 17];

/// Reads `ctrl-p,ctrl-q`, `ctrl-@,x` (moby/term's ToBytes).
pub fn parse_keys(text: &str) -> Result<Vec<u8>, String> {
    let unknown = |key: &str| format!("invalid detach keys ({text}): Unknown character: '{key}'");
    text.split(',')
        .map(|key| match (key.as_bytes(), key.to_ascii_lowercase().strip_prefix("ctrl-")) {
            ([byte], _) => Ok(*byte),
            (_, Some(control)) => match control.as_bytes() {
                [letter @ b'a'..=b'z'] => Ok(letter - b'a' + 1),
                [b'@'] => Ok(0),
                [b'['] => Ok(27),
                [b'\\'] => Ok(28),
                [b']'] => Ok(29),
                [b'^'] => Ok(30),
                [b'_'] => Ok(31),
                _ => Err(unknown(key)),
            },
            _ if key.eq_ignore_ascii_case("del") => Ok(127),
            _ => Err(unknown(key)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detach_keys_are_read_as_docker_reads_them() {
        for (text, want) in [
            ("ctrl-p,ctrl-q", Ok(vec![16, 17])),
            ("a", Ok(vec![b'a'])),
            ("ctrl-@,x,ctrl-_", Ok(vec![0, b'x', 31])),
            ("CTRL-A", Ok(vec![1])),
            ("ctrl-[", Ok(vec![27])),
            ("xx", Err("invalid detach keys (xx): Unknown character: 'xx'")),
            ("ctrl-1", Err("invalid detach keys (ctrl-1): Unknown character: 'ctrl-1'")),
            ("", Err("invalid detach keys (): Unknown character: ''")),
        ] {
            assert_eq!(parse_keys(text), want.map_err(str::to_owned), "{text}");
        }
    }
}
