//! A plain download, for `import URL`.

use std::io::{self, Read};

use tokio::runtime::Runtime;

use super::{RegistryError, Settings, runtime};

/// A body that is read as it comes.
pub struct Body {
    runtime: Runtime,
    response: reqwest::Response,
    current: bytes::Bytes,
}

/// Opens an `http` or `https` URL.
pub fn fetch(url: &str, settings: &Settings) -> Result<Body, RegistryError> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = runtime()?;
    let client = super::session::plain_client(url, settings)?;
    let failed = |e: reqwest::Error| RegistryError::from_request("Get", url, &e);
    // Within the runtime from the start: the request's timers are made when it is.
    let response = runtime.block_on(async { client.get(url).send().await }).map_err(failed)?;
    let status = response.status();
    if !status.is_success() {
        return Err(RegistryError::Status {
            status: status.as_u16(),
            reason: status.canonical_reason().unwrap_or_default(),
        });
    }
    Ok(Body { runtime, response, current: bytes::Bytes::new() })
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.runtime.block_on(self.response.chunk()).map_err(io::Error::other)? {
                Some(chunk) => self.current = chunk,
                None => return Ok(0),
            }
        }
        let n = buffer.len().min(self.current.len());
        buffer[..n].copy_from_slice(&self.current.split_to(n));
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    use super::*;

    /// Answers one request with these bytes, and returns the URL to ask.
    fn answering(answer: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            stream.write_all(answer).unwrap();
        });
        format!("http://{address}/root.tar")
    }

    #[test]
    fn a_body_is_read_to_its_end() {
        let url = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
        let mut text = String::new();
        fetch(&url, &Settings::from_environment()).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
    }

    #[test]
    fn what_is_not_there_or_breaks_off_is_an_error() {
        let url = answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        assert!(matches!(
            fetch(&url, &Settings::from_environment()),
            Err(RegistryError::Status { status: 404, .. })
        ));
        let url = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nhello");
        let mut body = fetch(&url, &Settings::from_environment()).unwrap();
        assert!(body.read_to_end(&mut Vec::new()).is_err());
    }
}
