//! One row of the audit log.

use std::time::SystemTime;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::wire::v1;

use super::instant;

/// Who did what, or what became of a sweep, a job or an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Grows; the next are asked for by it.
    pub id: i64,
    pub at: Option<SystemTime>,
    /// `sweep` itself, or a user as the client named it.
    pub actor: String,
    pub what: String,
    pub sweep: Option<SweepId>,
    pub job: Option<JobId>,
    pub attempt: Option<u32>,
    pub detail: String,
}

impl Logged {
    /// What it is about: `j17.2`, `j17`, `s3`, or nothing.
    pub fn about(&self) -> String {
        match (self.job, self.attempt, self.sweep) {
            (Some(job), Some(attempt), _) => format!("{job}.{attempt}"),
            (Some(job), None, _) => job.to_string(),
            (None, _, Some(sweep)) => sweep.to_string(),
            (None, _, None) => String::new(),
        }
    }
}

impl From<v1::EventRow> for Logged {
    fn from(e: v1::EventRow) -> Self {
        Self {
            id: e.id,
            at: instant(e.at_ms),
            actor: e.actor,
            what: e.what,
            sweep: Some(e.sweep).filter(|id| *id > 0).map(SweepId),
            job: Some(e.job).filter(|id| *id > 0).map(JobId),
            attempt: Some(e.attempt).filter(|n| *n > 0),
            detail: e.detail,
        }
    }
}
