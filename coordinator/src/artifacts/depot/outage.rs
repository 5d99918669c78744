//! Why the bucket cannot be used at present; told once when it begins, and once when it is over.

use std::fmt;
use std::sync::Arc;

use super::Depot;
use crate::bucket::{BucketError, Cause};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// As programs call it: `artifacts_away`.
    pub kind: String,
    /// `s3://lab/a: it cannot be reached (…)`.
    pub reason: String,
    pub remedy: String,
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, remedy, .. } = self;
        write!(
            f,
            "the artifact store cannot be used: {reason}. Results and checkpoints wait on their agents' disks; running work goes on. {remedy}"
        )
    }
}

impl Outage {
    /// `None`: that one object is missing or damaged says nothing of the rest.
    pub(super) fn of(error: &BucketError) -> Option<Self> {
        match error.cause() {
            None | Some(Cause::Missing | Cause::Damaged) => None,
            Some(cause) => Some(Self {
                kind: format!("artifacts_{cause}"),
                reason: error.to_string(),
                remedy: error.remedy().to_owned(),
            }),
        }
    }

    pub(super) fn foreign(why: &str) -> Self {
        let remedy = "Give each database a prefix of its own (`artifacts` in sweep.toml)".to_owned();
        Self { kind: "artifacts_foreign".to_owned(), reason: why.to_owned(), remedy }
    }
}

impl Depot {
    pub fn outage(&self) -> Option<Arc<Outage>> {
        self.outage.borrow().clone()
    }

    pub(super) fn is_away(&self, outage: Outage) {
        let before = self.outage.send_replace(Some(Arc::new(outage.clone())));
        if before.is_none_or(|before| before.kind != outage.kind) {
            tracing::error!("the artifact store cannot be used: {}. {}", outage.reason, outage.remedy);
        }
    }

    pub(super) fn is_back(&self) {
        if self.outage.send_replace(None).is_some() {
            tracing::info!(place = %self.place(), "the artifact store can be used again");
        }
    }
}
