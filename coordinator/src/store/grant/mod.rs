//! Grants: a job, an agent, and a new attempt with a new lease, in one transaction. This alone fences an older attempt.

pub(super) mod inputs;

use serde::Serialize;
use sweep_shared::ids::{JobId, SweepId, Token};
use sweep_shared::resources::DeviceClass;
use sweep_shared::states::{AttemptState, JobState};

use super::audit::json;
use super::ledger::word;
use super::moves::{AttemptMove, JobMove, write_attempts, write_jobs};
use super::{BlobRef, Command, StoreError, Tx, graph, sweeps};
use crate::transition::{AttemptEvent, Job, JobEvent, To, next_attempt, next_job};

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
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// What the plan asks for.
    pub wants: Option<DeviceClass>,
    pub memory_bytes: u64,
    pub exclusive: bool,
    pub has_readers: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointRef {
    pub epoch: u32,
    pub step: u64,
    pub files: Vec<BlobRef>,
}

/// A job as the grant finds it.
struct Found {
    sweep: SweepId,
    job: Job,
    attempt: u32,
    live_lease: Option<i64>,
    live_state: Option<AttemptState>,
    has_inputs: bool,
    granted: Granted,
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
                fenced.push(AttemptMove::new(token, was, next_attempt(was, AttemptEvent::Fenced)?));
            }
            if step.to == To::Running {
                moved.attempt = found.attempt + 1;
                granted.push((found.granted, found.has_inputs));
            } else {
                "its agents were lost too often".clone_into(&mut moved.message);
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

async fn find(tx: &mut Tx<'_>, requests: Vec<GrantRequest>) -> Result<Vec<Found>, StoreError> {
    let ids: Vec<JobId> = requests.iter().map(|request| request.job).collect();
    let ids = json(&ids);
    let rows = sqlx::query!(
        r#"SELECT j.id AS "id!: i64", j.sweep AS "sweep!: i64", j.state AS "state!: String", j.attempt AS "attempt!: i64",
                  j.failures AS "failures!: i64", j.losses AS "losses!: i64", j.retries AS "retries!: i64",
                  j.memory_bytes AS "memory_bytes!: i64", j.exclusive AS "exclusive!: bool",
                  j.device AS "wants?: String", s.stage AS "stage!: String", s.spec_json AS "spec_json!: String",
                  EXISTS (SELECT 1 FROM job_inputs WHERE source = j.id) AS "has_readers!: bool",
                  EXISTS (SELECT 1 FROM job_inputs WHERE job = j.id) AS "has_inputs!: bool",
                  a.lease AS "lease?: i64", a.state AS "attempt_state?: String"
           FROM json_each(?1) t
           JOIN jobs j ON j.id = t.value
           JOIN job_specs s ON s.job = j.id
           LEFT JOIN attempts a ON a.job = j.id AND a.number = j.attempt AND a.finished_ms IS NULL
           ORDER BY t.key"#,
        ids
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    let mut requests: std::collections::HashMap<i64, GrantRequest> =
        requests.into_iter().map(|request| (request.job.0, request)).collect();
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        // A job that is asked for twice is granted once.
        let Some(request) = requests.remove(&row.id) else { continue };
        let job = Job {
            state: word(&row.state)?,
            failures: row.failures as u32,
            losses: row.losses as u32,
            retries: row.retries as u32,
        };
        let attempt = row.attempt as u32;
        let token = Token { job: request.job, attempt: attempt + 1, lease: request.lease };
        let granted = Granted {
            request,
            token,
            sweep: SweepId(row.sweep),
            stage: row.stage,
            spec_json: row.spec_json,
            inputs: Vec::new(),
            checkpoints: Vec::new(),
            wants: row.wants.as_deref().and_then(|word| sweep_shared::wire::device_class(word).ok()),
            memory_bytes: row.memory_bytes as u64,
            exclusive: row.exclusive,
            has_readers: row.has_readers,
        };
        let live_state = row.attempt_state.as_deref().map(word).transpose()?;
        let sweep = SweepId(row.sweep);
        found.push(Found {
            sweep,
            job,
            attempt,
            live_lease: row.lease,
            live_state,
            has_inputs: row.has_inputs,
            granted,
        });
    }
    Ok(found)
}

#[derive(Serialize)]
struct Row<'a> {
    job: i64,
    number: u32,
    lease: i64,
    agent: &'a str,
    device: DeviceClass,
    device_index: u32,
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
            digest,
        };
        serde_json::to_value(row).expect("rows have text keys")
    };
    let rows: Vec<serde_json::Value> = granted.iter().map(row).collect();
    let rows = json(&rows);
    sqlx::query!(
        "INSERT INTO attempts (job, number, lease, state, agent, device, device_index, granted_ms, inputs_digest)
         SELECT value ->> 'job', value ->> 'number', value ->> 'lease', 'leased', value ->> 'agent', value ->> 'device',
                value ->> 'device_index', ?2, value ->> 'digest'
         FROM json_each(?1)",
        rows,
        tx.now_ms
    )
    .execute(&mut *tx.conn)
    .await?;
    Ok(())
}
