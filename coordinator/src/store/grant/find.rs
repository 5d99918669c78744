//! The jobs that are asked for, as they are now.

use std::collections::HashMap;
use std::sync::Arc;

use sweep_shared::ids::{JobId, SweepId, Token};
use sweep_shared::labels::Placement;
use sweep_shared::states::AttemptState;

use super::super::audit::json;
use super::super::ledger::word;
use super::{GrantRequest, Granted, StoreError, Tx};
use crate::memory::Needs;
use crate::transition::Job;

/// A job as the grant finds it.
pub struct Found {
    pub sweep: SweepId,
    pub job: Job,
    /// The number of its newest attempt; 0 where there is none.
    pub attempt: u32,
    /// Of that attempt, where it is live.
    pub live_lease: Option<i64>,
    pub live_state: Option<AttemptState>,
    pub has_inputs: bool,
    /// What would be answered.
    pub granted: Granted,
}

struct Row {
    id: i64,
    sweep: i64,
    state: String,
    attempt: i64,
    failures: i64,
    losses: i64,
    retries: i64,
    most_losses: i64,
    priority: i64,
    preemptible: bool,
    max_hours: Option<f64>,
    hang_after_s: Option<f64>,
    spent_s: f64,
    cpu_bytes: i64,
    cuda_bytes: i64,
    outgrown_bytes: i64,
    micro_batches: i64,
    exclusive: bool,
    wants: Option<String>,
    place: String,
    stage: String,
    disk_bytes: i64,
    spec_json: String,
    has_readers: bool,
    has_inputs: bool,
    lease: Option<i64>,
    attempt_state: Option<String>,
}

/// In the order of the requests. A job that is asked for twice is found once; one that does not exist, or whose sweep is
/// paused, not at all.
pub async fn find(tx: &mut Tx<'_>, requests: Vec<GrantRequest>) -> Result<Vec<Found>, StoreError> {
    let ids: Vec<JobId> = requests.iter().map(|request| request.job).collect();
    let ids = json(&ids);
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT j.id AS "id!: i64", j.sweep AS "sweep!: i64", j.state AS "state!: String", j.attempt AS "attempt!: i64",
                  j.failures AS "failures!: i64", j.losses AS "losses!: i64", j.retries AS "retries!: i64",
                  j.most_losses AS "most_losses!: i64", j.priority AS "priority!: i64",
                  j.preemptible AS "preemptible!: bool", j.max_hours AS "max_hours?: f64",
                  j.hang_after_s AS "hang_after_s?: f64",
                  (SELECT total(coalesce(run_s, max(0, finished_ms - started_ms) / 1000.0)) FROM attempts
                   WHERE job = j.id AND number > j.hours_from) AS "spent_s!: f64",
                  m.cpu_bytes AS "cpu_bytes!: i64", m.cuda_bytes AS "cuda_bytes!: i64",
                  j.outgrown_bytes AS "outgrown_bytes!: i64", j.micro_batches AS "micro_batches!: i64", j.exclusive AS "exclusive!: bool",
                  coalesce(j.device, j.outgrown) AS "wants?: String", j.place AS "place!: String", s.stage AS "stage!: String", s.disk_bytes AS "disk_bytes!: i64",
                  s.spec_json AS "spec_json!: String",
                  EXISTS (SELECT 1 FROM job_inputs WHERE source = j.id) AS "has_readers!: bool",
                  EXISTS (SELECT 1 FROM job_inputs WHERE job = j.id) AS "has_inputs!: bool",
                  a.lease AS "lease?: i64", a.state AS "attempt_state?: String"
           FROM json_each(?1) t
           JOIN jobs j ON j.id = t.value
           JOIN sweeps w ON w.id = j.sweep AND w.paused = 0
           JOIN job_specs s ON s.job = j.id
           JOIN job_memory m ON m.job = j.id
           LEFT JOIN attempts a ON a.job = j.id AND a.number = j.attempt AND a.finished_ms IS NULL
           ORDER BY t.key"#,
        ids
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    let mut requests: HashMap<i64, GrantRequest> =
        requests.into_iter().map(|request| (request.job.0, request)).collect();
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(request) = requests.remove(&row.id) {
            found.push(row.found(request)?);
        }
    }
    Ok(found)
}

impl Row {
    fn found(self, request: GrantRequest) -> Result<Found, StoreError> {
        let (sweep, attempt) = (SweepId(self.sweep), self.attempt as u32);
        let job = Job {
            state: word(&self.state)?,
            failures: self.failures as u32,
            losses: self.losses as u32,
            retries: self.retries as u32,
            most_losses: self.most_losses as u32,
        };
        let needs = Needs { cpu_bytes: self.cpu_bytes as u64, cuda_bytes: self.cuda_bytes as u64 };
        let class = request.device;
        let granted = Granted {
            token: Token { job: request.job, attempt: attempt + 1, lease: request.lease },
            request,
            sweep,
            stage: self.stage,
            spec_json: self.spec_json,
            inputs: Vec::new(),
            checkpoints: Vec::new(),
            wants: self.wants.as_deref().and_then(|word| sweep_shared::wire::device_class(word).ok()),
            place: Arc::new(Placement::of_text(&self.place)),
            memory_bytes: needs.of(class),
            needs,
            outgrown_bytes: self.outgrown_bytes as u64,
            micro_batches: self.micro_batches as u32,
            disk_bytes: self.disk_bytes as u64,
            exclusive: self.exclusive,
            has_readers: self.has_readers,
            priority: self.priority,
            preemptible: self.preemptible,
            max_hours: self.max_hours,
            hang_after_s: self.hang_after_s,
            spent_s: self.spent_s,
        };
        let live_state = self.attempt_state.as_deref().map(word).transpose()?;
        Ok(Found { sweep, job, attempt, live_lease: self.lease, live_state, has_inputs: self.has_inputs, granted })
    }
}
