//! What a client and a supervisor say to each other, over one stream socket.
//!
//! A frame is a length (u32, little-endian, of what follows), a kind (one byte) and a body: raw bytes of a
//! stream, or one JSON value. Both sides read with limits; a frame that breaks them ends the connection
//! and nothing else.
//!
//! A connection is a plain conversation until it attaches (`Attach`, `Exec`, or as the one that started the
//! container); from then on stream bytes flow as well. A client sends no more than [`STDIN_CREDIT`] bytes of
//! stdin ahead of the `StdinTaken` replies, so the supervisor always reads what comes and a signal
//! is never stuck behind input that nobody takes.

use serde::{Deserialize, Serialize};

use crate::container::Exit;
use crate::container::health::HealthStatus;
use crate::container::spec::{AttachStreams, ExecSpec, RestartPolicy};
use crate::sys::terminal::WindowSize;

/// Bytes of stdin that may be under way.
pub const STDIN_CREDIT: usize = 64 * 1024;

/// Longest control frame: an `exec` with as much environment as execve(2) could take.
const CONTROL_LIMIT: usize = 8 * 1024 * 1024;
/// Longest frame of stream bytes.
pub const DATA_LIMIT: usize = 64 * 1024;

const CONTROL: u8 = 0;
const FIRST_STREAM: u8 = 1;
const SECOND_STREAM: u8 = 2;

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Connects to the streams of the first process. Answered by `Done`.
    Attach(AttachStreams),
    /// Runs a further process. Answered by `Started` or `Failed`, later by `Exited` unless detached.
    Exec {
        spec: ExecSpec,
        window: Option<WindowSize>,
    },
    /// Bytes for the attached process.
    #[serde(skip)]
    Stdin(Vec<u8>),
    /// The client's stdin has ended.
    CloseStdin,
    /// The client leaves by its detach keys. Not answered.
    Detach,
    /// The attached process's terminal has a new size.
    Resize(WindowSize),
    /// A signal for the first process, from a user: its restarts may end with that. Answered by `Done` or
    /// `Failed`.
    Signal(i32),
    /// The same once more, for one that could not hear it before. Answered alike; no event of its own.
    SignalAgain(i32),
    /// Stops every process, or lets them all go on. Answered by `Done` or `Failed`.
    Pause,
    Unpause,
    /// A pause that ends with this connection, however its client ends. Answered by `Done` or `Failed`.
    Hold,
    /// Answered by `Exited` when the run has ended and all traces of it are written.
    Wait,
    /// The end that comes now removes nothing (`--rm`): the client starts it again. Answered by `Done`.
    Keep,
    /// Runs the health check now. Answered by `Health` or `Failed`.
    CheckHealth,
    /// What is to happen when it ends. Answered by `Done`.
    Restart(RestartPolicy),
    /// Answered by `Processes`.
    Processes,
}

/// What a supervisor answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// U can be joined through the socket; only said to a starter that has asked for it.
    Listening,
    /// The command runs.
    Started,
    Done,
    Failed(Failure),
    #[serde(skip)]
    Stdout(Vec<u8>),
    #[serde(skip)]
    Stderr(Vec<u8>),
    /// So many bytes of stdin have gone on their way.
    StdinTaken(usize),
    /// The attached process, or the container that was waited for, has ended. The last message.
    Exited(Exit),
    Health {
        passed: bool,
        status: HealthStatus,
    },
    /// As the supervisor's pid namespace, the host's, numbers them.
    Processes(Vec<i32>),
}

/// Why something could not be done, as text for the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    pub kind: FailureKind,
    pub text: String,
    pub hint: Option<String>,
}

/// Docker's vocabulary, as far as a supervisor needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    CommandNotFound,
    NotExecutable,
    Invalid,
    Forbidden,
    NotImplemented,
    Conflict,
    System,
}

impl Failure {
    pub fn new(kind: FailureKind, text: impl Into<String>) -> Failure {
        Failure { kind, text: text.into(), hint: None }
    }

    /// An error and its causes in one line.
    pub fn system(error: &dyn std::error::Error) -> Failure {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            text += &format!(": {next}");
            cause = next.source();
        }
        Failure::new(FailureKind::System, text)
    }
}

/// Bytes that are no conversation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the protocol of this coracle: {0}")]
pub struct Malformed(String);

/// A message that can be framed.
pub trait Message: Sized {
    fn encode(&self, out: &mut Vec<u8>);
    fn decode(kind: u8, body: &[u8]) -> Result<Self, Malformed>;
}

fn frame(kind: u8, body: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&header(kind, body.len()));
    out.extend_from_slice(body);
}

fn header(kind: u8, length: usize) -> [u8; 5] {
    let [a, b, c, d] = u32::try_from(length + 1).expect("bodies are small").to_le_bytes();
    [a, b, c, d, kind]
}

/// The head of a frame with bytes of stdout or stderr, to be sent before the bytes without copying them.
pub fn output_header(is_stderr: bool, length: usize) -> [u8; 5] {
    header(if is_stderr { SECOND_STREAM } else { FIRST_STREAM }, length)
}

fn control(message: &impl Serialize, out: &mut Vec<u8>) {
    frame(CONTROL, &serde_json::to_vec(message).expect("messages have string keys only"), out);
}

fn read_control<'a, M: Deserialize<'a>>(body: &'a [u8]) -> Result<M, Malformed> {
    serde_json::from_slice(body).map_err(|e| Malformed(e.to_string()))
}

impl Message for Request {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Request::Stdin(bytes) => frame(FIRST_STREAM, bytes, out),
            other => control(other, out),
        }
    }
    fn decode(kind: u8, body: &[u8]) -> Result<Request, Malformed> {
        match kind {
            CONTROL => read_control(body),
            FIRST_STREAM => Ok(Request::Stdin(body.to_vec())),
            _ => Err(Malformed(format!("request of kind {kind}"))),
        }
    }
}

impl Message for Reply {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Reply::Stdout(bytes) => frame(FIRST_STREAM, bytes, out),
            Reply::Stderr(bytes) => frame(SECOND_STREAM, bytes, out),
            other => control(other, out),
        }
    }
    fn decode(kind: u8, body: &[u8]) -> Result<Reply, Malformed> {
        match kind {
            CONTROL => read_control(body),
            FIRST_STREAM => Ok(Reply::Stdout(body.to_vec())),
            SECOND_STREAM => Ok(Reply::Stderr(body.to_vec())),
            _ => Err(Malformed(format!("reply of kind {kind}"))),
        }
    }
}

/// Makes messages of bytes as they come.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    taken: usize,
}

impl Decoder {
    /// Adds bytes that have come.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.taken > 0 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message, `None` when more bytes are needed.
    pub fn take<M: Message>(&mut self) -> Result<Option<M>, Malformed> {
        let rest = &self.bytes[self.taken..];
        let [a, b, c, d, kind, ..] = *rest else {
            self.forget_if_done();
            return Ok(None);
        };
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let limit = if kind == CONTROL { CONTROL_LIMIT } else { DATA_LIMIT };
        if length == 0 || length > limit + 1 {
            return Err(Malformed(format!("frame of {length} bytes")));
        }
        let Some(body) = rest.get(5..4 + length) else { return Ok(None) };
        let message = M::decode(kind, body)?;
        self.taken += 4 + length;
        Ok(Some(message))
    }

    /// An idle connection keeps no memory.
    fn forget_if_done(&mut self) {
        if self.taken == self.bytes.len() {
            self.bytes = Vec::new();
            self.taken = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<M: Message + PartialEq + std::fmt::Debug>(messages: &[M]) {
        let mut bytes = Vec::new();
        messages.iter().for_each(|m| m.encode(&mut bytes));
        for step in [1, 3, bytes.len()] {
            let mut decoder = Decoder::default();
            let mut got = Vec::new();
            for piece in bytes.chunks(step) {
                decoder.feed(piece);
                while let Some(message) = decoder.take::<M>().unwrap() {
                    got.push(message);
                }
            }
            assert_eq!(got, messages);
        }
    }

    #[test]
    fn messages_arrive_as_they_were_sent_however_they_are_cut() {
        let window = WindowSize { rows: 24, columns: 80 };
        let spec = ExecSpec { argv: vec!["sh".into()], tty: true, ..ExecSpec::default() };
        round_trip(&[
            Request::Attach(AttachStreams { stdin: true, stdout: true, stderr: false }),
            Request::Stdin(b"hello\0".to_vec()),
            Request::Exec { spec, window: Some(window) },
            Request::CloseStdin,
            Request::Detach,
            Request::Resize(window),
            Request::Signal(15),
            Request::SignalAgain(15),
            Request::Pause,
            Request::Unpause,
            Request::Hold,
            Request::Wait,
            Request::CheckHealth,
            Request::Restart(RestartPolicy::OnFailure { retries: 3 }),
            Request::Processes,
        ]);
        round_trip(&[
            Reply::Started,
            Reply::Stdout(vec![0; DATA_LIMIT]),
            Reply::Stderr(b"x".to_vec()),
            Reply::Failed(Failure::new(FailureKind::CommandNotFound, "no")),
            Reply::StdinTaken(7),
            Reply::Health { passed: true, status: HealthStatus::Healthy },
            Reply::Processes(vec![1, 2]),
        ]);
    }

    #[test]
    fn garbage_is_refused_before_it_is_stored() {
        for bad in [
            &[0, 0, 0, 0, 0][..],
            &[0xff; 5],
            &[1, 0, 0, 0, 9],
            &[3, 0, 0, 0, 0, b'{', b'}'],
            b"GET / HTTP/1.1",
        ] {
            let mut decoder = Decoder::default();
            decoder.feed(bad);
            assert!(decoder.take::<Request>().is_err(), "{bad:?}");
        }
    }
}
