//! Grants: a job, an agent, and a new attempt with a new lease, in one transaction. This alone fences an older attempt.

mod find;
pub(super) mod inputs;

use std::sync::Arc;

use find::{Found, find};
use serde::Serialize;
use sweep_shared::ids::{JobId, SweepId, Token};
use sweep_shared::labels::Placement;
use sweep_shared::resources::DeviceClass;
use sweep_shared::states::JobState;

use super::audit::json;
use super::moves::{AttemptMove, JobMove, write_attempts, write_jobs};
use super::{BlobRef, Command, StoreError, Tx, graph, sweeps};
use crate::memory::Needs;
use crate::transition::{AttemptEvent, JobEvent, To, next_attempt, next_job};

/// A wish to run a job on an agent's device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRequest {
    pub job: JobId,
    pub agent: String,
    pub device: DeviceClass,
    pub device_index: u32,
    /// Random. With the attempt's number it makes the token.
    pub lease: u64,
}

/// Grants what can be granted: a job that is ready; or, where `steal` holds its token, one whose lease expired.
#[derive(Debug, Clone)]
pub struct Grant {
    pub requests: Vec<GrantRequest>,
    pub steal: Vec<Token>,
}

/// A granted attempt and all that its agent must be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Granted {
    pub request: GrantRequest,
    pub token: Token,
    pub sweep: SweepId,
    pub stage: String,
    pub spec_json: String,
    /// Beside the spec's inputs.
    pub inputs: Vec<Vec<BlobRef>>,
    /// The two newest, newest first.
    pub checkpoints: Vec<CheckpointRef>,
    /// What the plan asks for, or the class of which it has outgrown a device.
    pub wants: Option<DeviceClass>,
    pub place: Arc<Placement>,
    /// Of a device of each class.
    pub needs: Needs,
    pub outgrown_bytes: u64,
    /// What is reserved for it on its device; 0: unknown.
    pub memory_bytes: u64,
    /// Into how many parts each batch is split.
    pub micro_batches: u32,
    /// What it writes on its agent's disk, beside what it is given; 0: unknown.
    pub disk_bytes: u64,
    pub exclusive: bool,
    pub has_readers: bool,
    /// Effective: the sweep's and the job's own.
    pub priority: i64,
    /// It can go on from a checkpoint.
    pub preemptible: bool,
    /// For all attempts of the job together.
    pub max_hours: Option<f64>,
    /// Silence after which its runner counts as hung; 0: never; `None`: as the agent thinks fit.
    pub hang_after_s: Option<f64>,
    /// What its earlier attempts have run of that, in seconds.
    pub spent_s: f64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointRef {
    pub epoch: u32,
    pub step: u64,
    pub files: Vec<BlobRef>,
}

impl Command for Grant {
    /// In the order of the requests; those that could not be granted are left out.
    type Reply = Vec<Granted>;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<Vec<Granted>, StoreError> {
        let found = find(tx, self.requests).await?;
        let (mut jobs, mut fenced) = (Vec::new(), Vec::new());
        let (mut granted, mut given_up) = (Vec::new(), Vec::new());
        for found in found {
            let Some(event) = event(&found, &self.steal) else { continue };
            let step = next_job(found.job, event)?;
            let mut moved = JobMove::new(found.granted.request.job, found.sweep, found.job.state, found.attempt, step);
            if let (Some(lease), Some(was)) = (found.live_lease, found.live_state) {
                let token = Token { job: moved.id, attempt: found.attempt, lease: lease as u64 };
                fenced.push(AttemptMove::new(found.sweep, token, was, next_attempt(was, AttemptEvent::Fenced)?));
            }
            if step.to == To::Running {
                moved.attempt = found.attempt + 1;
                let request = &found.granted.request;
                moved.note = format!("on {}, {} {}", request.agent, request.device.as_str(), request.device_index);
                granted.push((found.granted, found.has_inputs));
            } else {
                moved.message = Some("its agents were lost too often".to_owned());
                given_up.push((found.sweep, moved.id));
            }
            jobs.push(moved);
        }
        write_attempts(tx, &fenced).await?;
        write_jobs(tx, &jobs).await?;
        let spoilt: Vec<JobId> = given_up.iter().map(|(_, job)| *job).collect();
        graph::skip(tx, &spoilt).await?;
        sweeps::end(tx, &given_up.iter().map(|(sweep, _)| *sweep).collect()).await?;
        let granted = inputs::attach(tx, granted).await?;
        insert(tx, &granted).await?;
        Ok(granted.into_iter().map(|(granted, _)| granted).collect())
    }
}

/// What the grant means for the job; `None` where it cannot be granted any more.
fn event(found: &Found, steal: &[Token]) -> Option<JobEvent> {
    match (found.job.state, found.live_lease) {
        (JobState::Ready, None) => Some(JobEvent::Granted),
        // A retried job whose cancelled attempt never reported its end, and whose lease is over.
        (state @ (JobState::Ready | JobState::Running), Some(lease)) => {
            let token = Token { job: found.granted.request.job, attempt: found.attempt, lease: lease as u64 };
            let event = if state == JobState::Ready { JobEvent::Granted } else { JobEvent::Stolen };
            steal.contains(&token).then_some(event)
        }
        _ => None,
    }
}

#[derive(Serialize)]
struct Row<'a> {
    job: i64,
    number: u32,
    lease: i64,
    agent: &'a str,
    device: DeviceClass,
    device_index: u32,
    memory_bytes: u64,
    micro_batches: u32,
    digest: &'a str,
}

async fn insert(tx: &mut Tx<'_>, granted: &[(Granted, String)]) -> Result<(), StoreError> {
    if granted.is_empty() {
        return Ok(());
    }
    let row = |(granted, digest): &'_ (Granted, String)| -> serde_json::Value {
        let row = Row {
            job: granted.token.job.0,
            number: granted.token.attempt,
            lease: granted.token.lease as i64,
            agent: &granted.request.agent,
            device: granted.request.device,
            device_index: granted.request.device_index,
            memory_bytes: granted.memory_bytes,
            micro_batches: granted.micro_batches,
            digest,
        };
        serde_json::to_value(row).expect("rows have text keys")
    };
    let rows: Vec<serde_json::Value> = granted.iter().map(row).collect();
    let rows = json(&rows);
    sqlx::query!(
        "INSERT INTO attempts (job, number, lease, state, agent, device, device_index, granted_ms, inputs_digest,
                               memory_bytes, micro_batches)
         SELECT value ->> 'job', value ->> 'number', value ->> 'lease', 'leased', value ->> 'agent', value ->> 'device',
                value ->> 'device_index', ?2, value ->> 'digest', value ->> 'memory_bytes', value ->> 'micro_batches'
         FROM json_each(?1)",
        rows,
        tx.now_ms
    )
    .execute(&mut *tx.conn)
    .await?;
    Ok(())
}
