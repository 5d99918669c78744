//! What the loop keeps of each attempt, from its start until its end is acknowledged.

use std::path::PathBuf;

use sweep_shared::event::Epoch;
use sweep_shared::ids::Token;
use tokio::sync::watch;

use super::link::Outgoing;
use super::message::{Outbound, Progress};
use super::state::Stop;
use crate::attempt::LogTail;

/// Epochs kept for a coordinator that is away; beyond, the oldest go.
const MOST_EPOCHS: usize = 10_000;

pub struct Run {
    stop: watch::Sender<Option<Stop>>,
    progress: Progress,
    /// Epochs and the checkpoint resumed from that this session was not told yet.
    epochs_told: usize,
    resumed_told: bool,
    news: bool,
    tail: LogTail,
}

impl Run {
    pub fn new(log: PathBuf, log_bytes: u64) -> Self {
        Self {
            stop: watch::channel(None).0,
            progress: Progress::default(),
            epochs_told: 0,
            resumed_told: false,
            news: false,
            tail: LogTail::new(log, log_bytes),
        }
    }

    pub fn stop_signal(&self) -> watch::Receiver<Option<Stop>> {
        self.stop.subscribe()
    }

    /// Asks the attempt to stop. A milder way never replaces a harder one.
    pub fn ask(&self, stop: Stop) {
        self.stop.send_if_modified(|asked| {
            let harder = !matches!((&*asked, &stop), (Some(_), Stop::Interrupt(_)) | (Some(Stop::Cancel), _));
            if harder {
                *asked = Some(stop);
            }
            harder
        });
    }

    pub fn progressed(&mut self, fraction: f64, message: String) {
        self.progress.fraction = fraction;
        self.progress.message = message;
        self.news = true;
    }

    pub fn resumed(&mut self, epoch: u32, step: u64) {
        self.progress.resumed = Some((epoch, step));
        self.resumed_told = false;
        self.news = true;
    }

    pub fn epoch_ended(&mut self, epoch: Epoch) {
        if self.progress.epochs.len() == MOST_EPOCHS {
            self.progress.epochs.remove(0);
            self.epochs_told = self.epochs_told.saturating_sub(1);
        }
        if epoch.epochs > 0 {
            self.progress.fraction = self.progress.fraction.max(f64::from(epoch.epoch) / f64::from(epoch.epochs));
        }
        self.progress.epochs.push(epoch);
        self.news = true;
    }

    /// A new session: what the last one was told may not have arrived.
    pub fn rewind(&mut self) {
        self.epochs_told = 0;
        self.resumed_told = false;
        self.news = self.progress != Progress::default();
        self.tail.rewind();
    }

    /// Tells what is new. `over`: the attempt has ended, so everything has to be told before its end is.
    pub fn tell(&mut self, token: Token, outgoing: &Outgoing, over: bool) {
        if self.news {
            self.news = false;
            outgoing.send(Outbound::Progress(token, self.untold()));
        }
        while over || !outgoing.is_congested() {
            match self.tail.next_piece(over) {
                Ok(Some((offset, data))) => outgoing.send(Outbound::Log { token, offset, data }),
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%token, %error, "cannot read an attempt's log");
                    break;
                }
            }
        }
    }

    fn untold(&mut self) -> Progress {
        let epochs = self.progress.epochs[self.epochs_told..].to_vec();
        self.epochs_told = self.progress.epochs.len();
        let resumed = self.progress.resumed.filter(|_| !self.resumed_told);
        self.resumed_told = true;
        Progress { epochs, resumed, message: self.progress.message.clone(), ..self.progress }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        Run::new(PathBuf::from("/nonexistent"), 1 << 20)
    }

    fn epoch(epoch: u32) -> Epoch {
        Epoch { epoch, epochs: 4, phase: String::new(), metrics: std::collections::BTreeMap::new() }
    }

    #[test]
    fn every_epoch_is_told_once_and_all_of_them_again_to_a_new_session() {
        let mut run = run();
        run.resumed(1, 10);
        run.epoch_ended(epoch(2));
        run.epoch_ended(epoch(3));
        let told = run.untold();
        assert_eq!((told.epochs.len(), told.resumed, told.fraction), (2, Some((1, 10)), 0.75));
        run.epoch_ended(epoch(4));
        let told = run.untold();
        assert_eq!((told.epochs, told.resumed), (vec![epoch(4)], None));
        run.rewind();
        let told = run.untold();
        assert_eq!((told.epochs.len(), told.resumed), (3, Some((1, 10))));
    }

    #[test]
    fn epochs_are_bounded() {
        let mut run = run();
        (0..MOST_EPOCHS as u32).for_each(|n| run.epoch_ended(epoch(n)));
        run.untold();
        run.epoch_ended(epoch(77));
        assert_eq!(run.progress.epochs.len(), MOST_EPOCHS);
        assert_eq!(run.untold().epochs, [epoch(77)]);
    }

    #[test]
    fn a_harder_stop_replaces_a_milder_one_only() {
        let run = run();
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
