//! One job with everything that is known of it.

use sweep_shared::ids::JobId;
use sweep_shared::metrics::Metrics;
use utoipa::ToSchema;

use super::jobs::{self, Job};
use super::lineage::lineage;
use super::results::File;
use crate::api::Api;
use crate::charts::thinned;
use crate::results::merge;
use crate::store::StoreError;
use crate::store::read::{self, AttemptRow, EpochRow, NeighbourRow};

/// A job, its attempts, what it waits for, what it told, and what came out.
#[derive(Debug, Clone, PartialEq, serde::Serialize, ToSchema)]
pub struct JobDetail {
    #[serde(flatten)]
    pub job: Job,
    /// `s3`.
    pub sweep: String,
    pub sweep_name: String,
    /// Who may change it, besides administrators.
    pub owner: String,
    /// The oldest first.
    pub attempts: Vec<Attempt>,
    /// Why it is where it is, the weightiest first; and what happens next. Empty where the dispatcher does not answer.
    pub reasons: Vec<String>,
    pub next: Vec<String>,
    pub inputs: Vec<Neighbour>,
    /// What reads its points: the first of them, and how many there are.
    pub readers: Vec<Neighbour>,
    pub readers_total: u64,
    /// What the attempts told that stand behind its newest state, by epoch.
    pub curve: Vec<Epoch>,
    pub points: Vec<Point>,
    /// Files of the job as a whole.
    pub files: Vec<File>,
}

/// One try.
#[derive(Debug, Clone, PartialEq, serde::Serialize, ToSchema)]
pub struct Attempt {
    pub number: u32,
    pub state: String,
    pub agent: String,
    /// `cpu` or `cuda`, and which of them.
    pub device: String,
    pub device_index: u32,
    pub granted_ms: i64,
    pub started_ms: Option<i64>,
    pub finished_ms: Option<i64>,
    /// How long its runner ran.
    pub run_s: Option<f64>,
    /// Whose checkpoint it went on from, and of which epoch; 0: from the beginning.
    pub resumed_attempt: u32,
    pub resumed_epoch: u32,
    pub epoch: u32,
    pub epochs: u32,
    pub failure_class: Option<String>,
    pub message: String,
    /// Into how many parts each batch was split.
    pub micro_batches: u32,
    /// What was reserved for it, and what it took of its device at most; 0: unknown.
    pub memory_bytes: u64,
    pub peak_memory_bytes: u64,
}

/// A job that this one reads, or that reads it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, ToSchema)]
pub struct Neighbour {
    pub id: String,
    pub stage: String,
    pub label: String,
    pub state: String,
    /// As what the result is read: `input`, `teacher`.
    pub role: String,
    /// Which point.
    pub point: String,
}

/// The end of an epoch.
#[derive(Debug, Clone, PartialEq, serde::Serialize, ToSchema)]
pub struct Epoch {
    pub attempt: u32,
    pub epoch: u32,
    pub epochs: u32,
    pub phase: String,
    pub metrics: Metrics,
    pub at_ms: i64,
}

/// One measured model of the job.
#[derive(Debug, Clone, PartialEq, serde::Serialize, ToSchema)]
pub struct Point {
    /// `main` where there is only one.
    pub name: String,
    pub metrics: Metrics,
    pub files: Vec<File>,
}

/// Ends of epochs in one answer.
const MOST_EPOCHS: usize = 1000;
/// Readers in one answer.
const MOST_READERS: u32 = 20;

pub async fn one(api: &Api, id: JobId) -> Result<JobDetail, StoreError> {
    let store = &api.store;
    let (sweep, owner) = read::owner_of(store, id.into()).await?;
    let unknown = || StoreError::Unknown(format!("job {id}"));
    let job = jobs::by_id(api, &[id]).await?.pop().ok_or_else(unknown)?;
    let (attempts, inputs, (readers, readers_total), (chain, told)) = tokio::try_join!(
        read::attempts_of(store, std::slice::from_ref(&id)),
        read::inputs_of(store, id),
        read::readers_of(store, id, MOST_READERS),
        read::epochs_of(store, id),
    )?;
    // A dispatcher that waits for the disk keeps nobody from looking at the job.
    let said = api.dispatch.explain(store, id).await.unwrap_or_default();
    let (points, files) = points(api, id, &readers).await?;
    Ok(JobDetail {
        job,
        sweep: sweep.to_string(),
        sweep_name: store.sweep_name(sweep).await?,
        owner,
        attempts: attempts.into_iter().map(attempt).collect(),
        reasons: said.reasons,
        next: said.next,
        inputs: inputs.into_iter().map(neighbour).collect(),
        readers: readers.into_iter().map(neighbour).collect(),
        readers_total,
        curve: thinned(lineage(&chain, told), MOST_EPOCHS).into_iter().map(epoch).collect(),
        points,
        files,
    })
}

/// The job's points with what its measure jobs found, and the files of the job as a whole.
async fn points(api: &Api, id: JobId, readers: &[NeighbourRow]) -> Result<(Vec<Point>, Vec<File>), StoreError> {
    let mut jobs = vec![id];
    jobs.extend(readers.iter().filter(|reader| reader.role == "candidate").map(|reader| JobId(reader.id)));
    let rows = read::points_of_jobs(&api.store, &jobs).await?;
    let files = read::files_of_jobs(&api.store, &[id]).await?;
    let mut points = Vec::new();
    let mut of_job = Vec::new();
    for point in merge(rows, files).into_iter().filter(|point| point.row.job == id.0) {
        let files: Vec<File> = point.files.iter().map(File::of).collect();
        if point.row.point.is_empty() {
            of_job = files;
        } else {
            points.push(Point { name: point.row.point, metrics: point.metrics, files });
        }
    }
    Ok((points, of_job))
}

fn attempt(row: AttemptRow) -> Attempt {
    Attempt {
        number: row.number as u32,
        state: row.state,
        agent: row.agent,
        device: row.device,
        device_index: row.device_index as u32,
        granted_ms: row.granted_ms,
        started_ms: row.started_ms,
        finished_ms: row.finished_ms,
        run_s: row.run_s,
        resumed_attempt: row.resumed_attempt as u32,
        resumed_epoch: row.resumed_epoch as u32,
        epoch: row.epoch as u32,
        epochs: row.epochs as u32,
        failure_class: row.failure_class,
        message: row.message,
        micro_batches: row.micro_batches as u32,
        memory_bytes: row.memory_bytes as u64,
        peak_memory_bytes: row.peak_memory_bytes as u64,
    }
}

fn neighbour(row: NeighbourRow) -> Neighbour {
    let NeighbourRow { id, stage, label, state, role, point } = row;
    Neighbour { id: JobId(id).to_string(), stage, label, state, role, point }
}

fn epoch(row: EpochRow) -> Epoch {
    Epoch {
        attempt: row.attempt as u32,
        epoch: row.epoch as u32,
        epochs: row.epochs as u32,
        phase: row.phase,
        // Written by us from a map of numbers.
        metrics: serde_json::from_str(&row.metrics_json).unwrap_or_default(),
        at_ms: row.at_ms,
    }
}
