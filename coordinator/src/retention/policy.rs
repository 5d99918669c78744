//! The policy, a pure function.

use std::collections::BTreeMap;
use std::time::Duration;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::states::JobState;

/// How long after a job's end things stay; `None`: for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Checkpoints of jobs that failed, were cancelled, skipped or stopped: a retry would go on from them. (Those of jobs that
    /// succeeded go with the success.)
    pub checkpoints: Option<Duration>,
    /// Logs of jobs that succeeded.
    pub logs: Option<Duration>,
    /// The files of points: networks, ONNX. Their numbers always stay.
    pub points: Option<Duration>,
}

const DAY: Duration = Duration::from_hours(24);

impl Default for Retention {
    fn default() -> Self {
        Self { checkpoints: Some(DAY.saturating_mul(7)), logs: Some(DAY.saturating_mul(30)), points: None }
    }
}

/// What is there, by job.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub now_ms: i64,
    pub jobs: Vec<JobFacts>,
    /// How many rows of all kinds name a blob, where that is more than one.
    pub shared: BTreeMap<String, u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFacts {
    pub job: JobId,
    pub sweep: SweepId,
    /// `base lr=0.1`
    pub name: String,
    pub state: JobState,
    pub finished_ms: Option<i64>,
    /// An attempt at it has not ended, whatever the job's state.
    pub is_live: bool,
    /// Jobs that read it and have not succeeded, nor been dropped from their plan: they may be tried again.
    pub unread: u32,
    pub checkpoints: Vec<Checkpoint>,
    pub points: Vec<Point>,
    pub logs: Vec<Log>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub attempt: u32,
    pub epoch: u32,
    /// What orders a job's checkpoints.
    pub position: i64,
    pub files: Vec<FileFacts>,
}

/// A point whose files are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    pub name: String,
    pub files: Vec<FileFacts>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    pub name: String,
    pub hash: String,
    pub bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    pub attempt: u32,
    pub bytes: u64,
}

/// What goes together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thing {
    Checkpoints(Vec<Checkpoint>),
    /// The files, not the point.
    Points(Vec<Point>),
    Logs(Vec<Log>),
}

impl Thing {
    /// `checkpoints`, `points` or `logs`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Checkpoints(_) => "checkpoints",
            Self::Points(_) => "points",
            Self::Logs(_) => "logs",
        }
    }

    pub fn count(&self) -> usize {
        match self {
            Self::Checkpoints(all) => all.len(),
            Self::Points(all) => all.len(),
            Self::Logs(all) => all.len(),
        }
    }

    fn files(&self) -> Vec<&FileFacts> {
        match self {
            Self::Checkpoints(all) => all.iter().flat_map(|checkpoint| &checkpoint.files).collect(),
            Self::Points(all) => all.iter().flat_map(|point| &point.files).collect(),
            Self::Logs(_) => Vec::new(),
        }
    }
}

/// Something that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub sweep: SweepId,
    pub job: JobId,
    pub name: String,
    pub thing: Thing,
    /// Space that comes free by it. A file that several name is counted with the last of them that goes; one that something else
    /// still names, not at all.
    pub bytes: u64,
    /// `failed 9 days ago`
    pub why: String,
}

/// What goes, in the order of sweeps and jobs.
pub fn decide(facts: &Facts, retention: &Retention) -> Vec<Verdict> {
    let mut left = facts.shared.clone();
    let mut verdicts = Vec::new();
    for job in &facts.jobs {
        for (thing, why) in of_job(job, facts.now_ms, retention) {
            let bytes = match &thing {
                Thing::Logs(logs) => logs.iter().map(|log| log.bytes).sum(),
                thing => thing.files().into_iter().map(|file| freed(file, &mut left)).sum(),
            };
            verdicts.push(Verdict { sweep: job.sweep, job: job.job, name: job.name.clone(), thing, bytes, why });
        }
    }
    verdicts
}

/// Takes one of those who name the file away; what comes free.
fn freed(file: &FileFacts, left: &mut BTreeMap<String, u32>) -> u64 {
    match left.get_mut(&file.hash) {
        Some(users @ 2..) => {
            *users -= 1;
            0
        }
        _ => file.bytes,
    }
}

fn of_job(job: &JobFacts, now_ms: i64, retention: &Retention) -> Vec<(Thing, String)> {
    // What is not over is not looked at, nor what a runner may still write to.
    let Some(finished_ms) = job.finished_ms.filter(|_| !job.is_live) else { return Vec::new() };
    let age = Duration::from_millis(u64::try_from(now_ms - finished_ms).unwrap_or(0));
    let old = |limit: Option<Duration>| limit.is_some_and(|limit| age >= limit);
    let succeeded = job.state == JobState::Succeeded;
    let why = format!("{} {} ago", job.state, days(age));
    let mut goes = Vec::new();
    if !succeeded && old(retention.checkpoints) && !job.checkpoints.is_empty() {
        goes.push((Thing::Checkpoints(job.checkpoints.clone()), why.clone()));
    }
    if succeeded && job.unread == 0 && old(retention.points) && !job.points.is_empty() {
        goes.push((Thing::Points(job.points.clone()), format!("{why}, and read by all that follow")));
    }
    if succeeded && old(retention.logs) && !job.logs.is_empty() {
        goes.push((Thing::Logs(job.logs.clone()), why));
    }
    goes
}

/// `9 days`, `1 hour`, `less than an hour`
fn days(age: Duration) -> String {
    let hours = age.as_secs() / 3600;
    if hours == 0 {
        return "less than an hour".to_owned();
    }
    let (n, unit) = if hours < 48 { (hours, "hour") } else { (hours / 24, "day") };
    format!("{n} {unit}{}", if n == 1 { "" } else { "s" })
}
