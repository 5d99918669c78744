//! Whether a runner has hung. A pure decision: the time comes in with every call.
//!
//! A runner is judged by its own pace: what says nothing for ten times its longest epoch is not slow but stuck. Before
//! the first epoch nobody knows the pace, so patience is longer there. Time in which the agent itself did not look
//! (it was stopped, the machine slept) is nobody's silence.

use std::time::Duration;

use sweep_shared::event::RunnerEvent;
use sweep_shared::span::in_words;

use crate::session::HangAfter;

/// Longest epochs of silence that are borne.
const EPOCHS: u32 = 10;
/// The least patience times this, while no epoch has ended: reading data and compiling may take long, and whoever reports
/// epochs only has reported nothing yet.
const FIRST: u32 = 6;
/// Looks within a patience.
const LOOKS: u32 = 40;
const BETWEEN_LOOKS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(5));

/// What a look comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    Well,
    /// More than half of its patience is gone.
    Silent {
        silent: Duration,
        left: Duration,
    },
    /// Why, in words.
    Hung(String),
}

/// Watches one runner.
pub struct Watchdog {
    after: HangAfter,
    /// Whatever its pace, this much silence is borne.
    least: Duration,
    /// On the caller's clock.
    looked: Duration,
    /// Time that counts: what passed while somebody looked. The moments below are on this clock.
    awake: Duration,
    heard: Duration,
    epoch_began: Duration,
    longest_epoch: Option<Duration>,
    /// The last progress told: the same again is none.
    told: Option<(f64, String)>,
}

impl Watchdog {
    pub fn new(after: HangAfter, least: Duration, now: Duration) -> Self {
        let (awake, heard, epoch_began) = Default::default();
        Self { after, least, looked: now, awake, heard, epoch_began, longest_epoch: None, told: None }
    }

    /// How often it wants to look; `None`: never.
    pub fn every(&self) -> Option<Duration> {
        let patience = match self.after {
            HangAfter::Never => return None,
            HangAfter::Silence(span) => span,
            HangAfter::Usual => self.least,
        };
        Some((patience / LOOKS).clamp(BETWEEN_LOOKS.0, BETWEEN_LOOKS.1))
    }

    /// The runner said something.
    pub fn hear(&mut self, event: &RunnerEvent, now: Duration) {
        self.pass(now);
        match event {
            RunnerEvent::Progress { fraction, message } => {
                let told = Some((*fraction, message.clone()));
                if told == self.told {
                    // A thread that only says that it is there.
                    return;
                }
                self.told = told;
            }
            RunnerEvent::Epoch { .. } => {
                let took = self.awake.saturating_sub(self.epoch_began);
                self.longest_epoch = self.longest_epoch.max(Some(took));
                self.epoch_began = self.awake;
            }
            // Fetching and reading the checkpoint is no part of an epoch.
            RunnerEvent::Resumed { .. } => self.epoch_began = self.awake,
            _ => {}
        }
        self.heard = self.awake;
    }

    pub fn look(&mut self, now: Duration) -> Judgement {
        self.pass(now);
        let silent = self.awake.saturating_sub(self.heard);
        let Some(patience) = self.patience() else { return Judgement::Well };
        if silent >= patience {
            return Judgement::Hung(self.words(silent));
        }
        let left = patience.saturating_sub(silent);
        if silent > left { Judgement::Silent { silent, left } } else { Judgement::Well }
    }

    /// Of a gap between two looks, only what a late look explains counts.
    fn pass(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.looked);
        self.looked = now;
        self.awake += self.every().map_or(passed, |every| passed.min(every * 2));
    }

    fn patience(&self) -> Option<Duration> {
        match (self.after, self.longest_epoch) {
            (HangAfter::Never, _) => None,
            (HangAfter::Silence(span), _) => Some(span),
            (HangAfter::Usual, None) => Some(self.least * FIRST),
            (HangAfter::Usual, Some(epoch)) => Some(self.least.max(epoch * EPOCHS)),
        }
    }

    fn words(&self, silent: Duration) -> String {
        let silent = in_words(silent);
        match (self.after, self.longest_epoch) {
            (HangAfter::Silence(_), _) => format!("no progress for {silent}, which is its hang_after"),
            (_, Some(epoch)) => format!("no progress for {silent}, while its epochs take {}", in_words(epoch)),
            (_, None) => format!("no progress for {silent}, and no epoch before"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Duration = Duration::from_mins(10);

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn epoch(epoch: u32) -> RunnerEvent {
        RunnerEvent::Epoch { epoch, epochs: 9, phase: String::new(), metrics: Default::default() }
    }

    fn progress(fraction: f64) -> RunnerEvent {
        RunnerEvent::Progress { fraction, message: "loss 1.2".to_owned() }
    }

    /// A runner under a dog, and its clock.
    struct Kennel {
        dog: Watchdog,
        now: Duration,
    }

    impl Kennel {
        fn new(after: HangAfter) -> Self {
            Self { dog: Watchdog::new(after, LEAST, s(1000)), now: s(1000) }
        }

        fn hear(&mut self, event: &RunnerEvent) {
            self.dog.hear(event, self.now);
        }

        /// Time passes, and the dog looks as often as it wants to.
        fn wait(&mut self, time: Duration) -> Judgement {
            let until = self.now + time;
            let mut judged = self.dog.look(self.now);
            while self.now < until && !matches!(judged, Judgement::Hung(_)) {
                self.now = until.min(self.now + self.dog.every().unwrap_or(time));
                judged = self.dog.look(self.now);
            }
            judged
        }
    }

    #[test]
    fn a_runner_is_judged_by_its_own_pace() {
        let mut slow = Kennel::new(HangAfter::Usual);
        assert_eq!(slow.wait(s(300)), Judgement::Well);
        slow.hear(&epoch(1));
        // An epoch takes 300 s, ten of them are 50 min.
        assert_eq!(slow.wait(s(1500)), Judgement::Well);
        assert_eq!(slow.wait(s(1000)), Judgement::Silent { silent: s(2500), left: s(500) });
        assert_eq!(
            slow.wait(s(1000)),
            Judgement::Hung("no progress for 50 min, while its epochs take 5 min".to_owned())
        );

        let mut quick = Kennel::new(HangAfter::Usual);
        quick.wait(s(40));
        quick.hear(&epoch(1));
        quick.wait(s(5));
        quick.hear(&epoch(2));
        assert!(!matches!(quick.wait(s(599)), Judgement::Hung(_)), "the least is borne");
        assert_eq!(quick.wait(s(1)), Judgement::Hung("no progress for 10 min, while its epochs take 40 s".to_owned()));
    }

    #[test]
    fn before_the_first_epoch_patience_is_longer() {
        let mut dog = Kennel::new(HangAfter::Usual);
        assert_eq!(dog.wait(s(3599)), Judgement::Silent { silent: s(3599), left: s(1) });
        assert_eq!(dog.wait(s(1)), Judgement::Hung("no progress for 60 min, and no epoch before".to_owned()));
        // Reading a checkpoint is no epoch.
        let mut resumed = Kennel::new(HangAfter::Usual);
        resumed.wait(s(1000));
        resumed.hear(&RunnerEvent::Resumed { epoch: 4, step: 100 });
        resumed.wait(s(10));
        resumed.hear(&epoch(5));
        assert!(matches!(resumed.wait(s(600)), Judgement::Hung(_)));
    }

    #[test]
    fn only_what_is_new_is_progress() {
        let mut dog = Kennel::new(HangAfter::Usual);
        dog.hear(&epoch(1));
        for step in 0..100 {
            dog.hear(&progress(f64::from(step) / 1000.0));
            assert_eq!(dog.wait(s(60)), Judgement::Well);
        }
        for _ in 0..8 {
            dog.hear(&progress(0.099));
            assert!(!matches!(dog.wait(s(60)), Judgement::Hung(_)));
        }
        assert!(matches!(dog.wait(s(60)), Judgement::Hung(_)), "a thread that repeats itself trains nothing");
        let mut said = Kennel::new(HangAfter::Usual);
        said.hear(&epoch(1));
        said.wait(s(500));
        said.hear(&RunnerEvent::Checkpoint { epoch: 1, step: 1, files: vec![] });
        assert_eq!(said.wait(s(200)), Judgement::Well);
    }

    #[test]
    fn time_in_which_nobody_looked_is_nobodys_silence() {
        let mut dog = Kennel::new(HangAfter::Usual);
        dog.hear(&epoch(1));
        dog.wait(s(200));
        for _ in 0..3 {
            // The machine sleeps for a day, again and again.
            dog.now += s(86_400);
            assert!(!matches!(dog.dog.look(dog.now), Judgement::Hung(_)));
            dog.hear(&progress(dog.now.as_secs_f64()));
        }
        // Nor does a sleep make an epoch long.
        dog.now += s(86_400);
        dog.hear(&epoch(2));
        assert!(matches!(dog.wait(s(3000)), Judgement::Hung(_)));
    }

    #[test]
    fn a_plan_may_say_how_long() {
        let mut exact = Kennel::new(HangAfter::Silence(s(30)));
        exact.wait(s(29));
        exact.hear(&epoch(1));
        assert_eq!(exact.wait(s(14)), Judgement::Well);
        assert_eq!(exact.wait(s(16)), Judgement::Hung("no progress for 30 s, which is its hang_after".to_owned()));
        let mut never = Kennel::new(HangAfter::Never);
        assert_eq!(never.dog.every(), None);
        assert_eq!(never.wait(s(1_000_000)), Judgement::Well);
    }
}
