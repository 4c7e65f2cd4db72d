//! A registry in a thread that does what a test tells it to: serve an image from memory, lie about it, hang,
//! drop the connection, answer nonsense. It speaks the little of HTTP/1.1 that a client needs.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::archive::{Blobs, digest};

/// An answer to one request.
#[derive(Clone)]
pub enum Answer {
    Body {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// Promises the whole body, sends this much of it and drops the connection.
    Cut {
        body: Vec<u8>,
        after: usize,
    },
    /// Sends this much of the body, then nothing more, with the connection open.
    Stall {
        body: Vec<u8>,
        after: usize,
    },
    /// Bytes that are no HTTP.
    Garbage(Vec<u8>),
}

impl Answer {
    pub fn ok(body: impl Into<Vec<u8>>, media_type: &str) -> Answer {
        let headers = vec![("Content-Type".to_owned(), media_type.to_owned())];
        Answer::Body { status: 200, headers, body: body.into() }
    }
    pub fn status(status: u16, body: &str) -> Answer {
        Answer::Body { status, headers: Vec::new(), body: body.into() }
    }
    pub fn header(self, name: &str, value: &str) -> Answer {
        match self {
            Answer::Body { status, mut headers, body } => {
                headers.push((name.to_owned(), value.to_owned()));
                Answer::Body { status, headers, body }
            }
            other => other,
        }
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
}

type Behaviour = dyn Fn(&Request) -> Option<Answer> + Send + Sync;

pub struct Fake {
    pub address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Fake {
    /// Serves `NAME:latest`; what `behaviour` answers goes before that.
    pub fn serving(
        image: &Blobs,
        behaviour: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
    ) -> Fake {
        let manifest = (image.manifest.clone(), image.media_type.clone());
        Fake::serving_all(&[image], manifest, behaviour)
    }

    /// Serves a manifest (or index) as `latest`, and the manifests and blobs of images by digest.
    pub fn serving_all(
        images: &[&Blobs],
        latest: (Vec<u8>, String),
        behaviour: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
    ) -> Fake {
        let mut content: HashMap<String, (Vec<u8>, String)> = HashMap::new();
        content.insert(digest(&latest.0), latest.clone());
        for image in images {
            content.insert(digest(&image.manifest), (image.manifest.clone(), image.media_type.clone()));
            for blob in &image.blobs {
                content.insert(digest(blob), (blob.clone(), "application/octet-stream".to_owned()));
            }
        }
        Fake::start(move |request| {
            if let Some(answer) = behaviour(request) {
                return answer;
            }
            if request.path == "/v2/" {
                return Answer::ok("{}", "application/json");
            }
            let last = request.path.rsplit('/').next().unwrap_or_default();
            let found = if last == "latest" { Some(&latest) } else { content.get(last) };
            match found {
                Some((body, media_type)) => {
                    Answer::ok(body.clone(), media_type).header("Docker-Content-Digest", &digest(body))
                }
                None => Answer::status(
                    404,
                    r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
                )
                .header("Content-Type", "application/json"),
            }
        })
    }

    pub fn start(behaviour: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Fake {
        Fake::on(TcpListener::bind("127.0.0.1:0").expect("a port on loopback"), move |request| {
            Some(behaviour(request))
        })
    }

    fn on(
        listener: TcpListener,
        behaviour: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
    ) -> Fake {
        let address = listener.local_addr().expect("bound").to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, behaviour): (_, Arc<Behaviour>) = (requests.clone(), Arc::new(behaviour));
        // The thread lives as long as the test program; it holds nothing but a port.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (log, behaviour) = (log.clone(), behaviour.clone());
                thread::spawn(move || serve(stream, &log, &*behaviour));
            }
        });
        Fake { address, requests }
    }

    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no panic while held").clone()
    }
    /// How many requests were for this path's end.
    pub fn count(&self, end: &str) -> usize {
        self.requests()
            .iter()
            .filter(|request| request.method == "GET" && request.path.ends_with(end))
            .count()
    }
}

fn serve(stream: TcpStream, log: &Mutex<Vec<Request>>, behaviour: &Behaviour) {
    let Ok(clone) = stream.try_clone() else { return };
    let (mut reader, mut writer) = (BufReader::new(clone), stream);
    while let Some(request) = read_request(&mut reader) {
        log.lock().expect("no panic while held").push(request.clone());
        let Some(answer) = behaviour(&request) else { return };
        if write_answer(&mut writer, &request, answer).is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    Some(Request { method, path, headers })
}

fn write_answer(writer: &mut TcpStream, request: &Request, answer: Answer) -> std::io::Result<()> {
    let head = |length: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    match answer {
        Answer::Body { status, headers, body } => {
            let mut text = format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n", body.len());
            for (name, value) in headers {
                text += &format!("{name}: {value}\r\n");
            }
            writer.write_all((text + "\r\n").as_bytes())?;
            if request.method != "HEAD" {
                writer.write_all(&body)?;
            }
            writer.flush()
        }
        Answer::Cut { body, after } => {
            writer.write_all(head(body.len()).as_bytes())?;
            writer.write_all(&body[..after.min(body.len())])?;
            writer.shutdown(Shutdown::Both)
        }
        Answer::Stall { body, after } => {
            writer.write_all(head(body.len()).as_bytes())?;
            writer.write_all(&body[..after.min(body.len())])?;
            writer.flush()?;
            // Until the client gives up.
            loop {
                thread::park();
            }
        }
        Answer::Garbage(bytes) => {
            writer.write_all(&bytes)?;
            writer.shutdown(Shutdown::Both)
        }
    }
}
