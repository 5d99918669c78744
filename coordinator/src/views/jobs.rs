//! Jobs in lists.

use std::collections::HashMap;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::metrics::Metrics;
use sweep_shared::states::JobState;
use utoipa::ToSchema;

use super::Paged;
use crate::api::Api;
use crate::board::Board;
use crate::store::read::{self, JobRow};
use crate::store::{StoreError, read::Listing};

/// A job with its newest attempt.
#[derive(Debug, Clone, PartialEq, serde::Serialize, ToSchema)]
pub struct Job {
    /// `j12`.
    pub id: String,
    pub stage: String,
    pub kind: String,
    /// What tells it from the others of its stage: `model=kd-conv4 temperature=2`.
    pub label: String,
    pub seed: u64,
    pub state: String,
    pub key: String,
    /// The number of its newest attempt; 0: none yet.
    pub attempt: u32,
    /// In 0..=1, of the whole job.
    pub fraction: f64,
    /// The last epoch that it told of, of so many; 0 of 0: none.
    pub epoch: u32,
    pub epochs: u32,
    pub agent: Option<String>,
    pub failure_class: Option<String>,
    /// What it does, or why it failed.
    pub message: String,
    /// It took over the result of another sweep's job.
    pub reused: bool,
    /// Unix milliseconds; of the newest attempt.
    pub started_ms: Option<i64>,
    pub finished_ms: Option<i64>,
    /// Not granted before; 0: at any time.
    pub not_before_ms: i64,
    /// The sweep's and its own together.
    pub priority: i64,
    /// The last values that its epochs told.
    pub metrics: Metrics,
}

impl Job {
    pub fn state(&self) -> Option<JobState> {
        self.state.parse().ok()
    }
}

/// One page of a sweep's jobs.
pub async fn list(api: &Api, sweep: SweepId, listing: &Listing<'_>) -> Result<Paged<Job>, StoreError> {
    let (ids, mut total) = read::list_jobs(&api.store, sweep, listing).await?;
    if ids.is_empty() && listing.offset > 0 {
        // Behind the end; how many there are is known from the first page.
        total = read::list_jobs(&api.store, sweep, &Listing { offset: 0, limit: 1, ..listing.clone() }).await?.1;
    }
    let places: HashMap<String, usize> = ids.iter().enumerate().map(|(at, id)| (id.to_string(), at)).collect();
    let mut jobs = by_id(api, &ids).await?;
    jobs.sort_by_key(|job| places.get(&job.id));
    Ok(Paged { items: jobs, total, offset: u64::from(listing.offset) })
}

/// These, in the order of their ids.
pub async fn by_id(api: &Api, ids: &[JobId]) -> Result<Vec<Job>, StoreError> {
    let rows = read::jobs_by_id(&api.store, ids).await?;
    Ok(rows.into_iter().map(|row| job(&api.board, row)).collect())
}

fn job(board: &Board, row: JobRow) -> Job {
    let (fraction, message) = progress(board, &row);
    Job {
        id: JobId(row.id).to_string(),
        fraction,
        message,
        stage: row.stage,
        kind: row.kind,
        label: row.label,
        seed: row.seed as u64,
        state: row.state,
        key: row.key,
        attempt: row.attempt as u32,
        epoch: row.epoch as u32,
        epochs: row.epochs as u32,
        agent: row.agent,
        failure_class: row.failure_class,
        reused: row.reused,
        started_ms: row.started_ms,
        finished_ms: row.finished_ms,
        not_before_ms: row.not_before_ms,
        priority: row.priority,
        // Written by us from a map of numbers.
        metrics: serde_json::from_str(&row.metrics_json).unwrap_or_default(),
    }
}

/// How far a job is, and what it does, with what the board knows of its running attempt.
pub fn progress(board: &Board, row: &JobRow) -> (f64, String) {
    let running = row.state == JobState::Running.as_str();
    let told = running.then(|| board.progress(JobId(row.id))).flatten();
    let by_epoch = if row.epochs > 0 { row.epoch as f64 / row.epochs as f64 } else { 0.0 };
    let fraction = match (&told, row.state == JobState::Succeeded.as_str()) {
        (_, true) => 1.0,
        (Some(told), _) => told.fraction.max(by_epoch),
        (None, _) => by_epoch,
    };
    let message = told.map(|told| told.message).filter(|message| !message.is_empty());
    (fraction, message.unwrap_or_else(|| row.message.clone()))
}
