//! What is not kept any more.

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::wire::v1;

/// Things of one kind that a job has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Garbage {
    pub sweep: SweepId,
    pub job: JobId,
    pub name: String,
    /// `checkpoints`, `points`, `logs`
    pub what: String,
    pub count: u32,
    /// Space that comes free by it.
    pub bytes: u64,
    pub why: String,
}

impl From<v1::GcItem> for Garbage {
    fn from(item: v1::GcItem) -> Self {
        let v1::GcItem { sweep, job, name, what, count, bytes, why } = item;
        Self { sweep: SweepId(sweep), job: JobId(job), name, what, count, bytes, why }
    }
}
