//! `EXPOSE`'s arguments.

use super::ChangeError;

/// `80`, `53/udp`, `8000-8010/tcp` as a config names them: one `PORT/PROTOCOL` each. What `run -p` would
/// publish them as (`8080:80`) is passed over, as Docker does.
pub(super) fn specs(words: &[String]) -> Result<Vec<String>, ChangeError> {
    let mut ports = Vec::new();
    for word in words {
        let (range, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
        let protocol = protocol.to_ascii_lowercase();
        if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
            return Err(ChangeError::Protocol(protocol));
        }
        let range = range.rsplit(':').next().unwrap_or_default();
        let bad = || ChangeError::Port(range.to_owned());
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| match text.bytes().all(|b| b.is_ascii_digit()) {
            true => text.parse::<u16>().map_err(|_| bad()),
            false => Err(bad()),
        };
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(bad());
        }
        ports.extend((first..=last).map(|port| format!("{port}/{protocol}")));
    }
    Ok(ports)
}
