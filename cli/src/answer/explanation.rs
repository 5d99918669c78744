//! Why a job stands where it stands.

use sweep_shared::wire::v1;

use super::{Job, malformed};
use crate::exit::{Failure, Outcome};

/// Why a job waits, or what it does, and what happens next.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    pub job: Job,
    /// Whole sentences, the weightiest first.
    pub reasons: Vec<String>,
    /// What happens by itself, and what the user can do.
    pub next: Vec<String>,
}

impl TryFrom<v1::ExplainReply> for Explanation {
    type Error = Failure;

    fn try_from(reply: v1::ExplainReply) -> Outcome<Self> {
        let job = reply.job.ok_or_else(|| malformed("no job in it"))?.try_into()?;
        Ok(Self { job, reasons: reply.reasons, next: reply.next })
    }
}
