//! Which lines are worth printing, and how many of them. Pure: the clock is an argument.
//!
//! State changes and epochs get a line each while they come at a readable pace. What exceeds [`BURST`] lines a second is
//! swallowed, and one tally a second takes its place, so that a thousand jobs of a millisecond cost nothing and say enough.

use std::collections::HashMap;
use std::time::Duration;

use sweep_shared::ids::JobId;
use sweep_shared::states::JobState;

use super::board::{Board, Change};
use super::estimate::Pace;
use super::lines;
use crate::answer::Job;
use crate::format;

/// Lines a second about single jobs, and again as many about failures.
const BURST: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);
/// Between two lines about the inside of an epoch of one job.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);
/// After so long without a line the tally says that all is well.
const SILENCE: Duration = Duration::from_mins(1);

/// How much the reader sees elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Nothing: the lines are all there is.
    Full,
    /// Running jobs have bars: only what ended is told in lines.
    Ends,
}

/// Remembers what was printed and when.
pub struct Journal {
    detail: Detail,
    running: HashMap<JobId, Running>,
    window: Duration,
    printed: u32,
    failures: u32,
    /// Lines of this second were swallowed.
    swallowed: bool,
    /// Lines were swallowed at some time: the tally is the end of the story.
    crowded: bool,
    last_line: Duration,
    /// The last that was said of the sweep.
    paused: bool,
}

struct Running {
    pace: Pace,
    last_line: Duration,
}

impl Journal {
    pub fn new(detail: Detail) -> Self {
        let zero = Duration::ZERO;
        let running = HashMap::new();
        Self {
            detail,
            running,
            window: zero,
            printed: 0,
            failures: 0,
            swallowed: false,
            crowded: false,
            last_line: zero,
            paused: false,
        }
    }

    /// The lines for these changes.
    pub fn changed(&mut self, now: Duration, board: &Board, changes: &[Change]) -> Vec<String> {
        let mut out = self.roll(now, board);
        for change in changes {
            match change {
                Change::Opened => out.extend(self.opened(now, board)),
                Change::State(id) => out.extend(board.job(*id).and_then(|job| self.state(now, board, job))),
                Change::Epoch(id) => {
                    out.extend(board.job(*id).and_then(|job| self.progress(now, board, job, Duration::ZERO)));
                }
                Change::Progress(id) => {
                    out.extend(board.job(*id).and_then(|job| self.progress(now, board, job, PROGRESS_EVERY)));
                }
                Change::Sweep => out.extend(self.pause(board)),
            }
        }
        self.stamped(now, out)
    }

    /// The lines that are due because time passed.
    pub fn tick(&mut self, now: Duration, board: &Board) -> Vec<String> {
        let mut out = self.roll(now, board);
        let silent = now.saturating_sub(self.last_line) >= SILENCE && self.detail == Detail::Full;
        if out.is_empty() && silent && board.total() > 0 {
            out.push(lines::tally(board));
        }
        self.stamped(now, out)
    }

    /// The last lines: the tally, if some of what it counts was never told.
    pub fn close(&mut self, now: Duration, board: &Board) -> Vec<String> {
        let out = if std::mem::take(&mut self.crowded) { vec![lines::tally(board)] } else { Vec::new() };
        self.stamped(now, out)
    }

    /// When this running job will be done, judged by its pace since it was first seen.
    pub fn left(&mut self, now: Duration, job: &Job) -> Option<Duration> {
        let seen = self.running.entry(job.id).or_insert_with(|| Running::first_seen(now, job));
        seen.pace.left(now, job.fraction, 1.0)
    }

    fn opened(&mut self, now: Duration, board: &Board) -> Vec<String> {
        let Some(sweep) = board.sweep() else { return Vec::new() };
        let mut out = vec![format!("{} {}: {}", sweep.id, sweep.name, format::plural(board.total(), "job"))];
        if board.over() > 0 {
            out.push(lines::tally(board));
        }
        out.extend(self.pause(board));
        let running: Vec<&Job> = board.running().collect();
        out.extend(running.into_iter().filter_map(|job| self.state(now, board, job)));
        out
    }

    /// What there is to say about being paused, and about being so no longer.
    fn pause(&mut self, board: &Board) -> Option<String> {
        let sweep = board.sweep()?;
        let was = std::mem::replace(&mut self.paused, sweep.pause().is_some());
        match lines::paused(sweep) {
            None if was && !sweep.is_over() => Some(format!("{} goes on", sweep.id)),
            said => said,
        }
    }

    fn state(&mut self, now: Duration, board: &Board, job: &Job) -> Option<String> {
        self.running.remove(&job.id);
        if job.state == JobState::Running {
            self.running.insert(job.id, Running::first_seen(now, job));
        }
        let worth = match job.state {
            JobState::Blocked => false,
            JobState::Ready => job.attempt > 0,
            JobState::Running => self.detail == Detail::Full,
            _ => true,
        };
        let spent = if job.state == JobState::Failed { &mut self.failures } else { &mut self.printed };
        if !worth {
            return None;
        }
        *spent += 1;
        if *spent > BURST {
            self.swallowed = true;
            self.crowded = true;
            return None;
        }
        Some(lines::state(board, job))
    }

    fn progress(&mut self, now: Duration, board: &Board, job: &Job, every: Duration) -> Option<String> {
        let seen = self.running.entry(job.id).or_insert_with(|| Running::first_seen(now, job));
        if self.detail == Detail::Ends || now.saturating_sub(seen.last_line) < every || self.printed >= BURST {
            return None;
        }
        seen.last_line = now;
        self.printed += 1;
        let left = seen.pace.left(now, job.fraction, 1.0);
        Some(format!("{} {}: {}", job.id, board.name(job), lines::progress(job, left, usize::MAX)))
    }

    /// Begins a new second; says in one line what the last one swallowed.
    fn roll(&mut self, now: Duration, board: &Board) -> Vec<String> {
        if now.saturating_sub(self.window) < SECOND {
            return Vec::new();
        }
        self.window = now;
        self.printed = 0;
        self.failures = 0;
        if std::mem::take(&mut self.swallowed) { vec![lines::tally(board)] } else { Vec::new() }
    }

    fn stamped(&mut self, now: Duration, out: Vec<String>) -> Vec<String> {
        if !out.is_empty() {
            self.last_line = now;
        }
        out.into_iter().map(|line| format!("{} {line}", lines::stamp(now))).collect()
    }
}

impl Running {
    fn first_seen(now: Duration, job: &Job) -> Self {
        Self { pace: Pace::starting(now, job.fraction), last_line: Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::board::Event;
    use crate::progress::board::tests::{job, sweep};

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn board(jobs: i64) -> Board {
        let mut board = Board::default();
        board.apply(Event::Snapshot(sweep(), (1..=jobs).map(|id| job(id, JobState::Ready)).collect()));
        board
    }

    fn tell(journal: &mut Journal, board: &mut Board, now: Duration, job: Job) -> Vec<String> {
        let changes = board.apply(Event::Job(Box::new(job)));
        journal.changed(now, board, &changes)
    }

    #[test]
    fn few_jobs_get_a_line_for_each_change() {
        let mut board = board(1);
        let mut journal = Journal::new(Detail::Full);
        assert_eq!(journal.changed(ms(0), &board, &[Change::Opened]), ["[    0.0s] s1 study: 1 job"]);
        assert_eq!(tell(&mut journal, &mut board, ms(100), job(1, JobState::Running)), ["[    0.1s] j1 base: running"]);
        let epoch = Job { epoch: 1, fraction: 0.2, ..job(1, JobState::Running) };
        let lines = tell(&mut journal, &mut board, ms(10_100), epoch);
        assert_eq!(lines, ["[   10.1s] j1 base: epoch 1/5, about 40 s left"]);
        let lines = tell(&mut journal, &mut board, ms(50_000), Job { attempt: 1, ..job(1, JobState::Succeeded) });
        assert_eq!(lines, ["[   50.0s] j1 base: succeeded"]);
    }

    #[test]
    fn within_an_epoch_there_is_a_line_every_ten_seconds() {
        let mut board = board(1);
        let mut journal = Journal::new(Detail::Full);
        tell(&mut journal, &mut board, ms(0), job(1, JobState::Running));
        let mut printed = 0;
        for second in 1..=60 {
            let further = Job { fraction: second as f64 / 100.0, ..job(1, JobState::Running) };
            printed += tell(&mut journal, &mut board, ms(second * 1_000), further).len();
        }
        assert_eq!(printed, 6);
    }

    #[test]
    fn a_thousand_quick_jobs_become_a_tally_a_second() {
        let mut board = board(1_000);
        let mut journal = Journal::new(Detail::Full);
        let mut lines = Vec::new();
        for id in 1..=1_000 {
            lines.extend(tell(
                &mut journal,
                &mut board,
                ms(id as u64 * 2),
                Job { attempt: 1, ..job(id, JobState::Succeeded) },
            ));
        }
        lines.extend(journal.close(ms(2_001), &board));
        assert!(lines.len() <= 3 * BURST as usize + 3, "{} lines", lines.len());
        let tallies: Vec<&String> = lines.iter().filter(|line| line.contains("of 1000 jobs done")).collect();
        assert!(tallies.len() >= 2, "{tallies:?}");
        assert!(lines.last().unwrap().contains("1000 of 1000 jobs done"));
    }

    #[test]
    fn failures_are_told_even_in_a_crowd() {
        let mut board = board(1_000);
        let mut journal = Journal::new(Detail::Full);
        for id in 1..=999 {
            tell(&mut journal, &mut board, ms(10), Job { attempt: 1, ..job(id, JobState::Succeeded) });
        }
        let lines = tell(&mut journal, &mut board, ms(11), Job { attempt: 1, ..job(1_000, JobState::Failed) });
        assert_eq!(lines, ["[    0.0s] j1000 base: failed"]);
    }

    #[test]
    fn a_pause_and_its_end_are_told_once_each() {
        let mut board = board(1);
        let mut journal = Journal::new(Detail::Ends);
        let mut told = |sweep| {
            let changes = board.apply(Event::Sweep(sweep));
            journal.changed(ms(0), &board, &changes)
        };
        let paused = crate::answer::Sweep { paused: true, ..sweep() };
        assert_eq!(told(paused.clone()), ["[    0.0s] s1 is paused; `sweep resume s1` goes on"]);
        assert!(told(paused).is_empty());
        assert_eq!(told(sweep()), ["[    0.0s] s1 goes on"]);
    }

    #[test]
    fn beside_bars_only_ends_are_told() {
        let mut board = board(1);
        let mut journal = Journal::new(Detail::Ends);
        assert!(tell(&mut journal, &mut board, ms(0), job(1, JobState::Running)).is_empty());
        let epoch = Job { epoch: 1, ..job(1, JobState::Running) };
        assert!(tell(&mut journal, &mut board, ms(20_000), epoch).is_empty());
        let ended = Job { attempt: 1, ..job(1, JobState::Succeeded) };
        assert_eq!(tell(&mut journal, &mut board, ms(30_000), ended).len(), 1);
    }

    #[test]
    fn a_long_silence_is_broken_by_the_tally() {
        let mut board = board(1);
        let mut journal = Journal::new(Detail::Full);
        tell(&mut journal, &mut board, ms(0), job(1, JobState::Running));
        assert!(journal.tick(ms(59_000), &board).is_empty());
        assert_eq!(journal.tick(ms(60_000), &board), ["[   60.0s] 0 of 1 job done, 1 running"]);
        assert!(journal.tick(ms(61_000), &board).is_empty());
    }
}
