//! Sweeps: how far each is, what it has taken, and when it will be done.

use std::collections::BTreeMap;

use sweep_shared::ids::SweepId;
use sweep_shared::states::{JobState, SweepState};
use utoipa::ToSchema;

use super::Paged;
use super::eta::{Left, left_s};
use super::jobs::{self, Job};
use super::stages::{self, Stage};
use crate::api::Api;
use crate::store::StoreError;
use crate::store::read::{self, SweepRow};

/// A sweep in a list.
#[derive(Debug, Clone, PartialEq, serde::Serialize, ToSchema)]
pub struct Sweep {
    /// `s3`.
    pub id: String,
    pub name: String,
    /// Who may change it, besides administrators; empty: nobody.
    pub owner: String,
    /// `active`, `finished`, `finished_with_failures` or `cancelled`.
    pub state: String,
    pub paused: bool,
    /// Why, where it was not a user's wish.
    pub paused_reason: String,
    pub priority: i64,
    /// Unix milliseconds.
    pub created_ms: i64,
    pub finished_ms: Option<i64>,
    /// Its jobs by state.
    pub jobs: BTreeMap<String, u32>,
    /// All of them, and those that have ended, in whatever way.
    pub total: u32,
    pub ended: u32,
    /// Jobs that took over the result of another sweep's job.
    pub reused: u32,
    /// In 0..=1; what runs counts as far as it is.
    pub progress: f64,
    /// Seconds until it is done, as far as can be said.
    pub left_s: Option<f64>,
    /// Hours that its attempts have held devices.
    pub gpu_hours: f64,
    pub cpu_hours: f64,
    /// Hours that reused results would have taken.
    pub gpu_hours_saved: f64,
    pub cpu_hours_saved: f64,
    pub budget_gpu_hours: Option<f64>,
    pub budget_cpu_hours: Option<f64>,
}

/// A sweep with its stages.
#[derive(Debug, Clone, PartialEq, serde::Serialize, ToSchema)]
pub struct SweepDetail {
    #[serde(flatten)]
    pub sweep: Sweep,
    /// In the plan's order.
    pub stages: Vec<Stage>,
}

impl Sweep {
    pub fn is_active(&self) -> bool {
        self.state == SweepState::Active.as_str()
    }

    pub fn count(&self, state: JobState) -> u32 {
        self.jobs.get(state.as_str()).copied().unwrap_or_default()
    }
}

/// The newest first.
pub async fn list(api: &Api, offset: u32, limit: u32) -> Result<Paged<Sweep>, StoreError> {
    let (ids, total) = read::sweep_ids(&api.store, offset, limit).await?;
    let mut items = Vec::with_capacity(ids.len());
    for id in ids {
        items.push(one(api, id).await?);
    }
    Ok(Paged { items, total, offset: u64::from(offset) })
}

pub async fn one(api: &Api, id: SweepId) -> Result<Sweep, StoreError> {
    let row = api.store.sweep(id).await?;
    let running = running(api, &row).await?;
    // Nothing runs: nothing can be said of when it ends, and its stages need not be looked at.
    let stages = if running.is_empty() { Vec::new() } else { stages::counted(&api.store, id).await? };
    let left_s = left(api, &row, &stages, &running).await?;
    Ok(sweep(row, &running, left_s))
}

pub async fn detail(api: &Api, id: SweepId) -> Result<SweepDetail, StoreError> {
    let (row, stages) = tokio::try_join!(api.store.sweep(id), stages::of(&api.store, &api.flows, id))?;
    let running = running(api, &row).await?;
    let left_s = left(api, &row, &stages, &running).await?;
    Ok(SweepDetail { sweep: sweep(row, &running, left_s), stages })
}

async fn running(api: &Api, row: &SweepRow) -> Result<Vec<Job>, StoreError> {
    if !row.counts.contains_key(JobState::Running.as_str()) {
        return Ok(Vec::new());
    }
    let ids = read::running_jobs(&api.store, row.id).await?;
    jobs::by_id(api, &ids).await
}

async fn left(api: &Api, row: &SweepRow, stages: &[Stage], running: &[Job]) -> Result<Option<f64>, StoreError> {
    if running.is_empty() || row.paused {
        return Ok(None);
    }
    let succeeded = row.counts.get(JobState::Succeeded.as_str()).copied().unwrap_or_default();
    let times = read::times_of(&api.store, row.id, succeeded).await?;
    let now_ms = api.clock.unix_ms();
    let mut left: BTreeMap<String, Left> = BTreeMap::new();
    for stage in stages {
        let waiting =
            [JobState::Blocked, JobState::Ready, JobState::Paused].map(|state| stage.count(state)).iter().sum();
        let time = times.iter().find(|time| time.stage == stage.name);
        let mean_s = time.map(|time| time.seconds / time.runs.max(1) as f64);
        left.insert(stage.name.clone(), Left { waiting, running: Vec::new(), mean_s });
    }
    for job in running {
        let ran = job.started_ms.map_or(0.0, |since| (now_ms - since).max(0) as f64 / 1000.0);
        left.entry(job.stage.clone()).or_default().running.push((job.fraction, ran));
    }
    Ok(left_s(&left))
}

fn sweep(row: SweepRow, running: &[Job], left_s: Option<f64>) -> Sweep {
    let ends = |state: &str| state.parse().is_ok_and(JobState::is_terminal);
    let total: u32 = row.counts.values().sum();
    let ended: u32 = row.counts.iter().filter(|(state, _)| ends(state)).map(|(_, jobs)| jobs).sum();
    let under_way: f64 = running.iter().map(|job| job.fraction).sum();
    let progress = if total == 0 { 1.0 } else { ((f64::from(ended) + under_way) / f64::from(total)).min(1.0) };
    Sweep {
        id: row.id.to_string(),
        name: row.name,
        owner: row.owner,
        state: row.state,
        paused: row.paused,
        paused_reason: row.paused_reason,
        priority: row.priority,
        created_ms: row.created_ms,
        finished_ms: row.finished_ms,
        jobs: row.counts,
        total,
        ended,
        reused: row.reused,
        progress,
        left_s,
        gpu_hours: row.gpu_hours,
        cpu_hours: row.cpu_hours,
        gpu_hours_saved: row.gpu_hours_saved,
        cpu_hours_saved: row.cpu_hours_saved,
        budget_gpu_hours: row.budget.gpu_hours,
        budget_cpu_hours: row.budget.cpu_hours,
    }
}
