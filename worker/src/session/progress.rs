//! What an attempt told of itself and the coordinator may not have heard yet.

use std::time::Duration;

use sweep_shared::event::Epoch;

use super::message::Progress;

/// Epochs kept for a coordinator that is away; beyond, the oldest go.
const MOST_EPOCHS: usize = 10_000;
/// Epochs in one message.
const EPOCHS_AT_ONCE: usize = 500;

/// Coalesced: the newest fraction and message, but every epoch.
#[derive(Default)]
pub struct Untold {
    progress: Progress,
    /// Epochs and the checkpoint resumed from that this connection was not told yet.
    epochs_told: usize,
    resumed_told: bool,
    news: bool,
    /// Since when the runner has said nothing, and when it is judged hung: on the session's clock.
    silence: Option<(Duration, Duration)>,
}

impl Untold {
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

    /// Told while it is near to being judged hung: since when it is silent, and until when that is borne.
    pub fn silent(&mut self, silence: Option<(Duration, Duration)>) {
        self.silence = silence;
        self.news = true;
    }

    /// It was killed, and does not die.
    pub fn stuck(&mut self, why: String) {
        self.progress.stuck = why;
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

    /// A new connection: what the last one was told may not have arrived.
    pub fn rewind(&mut self) {
        self.epochs_told = 0;
        self.resumed_told = false;
        self.news = self.progress != Progress::default() || self.silence.is_some();
    }

    /// The next message, if there is anything new `now`.
    pub fn next(&mut self, now: Duration) -> Option<Progress> {
        if !self.news {
            return None;
        }
        let until = self.progress.epochs.len().min(self.epochs_told + EPOCHS_AT_ONCE);
        let epochs = self.progress.epochs[self.epochs_told..until].to_vec();
        self.epochs_told = until;
        self.news = until < self.progress.epochs.len();
        let resumed = self.progress.resumed.filter(|_| !self.resumed_told);
        self.resumed_told = true;
        let silence = self.silence.map(|(since, until)| (now.saturating_sub(since), until.saturating_sub(now)));
        let (message, stuck) = (self.progress.message.clone(), self.progress.stuck.clone());
        Some(Progress { message, epochs, resumed, silence, stuck, ..self.progress })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn epoch(epoch: u32) -> Epoch {
        Epoch { epoch, epochs: 4, phase: String::new(), metrics: std::collections::BTreeMap::new() }
    }

    #[test]
    fn every_epoch_is_told_once_and_all_of_them_again_to_a_new_connection() {
        let mut untold = Untold::default();
        assert_eq!(untold.next(NOW), None);
        untold.resumed(1, 10);
        untold.epoch_ended(epoch(2));
        untold.epoch_ended(epoch(3));
        let told = untold.next(NOW).unwrap();
        assert_eq!((told.epochs.len(), told.resumed, told.fraction), (2, Some((1, 10)), 0.75));
        untold.epoch_ended(epoch(4));
        let told = untold.next(NOW).unwrap();
        assert_eq!((told.epochs, told.resumed), (vec![epoch(4)], None));
        assert_eq!(untold.next(NOW), None);
        untold.rewind();
        let told = untold.next(NOW).unwrap();
        assert_eq!((told.epochs.len(), told.resumed), (3, Some((1, 10))));
    }

    #[test]
    fn a_silence_is_told_as_it_is_by_then_and_again_to_a_new_connection() {
        let s = Duration::from_secs;
        let mut untold = Untold::default();
        untold.silent(Some((s(40), s(160))));
        assert_eq!(untold.next(NOW).unwrap().silence, Some((s(60), s(60))));
        assert_eq!(untold.next(NOW), None);
        untold.rewind();
        assert_eq!(untold.next(s(170)).unwrap().silence, Some((s(130), s(0))));
        untold.silent(None);
        assert_eq!(untold.next(NOW).unwrap().silence, None);
        untold.stuck("in the kernel".to_owned());
        untold.rewind();
        assert_eq!(untold.next(NOW).unwrap().stuck, "in the kernel");
    }

    #[test]
    fn epochs_are_bounded_and_go_in_messages_of_bounded_size() {
        let mut untold = Untold::default();
        (0..MOST_EPOCHS as u32).for_each(|n| untold.epoch_ended(epoch(n)));
        let told: Vec<Progress> = std::iter::from_fn(|| untold.next(NOW)).collect();
        assert_eq!(told.len(), MOST_EPOCHS / EPOCHS_AT_ONCE);
        assert!(told.iter().flat_map(|progress| &progress.epochs).map(|e| e.epoch).eq(0..MOST_EPOCHS as u32));
        untold.epoch_ended(epoch(77));
        assert_eq!(untold.progress.epochs.len(), MOST_EPOCHS);
        assert_eq!(untold.next(NOW).unwrap().epochs, [epoch(77)]);
    }
}
