//! What the shell keeps of each attempt, from its start until its end is acknowledged.

use std::path::PathBuf;

use sweep_shared::ids::Token;
use tokio::sync::watch;

use super::link::Outgoing;
use super::message::Outbound;
use super::state::Stop;
use crate::attempt::LogTail;

pub struct Run {
    stop: watch::Sender<Option<Stop>>,
    tail: LogTail,
    /// Said once, not several times a second.
    broken: bool,
}

impl Run {
    pub fn new(log: PathBuf, log_bytes: u64) -> Self {
        Self { stop: watch::channel(None).0, tail: LogTail::new(log, log_bytes), broken: false }
    }

    pub fn stop_signal(&self) -> watch::Receiver<Option<Stop>> {
        self.stop.subscribe()
    }

    /// Asks the attempt to stop. A milder way never replaces a harder one.
    pub fn ask(&self, stop: Stop) {
        self.stop.send_if_modified(|asked| {
            let harder = stop.replaces(asked.as_ref());
            if harder {
                *asked = Some(stop);
            }
            harder
        });
    }

    /// A new connection, whose coordinator has this much of the log.
    pub fn rewind(&mut self, to: u64) {
        self.tail.rewind(to);
    }

    /// Sends what is new of the log, as far as the network takes it; `over`: all of it, since nothing follows.
    pub fn tell(&mut self, token: Token, outgoing: &Outgoing, over: bool) {
        while over || !outgoing.is_congested() {
            match self.tail.next_piece(over) {
                Ok(Some((offset, data))) => outgoing.send(Outbound::Log { token, offset, data }),
                Ok(None) => break,
                Err(error) => {
                    self.complain(token, &error, "read");
                    break;
                }
            }
        }
    }

    /// Gives back the disk space of what the log has too much, whether or not anybody listens.
    pub fn trim(&mut self, token: Token) {
        if let Err(error) = self.tail.trim() {
            self.complain(token, &error, "shorten");
        }
    }

    fn complain(&mut self, token: Token, error: &std::io::Error, what: &str) {
        if !std::mem::replace(&mut self.broken, true) {
            tracing::warn!(%token, %error, "cannot {what} an attempt's log");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_harder_stop_replaces_a_milder_one_only() {
        let run = Run::new(PathBuf::from("/nonexistent"), 1 << 20);
        let asked = run.stop_signal();
        run.ask(Stop::Interrupt("a".to_owned()));
        run.ask(Stop::Interrupt("b".to_owned()));
        assert_eq!(*asked.borrow(), Some(Stop::Interrupt("a".to_owned())));
        run.ask(Stop::Kill("c".to_owned()));
        run.ask(Stop::Cancel);
        run.ask(Stop::Kill("d".to_owned()));
        assert_eq!(*asked.borrow(), Some(Stop::Cancel));
    }
}
