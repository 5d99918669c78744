//! What is known of the sweep, and what the user has chosen to see of it. Pure.

mod keys;
mod log;
mod order;

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

pub use keys::{Effect, HELP, Key};
pub use log::Log;
pub use order::{Filter, Sort};
use sweep_shared::ids::{JobId, SweepId};

use super::feed::{News, Wants};
use crate::answer::{Agent, EpochEnd, Explanation, Job};
use crate::connect::Target;
use crate::moment::Zone;
use crate::progress::{Board, Event, Pace};
use order::ordered;

/// How long a remark stays.
const REMARK: Duration = Duration::from_secs(8);

/// What the lower part shows of the chosen job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pane {
    #[default]
    Curves,
    Log,
    Why,
}

/// Whether the coordinator is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Connecting,
    Connected,
    /// Since this moment.
    Lost(Duration),
}

/// All of it.
pub struct Screen {
    pub sweep: SweepId,
    pub board: Board,
    pub agents: Vec<Agent>,
    pub link: Link,
    pub filter: Filter,
    pub sort: Sort,
    pub pane: Pane,
    pub help: bool,
    /// What `y` would cancel.
    pub asking: Option<Target>,
    pub zone: Zone,
    /// Since the beginning, and on the wall.
    pub elapsed: Duration,
    pub now: SystemTime,
    pub curves: Option<(JobId, Vec<EpochEnd>)>,
    pub log: Log,
    pub why: Option<(JobId, Result<Explanation, String>)>,
    /// Rows that the last picture had room for, and the first of them.
    pub rows: usize,
    pub top: usize,
    selected: Option<JobId>,
    remark: Option<(String, Duration)>,
    paces: HashMap<JobId, Pace>,
    whole: Option<Pace>,
}

impl Screen {
    pub fn new(sweep: SweepId, zone: Zone) -> Self {
        Self {
            sweep,
            board: Board::default(),
            agents: Vec::new(),
            link: Link::Connecting,
            filter: Filter::default(),
            sort: Sort::default(),
            pane: Pane::default(),
            help: false,
            asking: None,
            zone,
            elapsed: Duration::ZERO,
            now: SystemTime::UNIX_EPOCH,
            curves: None,
            log: Log::default(),
            why: None,
            rows: 0,
            top: 0,
            selected: None,
            remark: None,
            paces: HashMap::new(),
            whole: None,
        }
    }

    /// Time passes.
    pub fn pass(&mut self, elapsed: Duration, now: SystemTime) {
        (self.elapsed, self.now) = (elapsed, now);
        if self.remark.as_ref().is_some_and(|(_, since)| elapsed.saturating_sub(*since) > REMARK) {
            self.remark = None;
        }
        for job in self.board.running() {
            self.paces.entry(job.id).or_insert_with(|| Pace::starting(elapsed, job.fraction));
        }
        if self.board.total() > 0 {
            self.whole.get_or_insert_with(|| Pace::starting(elapsed, self.board.work_done()));
        }
    }

    /// Something to tell, for a while.
    pub fn remark(&mut self, text: &str) {
        self.remark = Some((text.split_whitespace().collect::<Vec<_>>().join(" "), self.elapsed));
    }

    pub fn remarked(&self) -> Option<&str> {
        self.remark.as_ref().map(|(text, _)| text.as_str())
    }

    pub fn hear(&mut self, news: News) {
        match news {
            News::Event(event) => {
                if matches!(event, Event::Snapshot(..)) {
                    self.link = Link::Connected;
                }
                self.board.apply(event);
                self.stay_on_the_list();
            }
            News::Lost => {
                if !matches!(self.link, Link::Lost(_)) {
                    self.link = Link::Lost(self.elapsed);
                }
            }
            News::Agents(agents) => self.agents = agents,
            News::Curves(job, curves) => self.curves = Some((job, curves)),
            News::Why(job, why) => self.why = Some((job, why)),
            News::Log { job, begins, text } => self.log.add(job, begins, &text),
            News::Remark(text) => self.remark(&text),
        }
    }

    /// The jobs that are listed, in their order.
    pub fn listed(&self) -> Vec<&Job> {
        ordered(&self.board, self.filter, self.sort, self.now)
    }

    pub fn selected(&self) -> Option<&Job> {
        self.board.job(self.selected?)
    }

    /// What is to be asked for.
    pub fn wants(&self) -> Wants {
        let job = self.selected().filter(|_| self.link == Link::Connected);
        let of = |pane: Pane| job.filter(|_| self.pane == pane).map(|job| job.id);
        Wants { curves: of(Pane::Curves), log: of(Pane::Log), why: of(Pane::Why) }
    }

    /// When a running job will be done.
    pub fn left(&self, job: &Job) -> Option<Duration> {
        self.paces.get(&job.id)?.left(self.elapsed, job.fraction, 1.0)
    }

    /// When all will be done.
    pub fn all_left(&self) -> Option<Duration> {
        let sweep = self.board.sweep().filter(|sweep| !sweep.is_over() && sweep.pause().is_none());
        sweep.and(self.whole)?.left(self.elapsed, self.board.work_done(), self.board.total() as f64)
    }

    fn select(&mut self, job: Option<JobId>) {
        if self.selected != job {
            self.selected = job;
            (self.curves, self.why, self.log) = (None, None, Log::default());
        }
    }

    /// Where the chosen job is no longer listed, the nearest takes its place; at first, whatever runs.
    fn stay_on_the_list(&mut self) {
        let listed = self.listed();
        if self.selected.is_some_and(|id| listed.iter().any(|job| job.id == id)) {
            return;
        }
        // Where the filter leaves none, the choice is kept for when it leaves some again.
        if listed.is_empty() && self.selected().is_some() {
            return;
        }
        let running = listed.iter().find(|job| job.state == sweep_shared::states::JobState::Running);
        let next = running.or(listed.get(self.top)).or(listed.first()).map(|job| job.id);
        self.select(next);
    }

    fn step(&mut self, by: isize) {
        let listed: Vec<JobId> = self.listed().iter().map(|job| job.id).collect();
        let Some(last) = listed.len().checked_sub(1) else { return };
        let at = listed.iter().position(|id| Some(*id) == self.selected).unwrap_or(0);
        let at = at.saturating_add_signed(by).min(last);
        self.select(Some(listed[at]));
    }

    /// Keeps the chosen row among so many that are shown.
    pub fn fit(&mut self, rows: usize) {
        self.rows = rows;
        if rows == 0 {
            return;
        }
        let listed = self.listed();
        let at = listed.iter().position(|job| Some(job.id) == self.selected).unwrap_or(0);
        let most = listed.len().saturating_sub(rows);
        self.top = self.top.clamp((at + 1).saturating_sub(rows), at).min(most);
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::moment::tests::{at, zone};
    use crate::progress::{tests_job, tests_sweep};
    use sweep_shared::states::JobState;

    /// Six jobs in different states, of which the second runs.
    pub fn screen() -> Screen {
        let mut screen = Screen::new(SweepId(1), zone());
        screen.pass(Duration::ZERO, at(0));
        let of =
            |id, stage: &str, state| Job { stage: stage.into(), agent: "desk-1a2b".into(), ..tests_job(id, state) };
        let jobs = vec![
            Job {
                attempt: 1,
                epoch: 5,
                fraction: 1.0,
                started: Some(at(0)),
                finished: Some(at(90)),
                ..of(1, "teacher", JobState::Succeeded)
            },
            Job {
                label: "model=kd-conv4".into(),
                epoch: 3,
                fraction: 0.6,
                started: Some(at(90)),
                metrics: [("val_accuracy".to_owned(), 0.812)].into(),
                ..of(2, "student", JobState::Running)
            },
            Job { label: "model=kd-conv5".into(), ..of(3, "student", JobState::Ready) },
            Job { attempt: 2, message: "CUDA out of memory".into(), ..of(4, "wide", JobState::Failed) },
            of(5, "pruned", JobState::Blocked),
            of(6, "int8", JobState::Blocked),
        ];
        let counts = jobs.iter().fold(crate::answer::Counts::new(), |mut counts, job| {
            *counts.entry(job.state).or_default() += 1;
            counts
        });
        let sweep = crate::answer::Sweep { counts, created: Some(at(0)), ..tests_sweep() };
        screen.hear(News::Event(Event::Snapshot(sweep, jobs)));
        screen.fit(4);
        screen
    }

    pub fn id(screen: &Screen) -> i64 {
        screen.selected().unwrap().id.0
    }

    #[test]
    fn whatever_runs_is_chosen_first_and_stays_chosen() {
        let mut screen = screen();
        assert_eq!(id(&screen), 2);
        let done = Job { fraction: 1.0, ..tests_job(2, JobState::Succeeded) };
        screen.hear(News::Event(Event::Job(Box::new(done))));
        assert_eq!(id(&screen), 2, "that it ended is no reason to look elsewhere");
    }

    #[test]
    fn a_lost_coordinator_is_asked_for_nothing_until_it_is_back() {
        let mut screen = screen();
        assert_eq!(screen.wants().curves, Some(JobId(2)));
        screen.pass(Duration::from_secs(5), at(5));
        screen.hear(News::Lost);
        screen.pass(Duration::from_secs(9), at(9));
        screen.hear(News::Lost);
        assert_eq!((screen.link, screen.wants()), (Link::Lost(Duration::from_secs(5)), Wants::default()));
        let again = Event::Snapshot(screen.board.sweep().unwrap().clone(), vec![tests_job(2, JobState::Running)]);
        screen.hear(News::Event(again));
        assert_eq!(screen.link, Link::Connected);
    }

    #[test]
    fn the_time_left_is_judged_by_the_pace_since_it_was_seen() {
        let mut screen = screen();
        screen.pass(Duration::ZERO, at(0));
        let further = Job { fraction: 0.8, epochs: 5, epoch: 4, ..tests_job(2, JobState::Running) };
        screen.hear(News::Event(Event::Job(Box::new(further))));
        screen.pass(Duration::from_secs(10), at(10));
        assert_eq!(screen.left(screen.selected().unwrap()), Some(Duration::from_secs(10)));
        assert!(screen.all_left().is_some());
    }

    #[test]
    fn remarks_go_by_themselves() {
        let mut screen = screen();
        screen.remark("two\nlines");
        assert_eq!(screen.remarked(), Some("two lines"));
        screen.pass(Duration::from_secs(9), at(9));
        assert_eq!(screen.remarked(), None);
    }
}
