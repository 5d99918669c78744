//! The audit log.

use serde::Serialize;
use sweep_shared::ids::{JobId, SweepId};
use utoipa::ToSchema;

use crate::api::Api;
use crate::store::read::{self, EventQuery, EventRow};
use crate::store::{StoreError, Target};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Event {
    /// Later ones have larger numbers.
    pub id: i64,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// A user; `sweep`: the coordinator itself, or an agent's report.
    pub actor: String,
    /// `submit`, `succeeded`, `agent_left`, …
    pub what: String,
    /// `s3`.
    pub sweep: Option<String>,
    /// `j12`.
    pub job: Option<String>,
    pub attempt: Option<u32>,
    pub detail: String,
}

impl From<EventRow> for Event {
    fn from(row: EventRow) -> Self {
        let some = |number: i64| (number > 0).then_some(number);
        Self {
            id: row.id,
            at_ms: row.at_ms,
            actor: row.actor,
            what: row.what,
            sweep: some(row.sweep).map(|id| SweepId(id).to_string()),
            job: some(row.job).map(|id| JobId(id).to_string()),
            attempt: some(row.attempt).map(|number| number as u32),
            detail: row.detail,
        }
    }
}

/// Events, the newest first, and from where on there are older ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Events {
    pub items: Vec<Event>,
    /// What to ask for as `before`; none: these are the oldest.
    pub before: Option<i64>,
}

pub async fn events(api: &Api, query: &EventQuery) -> Result<Events, StoreError> {
    let limit = query.limit as usize;
    let ask = EventQuery { limit: query.limit + 1, ..query.clone() };
    let mut rows = read::search_events(&api.store, &ask).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let before = rows.last().filter(|_| more).map(|row| row.id);
    Ok(Events { items: rows.into_iter().map(Event::from).collect(), before })
}

/// What somebody wrote for a sweep or a job: `s3`, `j12`. `Err`: it is neither.
pub fn target(text: &str) -> Result<Option<Target>, String> {
    let text = text.trim();
    let number = |digits: &str| digits.parse().ok().filter(|number| *number > 0);
    match (text, text.strip_prefix('s').and_then(number), text.strip_prefix('j').and_then(number)) {
        ("", ..) => Ok(None),
        (_, Some(sweep), _) => Ok(Some(Target::Sweep(SweepId(sweep)))),
        (_, _, Some(job)) => Ok(Some(Target::Job(JobId(job)))),
        _ => Err(format!("{text:?} is neither a sweep (s3) nor a job (j12)")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_and_jobs_are_told_by_their_letters() {
        assert_eq!(target(" s3 "), Ok(Some(Target::Sweep(SweepId(3)))));
        assert_eq!(target("j12"), Ok(Some(Target::Job(JobId(12)))));
        assert_eq!(target(""), Ok(None));
        for wrong in ["3", "s", "s0", "j-1", "x3", "s3; DROP", "s99999999999999999999"] {
            assert!(target(wrong).is_err(), "{wrong}");
        }
    }
}
