//! What is known of a watched sweep.

use std::collections::{BTreeMap, BTreeSet};

use sweep_shared::ids::JobId;
use sweep_shared::states::JobState;

use crate::answer::{Counts, Job, Sweep};

/// News from the coordinator.
#[derive(Debug, Clone)]
pub enum Event {
    /// Everything; sent first, and again after a reconnect.
    Snapshot(Sweep, Vec<Job>),
    Job(Box<Job>),
    Sweep(Sweep),
}

/// What an event changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The first snapshot arrived.
    Opened,
    /// A job's state, or the attempt it is at.
    State(JobId),
    /// Another epoch of this job ended.
    Epoch(JobId),
    /// The job is a little further.
    Progress(JobId),
    /// The sweep's own state, or whether it is paused.
    Sweep,
}

/// A sweep, its jobs, and how many of them are in which state.
#[derive(Debug, Default)]
pub struct Board {
    sweep: Option<Sweep>,
    jobs: BTreeMap<JobId, Job>,
    counts: Counts,
    several_seeds: bool,
}

impl Board {
    /// `None` before the first snapshot.
    pub fn sweep(&self) -> Option<&Sweep> {
        self.sweep.as_ref()
    }

    pub fn job(&self, id: JobId) -> Option<&Job> {
        self.jobs.get(&id)
    }

    /// In the plan's order.
    pub fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values()
    }

    pub fn running(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values().filter(|job| job.state == JobState::Running)
    }

    pub fn total(&self) -> usize {
        self.jobs.len()
    }

    pub fn count(&self, state: JobState) -> usize {
        self.counts.get(&state).copied().unwrap_or(0)
    }

    /// Jobs that will not run again by themselves.
    pub fn over(&self) -> usize {
        self.counts.iter().filter(|(state, _)| state.is_terminal()).map(|(_, n)| n).sum()
    }

    /// Work done, in jobs, the running ones in parts.
    pub fn work_done(&self) -> f64 {
        self.over() as f64 + self.running().map(|job| job.fraction).sum::<f64>()
    }

    /// The job's name, with its seed where the sweep has several.
    pub fn name(&self, job: &Job) -> String {
        job.name(self.several_seeds)
    }

    pub fn apply(&mut self, event: Event) -> Vec<Change> {
        match event {
            Event::Snapshot(sweep, jobs) => self.replace(sweep, jobs),
            Event::Job(job) => self.put(*job).into_iter().collect(),
            Event::Sweep(sweep) => {
                let changed = self.sweep.as_ref().is_none_or(|old| stands_otherwise(old, &sweep));
                self.sweep = Some(sweep);
                if changed { vec![Change::Sweep] } else { Vec::new() }
            }
        }
    }

    fn replace(&mut self, sweep: Sweep, jobs: Vec<Job>) -> Vec<Change> {
        let first = self.sweep.is_none();
        let state_changed = self.sweep.as_ref().is_some_and(|old| stands_otherwise(old, &sweep));
        self.sweep = Some(sweep);
        self.several_seeds = jobs.windows(2).any(|pair| pair[0].seed != pair[1].seed);
        self.keep(&jobs);
        let changes: Vec<Change> = jobs.into_iter().filter_map(|job| self.put(job)).collect();
        match (first, state_changed) {
            (true, _) => vec![Change::Opened],
            (false, true) => changes.into_iter().chain([Change::Sweep]).collect(),
            (false, false) => changes,
        }
    }

    /// Forgets the jobs that an amended plan no longer has.
    fn keep(&mut self, jobs: &[Job]) {
        let listed: BTreeSet<JobId> = jobs.iter().map(|job| job.id).collect();
        let counts = &mut self.counts;
        self.jobs.retain(|id, job| {
            let keep = listed.contains(id);
            if !keep && let Some(n) = counts.get_mut(&job.state) {
                *n -= 1;
            }
            keep
        });
    }

    /// Takes the newest state of a job over, keeping the counts right.
    fn put(&mut self, job: Job) -> Option<Change> {
        let id = job.id;
        let new = (job.state, job.attempt, job.epoch, job.fraction);
        *self.counts.entry(job.state).or_default() += 1;
        let Some(old) = self.jobs.insert(id, job) else { return Some(Change::State(id)) };
        if let Some(n) = self.counts.get_mut(&old.state) {
            *n -= 1;
        }
        let (state, attempt, epoch, fraction) = new;
        if state != old.state || attempt != old.attempt {
            Some(Change::State(id))
        } else if epoch != old.epoch {
            Some(Change::Epoch(id))
        } else {
            (fraction != old.fraction).then_some(Change::Progress(id))
        }
    }
}

fn stands_otherwise(old: &Sweep, new: &Sweep) -> bool {
    (old.state, old.pause()) != (new.state, new.pause())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use sweep_shared::ids::SweepId;
    use sweep_shared::states::SweepState;

    /// A sweep that is being worked on.
    pub(crate) fn sweep() -> Sweep {
        Sweep {
            id: SweepId(1),
            name: "study".into(),
            state: SweepState::Active,
            paused: false,
            paused_reason: String::new(),
            priority: 0,
            created: None,
            finished: None,
            counts: Counts::new(),
            reused: 0,
            gpu_hours: 0.0,
            cpu_hours: 0.0,
            budget: Default::default(),
        }
    }

    pub(crate) fn job(id: i64, state: JobState) -> Job {
        Job {
            id: JobId(id),
            stage: "base".into(),
            kind: "train".into(),
            label: String::new(),
            seed: 0,
            state,
            attempt: u32::from(state == JobState::Running),
            fraction: 0.0,
            epoch: 0,
            epochs: 5,
            agent: String::new(),
            failure: None,
            message: String::new(),
            reused: false,
            started: None,
            finished: None,
            key: String::new(),
            resumed_from: 0,
            metrics: Default::default(),
            priority: 0,
            not_before: None,
            attempts: Vec::new(),
        }
    }

    #[test]
    fn counts_follow_the_jobs_and_changes_are_told_apart() {
        let mut board = Board::default();
        let first = board.apply(Event::Snapshot(sweep(), vec![job(1, JobState::Ready), job(2, JobState::Blocked)]));
        assert_eq!(first, [Change::Opened]);

        assert_eq!(board.apply(Event::Job(Box::new(job(1, JobState::Running)))), [Change::State(JobId(1))]);
        assert_eq!((board.count(JobState::Running), board.count(JobState::Ready)), (1, 0));

        let further = Job { fraction: 0.5, ..job(1, JobState::Running) };
        assert_eq!(board.apply(Event::Job(Box::new(further.clone()))), [Change::Progress(JobId(1))]);
        assert!((board.work_done() - 0.5).abs() < 1e-9);
        let epoch = Job { epoch: 1, ..further };
        assert_eq!(board.apply(Event::Job(Box::new(epoch))), [Change::Epoch(JobId(1))]);

        let all_over = vec![job(1, JobState::Succeeded), job(2, JobState::Skipped)];
        let ended = Sweep { state: SweepState::FinishedWithFailures, ..sweep() };
        let changes = board.apply(Event::Snapshot(ended, all_over));
        assert_eq!(changes, [Change::State(JobId(1)), Change::State(JobId(2)), Change::Sweep]);
        assert_eq!((board.over(), board.total()), (2, 2));
    }

    #[test]
    fn jobs_that_an_amended_plan_dropped_are_forgotten() {
        let mut board = Board::default();
        board.apply(Event::Snapshot(sweep(), vec![job(1, JobState::Ready), job(2, JobState::Running)]));
        board.apply(Event::Snapshot(sweep(), vec![job(1, JobState::Ready), job(3, JobState::Ready)]));
        assert_eq!((board.total(), board.count(JobState::Ready), board.count(JobState::Running)), (2, 2, 0));
    }

    #[test]
    fn being_paused_is_a_change_of_the_sweep() {
        let mut board = Board::default();
        board.apply(Event::Snapshot(sweep(), vec![job(1, JobState::Ready)]));
        let paused = Sweep { paused: true, ..sweep() };
        assert_eq!(board.apply(Event::Sweep(paused.clone())), [Change::Sweep]);
        assert!(board.apply(Event::Sweep(paused.clone())).is_empty());
        let spent = Sweep { paused_reason: "its budget of 1 GPU-hour is spent".into(), ..paused };
        assert_eq!(board.apply(Event::Snapshot(spent.clone(), vec![job(1, JobState::Ready)])), [Change::Sweep]);
        assert_eq!(spent.pause().unwrap(), "paused: its budget of 1 GPU-hour is spent");
        assert_eq!(board.apply(Event::Sweep(sweep())), [Change::Sweep]);
    }

    #[test]
    fn a_repeated_event_changes_nothing() {
        let mut board = Board::default();
        board.apply(Event::Snapshot(sweep(), vec![job(1, JobState::Running)]));
        assert!(board.apply(Event::Job(Box::new(job(1, JobState::Running)))).is_empty());
        assert!(board.apply(Event::Sweep(sweep())).is_empty());
        assert_eq!(board.count(JobState::Running), 1);
    }

    #[test]
    fn seeds_are_named_only_where_there_are_several() {
        let mut board = Board::default();
        board.apply(Event::Snapshot(sweep(), vec![job(1, JobState::Ready)]));
        assert_eq!(board.name(&job(1, JobState::Ready)), "base");
        let other = Job { seed: 1, label: "lr=0.1".into(), ..job(2, JobState::Ready) };
        board.apply(Event::Snapshot(sweep(), vec![job(1, JobState::Ready), other.clone()]));
        assert_eq!(board.name(&other), "base lr=0.1 seed=1");
    }
}
