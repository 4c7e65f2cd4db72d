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
    let response = runtime.block_on(client.get(url).send()).map_err(failed)?;
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
