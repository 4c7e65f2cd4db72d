//! Output to the log and to the clients, input from them.

use std::io;

use rustix::event::epoll;

use super::super::connection::{Gone, LOW};
use super::super::protocol::{Reply, STDIN_CREDIT, output_header};
use super::super::session::Taken;
use super::{MAIN, Machine, Server, Source};
use crate::logs::Stream;

impl<M: Machine> Server<M> {
    pub(super) fn pause(&mut self, number: usize) {
        let Some(session) = self.sessions.get(number) else { return };
        if !std::mem::replace(&mut session.paused, true) {
            // Taken out altogether: an ended stream is reported even to those who ask for nothing.
            for fd in session.outputs.iter().flatten() {
                let _ = epoll::delete(&self.poll, fd);
            }
        }
    }

    pub(super) fn resume(&mut self, number: usize) {
        let Some(session) = self.sessions.get(number) else { return };
        if !session.paused {
            return;
        }
        let viewers = session.viewers.clone();
        if viewers.into_iter().any(|v| self.connections.get(v).is_some_and(|c| c.queued() > LOW)) {
            return;
        }
        let Some(session) = self.sessions.get(number) else { return };
        session.paused = false;
        for stream in [Stream::Stdout, Stream::Stderr] {
            if let Some(fd) = &session.outputs[stream as usize] {
                let _ =
                    epoll::add(&self.poll, fd, Source::Output(number, stream).token(), epoll::EventFlags::IN);
            }
        }
    }

    /// One read: the poller reports what is left again, after everybody else had a turn.
    pub(super) fn output(&mut self, number: usize, stream: Stream) {
        if self.sessions.get(number).is_some_and(|s| !s.paused) {
            self.pump(number, stream);
        }
    }

    /// Passes on what one read gives. Whether there may be more.
    pub(super) fn pump(&mut self, number: usize, stream: Stream) -> bool {
        let Some(session) = self.sessions.get(number) else { return false };
        let n = match session.read(stream, &mut self.buffer) {
            Ok(None) => return false,
            // A stream that cannot be read has ended for us.
            Ok(Some(0)) | Err(_) => {
                self.close_output(number, stream);
                return false;
            }
            Ok(Some(n)) => n,
        };
        self.take_check_output(number, n);
        let Some(session) = self.sessions.get(number) else { return false };
        let bytes = &self.buffer[..n];
        if number == MAIN
            && let Some(log) = &mut self.log
            && let Err(error) = log.write(stream, bytes)
        {
            // A full disk costs log lines, not the container.
            tracing::debug!(%error, "log not written");
        }
        let head = output_header(stream == Stream::Stderr, n);
        let mut sent = Vec::new();
        for &viewer in &session.viewers {
            let Some(connection) = self.connections.get(viewer) else { continue };
            let wants = connection.attachment.is_some_and(|a| match stream {
                Stream::Stdout => a.streams.stdout,
                Stream::Stderr => a.streams.stderr,
            });
            if wants {
                sent.push((viewer, connection.send(&head, bytes)));
            }
        }
        for (viewer, result) in sent {
            if result.and_then(|()| self.after_sending(viewer)).is_err() {
                self.drop_connection(viewer);
            }
        }
        true
    }

    pub(super) fn close_output(&mut self, number: usize, stream: Stream) {
        let Some(session) = self.sessions.get(number) else { return };
        let paused = session.paused;
        if let Some(fd) = session.outputs[stream as usize].take()
            && !paused
        {
            let _ = epoll::delete(&self.poll, &fd);
        }
        if number == MAIN
            && let Some(log) = &mut self.log
        {
            let _ = log.finish(stream);
        }
    }

    /// Everything that a process whose end is known has left in its streams, whoever waits for room.
    pub(super) fn drain(&mut self, number: usize) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            while self.pump(number, stream) {}
            self.close_output(number, stream);
        }
    }

    pub(super) fn stdin(&mut self, number: usize, session: usize, bytes: Vec<u8>) -> Result<(), Gone> {
        let length = bytes.len();
        let Some(target) = self.sessions.get(session) else { return Ok(()) };
        let Some(input) = &mut target.input else {
            // Closed on the other side: taken, as a pipe to nowhere would.
            return self.reply(number, &Reply::StdinTaken(length));
        };
        if input.waiting_of(number) + length > 2 * STDIN_CREDIT {
            return Err(Gone::Broken(io::ErrorKind::InvalidInput.into()));
        }
        input.push(number, bytes);
        self.input(session);
        Ok(())
    }

    pub(super) fn close_stdin(&mut self, session: usize) {
        if let Some(target) = self.sessions.get(session) {
            target.end_of_stdin();
            self.input(session);
        }
    }

    /// Writes what waits for a process, and tells the clients what was taken.
    pub(super) fn input(&mut self, number: usize) {
        let Some(session) = self.sessions.get(number) else { return };
        let Some(input) = &mut session.input else { return };
        let (Taken(taken), result) = input.write();
        let over = result.is_err() || input.is_finished();
        if input.watched != (input.is_waiting() && !over) {
            input.watched = !input.watched;
            let _ = match input.watched {
                true => {
                    epoll::add(&self.poll, &input.fd, Source::Input(number).token(), epoll::EventFlags::OUT)
                }
                false => epoll::delete(&self.poll, &input.fd),
            };
        }
        if over {
            session.input = None;
        }
        for (connection, n) in taken {
            if self.reply(connection, &Reply::StdinTaken(n)).is_err() {
                self.drop_connection(connection);
            }
        }
    }
}
