//! Clients: what they ask, and what they are told.

use std::io;
use std::os::fd::AsFd;

use rustix::event::epoll;

use super::super::connection::{Attachment, Connection, Gone, HIGH, LOW};
use super::super::protocol::{Failure, FailureKind, Reply, Request};
use super::super::session::{Session, Wanted};
use super::{CLIENTS, DEFAULT_WINDOW, MAIN, Machine, Server, Source, done};
use crate::container::spec::{AttachStreams, ExecSpec};
use crate::container::{ContainerId, Exit};
use crate::events::exec_action;
use crate::sys::socket;
use crate::sys::terminal::WindowSize;

impl<M: Machine> Server<M> {
    pub(super) fn accept(&mut self) {
        let Some(listener) = &self.listener else { return };
        // One per event is enough: the poller reports what is left again.
        let Ok((stream, _)) = listener.accept() else { return };
        let own = rustix::process::geteuid().as_raw();
        if socket::peer_uid(stream.as_fd()).ok() != Some(own) || self.connections.numbers().len() >= CLIENTS {
            return;
        }
        // A failure drops the stream: the client sees its end.
        let _ = Connection::new(stream).and_then(|connection| self.add_connection(connection));
    }

    pub(super) fn connection_event(&mut self, number: usize, flags: epoll::EventFlags) {
        let result = (|| -> Result<(), Gone> {
            if flags.contains(epoll::EventFlags::OUT) {
                self.connections.get(number).ok_or(Gone::Closed)?.flush()?;
                self.after_sending(number)?;
            }
            if flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::RDHUP | epoll::EventFlags::HUP) {
                self.receive(number)?;
            }
            Ok(())
        })();
        if let Err(gone) = result {
            tracing::debug!(connection = number, %gone, "client gone");
            self.drop_connection(number);
        }
    }

    pub(super) fn receive(&mut self, number: usize) -> Result<(), Gone> {
        let connection = self.connections.get(number).ok_or(Gone::Closed)?;
        let received = connection.receive(&mut self.buffer);
        while let Some(request) = self.connections.get(number).ok_or(Gone::Closed)?.request()? {
            self.handle(number, request)?;
        }
        received
    }

    pub(super) fn handle(&mut self, number: usize, request: Request) -> Result<(), Gone> {
        let attachment = self.connections.get(number).ok_or(Gone::Closed)?.attachment;
        match request {
            Request::Attach(streams) => {
                let reply = match self.running() {
                    Ok(()) => Reply::Done,
                    Err(failure) => Reply::Failed(failure),
                };
                self.attach(number, MAIN, streams);
                if reply == Reply::Done {
                    self.machine.report("attach", &[]);
                }
                self.reply(number, &reply)
            }
            Request::Exec { spec, window } => self.exec(number, &spec, window),
            Request::Stdin(bytes) => match attachment {
                Some(Attachment { session, streams }) if streams.stdin => self.stdin(number, session, bytes),
                _ => Ok(()),
            },
            Request::CloseStdin => {
                if let Some(Attachment { session, streams }) = attachment
                    && streams.stdin
                {
                    self.close_stdin(session);
                }
                Ok(())
            }
            Request::Resize(size) => {
                if let Some(session) = attachment.and_then(|a| self.sessions.get(a.session)) {
                    session.resize(size);
                    if session.exec_id.is_none() {
                        let facts = [("height", size.rows.to_string()), ("width", size.columns.to_string())];
                        self.machine.report("resize", &facts);
                    }
                }
                Ok(())
            }
            Request::Detach => {
                if let Some(session) = attachment.and_then(|a| self.sessions.get(a.session)) {
                    match session.exec_id.clone() {
                        Some(id) => self.machine.report("exec_detach", &[("execID", id)]),
                        None => self.machine.report("detach", &[]),
                    }
                }
                Ok(())
            }
            Request::Signal(signal) => {
                let ends = [self.settings.stop_signal, libc::SIGKILL].contains(&signal);
                self.restarts.signalled(ends || !self.settings.stops_by_that_only);
                let reply = done(self.signal_main(signal));
                self.reply(number, &reply)
            }
            Request::SignalAgain(signal) => {
                let reply = done(self.send_to_main(signal));
                self.reply(number, &reply)
            }
            Request::Pause => {
                let reply = self.pause_processes().map_or_else(Reply::Failed, |()| Reply::Done);
                self.reply(number, &reply)
            }
            Request::Hold => {
                let held = self.pause_processes().map(|()| self.holder = Some(number));
                let reply = held.map_or_else(Reply::Failed, |()| Reply::Done);
                self.reply(number, &reply)
            }
            Request::Unpause => {
                let reply = match self.resume_processes() {
                    Ok(true) => Reply::Done,
                    Ok(false) => Reply::Failed(Failure::new(FailureKind::Conflict, "not paused")),
                    Err(error) => Reply::Failed(Failure::system(&error)),
                };
                self.reply(number, &reply)
            }
            Request::Wait => {
                self.connections.get(number).ok_or(Gone::Closed)?.waiting = true;
                Ok(())
            }
            Request::Keep => {
                self.is_kept = true;
                self.reply(number, &Reply::Done)
            }
            Request::CheckHealth => match self.check_now(number) {
                Ok(()) => Ok(()),
                Err(failure) => self.reply(number, &Reply::Failed(failure)),
            },
            Request::Restart(policy) => {
                self.restarts.set_policy(policy);
                self.reply(number, &Reply::Done)
            }
            Request::Processes => {
                let reply = Reply::Processes(self.processes());
                self.reply(number, &reply)
            }
        }
    }

    /// Fails between two runs.
    pub(super) fn running(&mut self) -> Result<(), Failure> {
        match self.sessions.get(MAIN) {
            Some(_) => Ok(()),
            None => Err(Failure::new(
                FailureKind::Conflict,
                "the container is restarting, wait until the container is running",
            )),
        }
    }

    pub(super) fn attach(&mut self, number: usize, session: usize, streams: AttachStreams) {
        let (Some(connection), Some(target)) = (self.connections.get(number), self.sessions.get(session))
        else {
            return;
        };
        connection.attachment = Some(Attachment { session, streams });
        if !target.viewers.contains(&number) {
            target.viewers.push(number);
        }
    }

    pub(super) fn exec(
        &mut self,
        number: usize,
        spec: &ExecSpec,
        window: Option<WindowSize>,
    ) -> Result<(), Gone> {
        if let Err(failure) = self.running() {
            return self.reply(number, &Reply::Failed(failure));
        }
        if self.paused.is_some() {
            let text = "the container is paused, unpause the container before exec";
            return self.reply(number, &Reply::Failed(Failure::new(FailureKind::Conflict, text)));
        }
        let wanted = Wanted {
            stdin: spec.stdin && !spec.detach,
            output: !spec.detach,
            terminal: spec.tty.then_some(window.unwrap_or(DEFAULT_WINDOW)),
            close_stdin: true,
        };
        let id = ContainerId::random().as_str().to_owned();
        for action in ["exec_create", "exec_start"] {
            self.machine.report(&exec_action(action, &spec.argv), &[("execID", id.clone())]);
        }
        let started = wanted.open().map_err(|e| Failure::system(&e)).and_then(|(stdio, ends)| {
            let started = self.machine.exec(spec, stdio)?;
            let mut session = Session::new(started, ends, wanted).map_err(|e| Failure::system(&e))?;
            session.exec_id = Some(id);
            self.add_session(session).map_err(|e| Failure::system(&e))
        });
        let reply = match started {
            Ok(session) => {
                if !spec.detach {
                    let streams = AttachStreams { stdin: spec.stdin, stdout: true, stderr: true };
                    self.attach(number, session, streams);
                }
                Reply::Started
            }
            Err(failure) => Reply::Failed(failure),
        };
        self.reply(number, &reply)
    }

    pub(super) fn reply(&mut self, number: usize, reply: &Reply) -> Result<(), Gone> {
        self.connections.get(number).ok_or(Gone::Closed)?.reply(reply)?;
        self.after_sending(number)
    }

    /// Watches for room while something waits, and lets paused streams go on.
    pub(super) fn after_sending(&mut self, number: usize) -> Result<(), Gone> {
        let connection = self.connections.get(number).ok_or(Gone::Closed)?;
        let queued = connection.queued();
        if queued == 0 && connection.closing {
            return Err(Gone::Closed);
        }
        if connection.watched_for_room != (queued > 0) {
            connection.watched_for_room = queued > 0;
            let mut events = epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
            events.set(epoll::EventFlags::OUT, queued > 0);
            epoll::modify(&self.poll, &*connection, Source::Connection(number).token(), events)
                .map_err(io::Error::from)?;
        }
        let session = connection.attachment.map(|a| a.session);
        if let Some(session) = session {
            if queued > HIGH {
                self.pause(session);
            } else if queued <= LOW {
                self.resume(session);
            }
        }
        Ok(())
    }

    pub(super) fn drop_connection(&mut self, number: usize) {
        let Some(connection) = self.connections.take(number) else { return };
        let _ = epoll::delete(&self.poll, &connection);
        if self.holder == Some(number)
            && let Err(error) = self.resume_processes()
        {
            tracing::debug!(%error, "not shown as going on");
        }
        let Some(Attachment { session, streams }) = connection.attachment else { return };
        if let Some(session) = self.sessions.get(session) {
            session.viewers.retain(|viewer| *viewer != number);
        }
        if streams.stdin {
            self.close_stdin(session);
        }
        self.resume(session);
    }

    /// Tells the end of a run to those whom it concerns.
    pub fn announce_run(&mut self, exit: &Exit) {
        self.tell_end(exit, |connection| {
            connection.waiting || connection.attachment.is_some_and(|a| a.session == MAIN)
        });
    }

    /// Tells everybody the end. Nobody is waited for.
    pub fn announce(&mut self, exit: &Exit) {
        self.announce_run(exit);
        for number in self.connections.numbers() {
            if self.connections.get(number).is_some_and(|c| !c.closing) {
                self.drop_connection(number);
            }
        }
    }

    pub(super) fn tell_end(&mut self, exit: &Exit, whom: impl Fn(&Connection) -> bool) {
        for number in self.connections.numbers() {
            let Some(connection) = self.connections.get(number) else { continue };
            if !whom(connection) {
                continue;
            }
            connection.attachment = None;
            connection.closing = true;
            if self.reply(number, &Reply::Exited(exit.clone())).is_err() {
                self.drop_connection(number);
            }
        }
    }
}
