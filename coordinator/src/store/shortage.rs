//! Attempts that ran out of memory: what is known of them when it is decided what helps, and what their jobs then remember.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use sweep_shared::ids::{JobId, SweepId, Token};
use sweep_shared::labels::Placement;
use sweep_shared::resources::DeviceClass;
use sweep_shared::states::JobState;
use sweep_shared::wire;

use super::audit::json;
use super::{Command, Store, StoreError, Tx};
use crate::memory::{DeviceSize, Remedy, Shortage, remedy, split};

/// What was decided for the attempts that ran out of memory.
pub type Remedies = BTreeMap<Token, (Remedy, String)>;

/// Decides for each of these attempts, with its peak and in its agent's words. `devices`: those of connected agents.
pub async fn decide(
    tx: &mut Tx<'_>,
    short: Vec<(Token, u64, String)>,
    devices: &[DeviceSize],
) -> Result<Remedies, StoreError> {
    if short.is_empty() {
        return Ok(Remedies::new());
    }
    let attempts: Vec<(i64, u32)> = short.iter().map(|(token, ..)| (token.job.0, token.attempt)).collect();
    let attempts = json(&attempts);
    let rows = sqlx::query!(
        r#"SELECT CAST(t.key AS INTEGER) AS "at!: i64", a.agent AS "agent!: String", a.device AS "device!: String",
                  a.device_index AS "device_index!: i64", a.micro_batches AS "parts!: i64", j.remedies AS "remedies!: i64",
                  j.place AS "place!: String",
                  coalesce(s.needs_json ->> ('$."' || a.micro_batches || '"[' || (a.device = 'cuda') || ']'), 0)
                      AS "predicted!: i64",
                  (SELECT max(CAST(key AS INTEGER)) FROM json_each(s.needs_json)) AS "most?: i64",
                  coalesce(s.spec_json ->> '$.params.fit.batch', s.spec_json ->> '$.params.retrain.batch') AS "batch?: i64"
           FROM json_each(?1) t
           JOIN attempts a ON a.job = t.value ->> 0 AND a.number = t.value ->> 1
           JOIN jobs j ON j.id = a.job JOIN job_specs s ON s.job = a.job"#,
        attempts
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    let mut remedies = Remedies::new();
    for row in rows {
        let Some((token, peak_bytes, told)) = short.get(row.at as usize) else { continue };
        let class = wire::device_class(&row.device).map_err(|e| StoreError::Refused(e.to_string()))?;
        let shortage = Shortage {
            on: place(devices, row.agent, class, row.device_index as u32),
            peak_bytes: *peak_bytes,
            predicted_bytes: row.predicted as u64,
            batch: row.batch.and_then(|batch| u32::try_from(batch).ok()),
            parts: row.parts as u32,
            most_parts: row.most.map_or(1, |most| most as u32),
            remedies: row.remedies as u32,
        };
        let wanted = Placement::of_text(&row.place);
        let allowed: Vec<DeviceSize> = devices.iter().filter(|device| wanted.allows(&device.spot)).cloned().collect();
        let remedy = remedy(&shortage, &allowed);
        let words = shortage.words(&remedy, told);
        remedies.insert(*token, (remedy, words));
    }
    Ok(remedies)
}

/// The device with its size, where its agent is connected.
fn place(devices: &[DeviceSize], agent: String, class: DeviceClass, index: u32) -> DeviceSize {
    let same = |other: &&DeviceSize| other.agent == agent && (other.class, other.index) == (class, index);
    let total_bytes = devices.iter().find(same).map_or(0, |device| device.total_bytes);
    DeviceSize { agent, class, index, total_bytes, spot: Arc::default() }
}

/// What a job remembers of a remedy.
#[derive(Debug, Clone, Serialize)]
pub struct Remembered {
    job: JobId,
    #[serde(skip)]
    sweep: SweepId,
    /// `None`: as many as before.
    parts: Option<u32>,
    outgrown: Option<DeviceClass>,
    outgrown_bytes: u64,
    /// An attempt ran out of memory for it.
    counts: bool,
}

impl Remembered {
    /// `None` where the next attempt is like the one before. `outgrown_bytes`: of the device where it ran.
    pub fn new(job: JobId, sweep: SweepId, remedy: &Remedy) -> Option<Self> {
        let same = Self { job, sweep, parts: None, outgrown: None, outgrown_bytes: 0, counts: true };
        match remedy {
            Remedy::Larger { to, outgrown_bytes } => {
                Some(Self { outgrown: Some(to.class), outgrown_bytes: *outgrown_bytes, ..same })
            }
            Remedy::Split(parts) => Some(Self { parts: Some(*parts), ..same }),
            Remedy::Again | Remedy::Nothing => None,
        }
    }
}

/// Writes it down. What a job is predicted to need follows the number of its parts.
pub async fn remember(tx: &mut Tx<'_>, jobs: &[Remembered]) -> Result<(), StoreError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let rows = json(&jobs);
    sqlx::query!(
        r#"UPDATE jobs SET micro_batches = m.parts, outgrown = m.outgrown, outgrown_bytes = m.bytes, remedies = remedies + m.counts,
                memory_bytes = coalesce(m.needs ->> ('$."' || m.parts || '"[0]'), memory_bytes),
                cuda_bytes = coalesce(m.needs ->> ('$."' || m.parts || '"[1]'), cuda_bytes)
           FROM (SELECT j.id, coalesce(t.value ->> 'parts', j.micro_batches) AS parts, t.value ->> 'outgrown' AS outgrown,
                        t.value ->> 'outgrown_bytes' AS bytes, t.value ->> 'counts' AS counts, s.needs_json AS needs
                 FROM json_each(?1) t JOIN jobs j ON j.id = t.value ->> 'job' JOIN job_specs s ON s.job = j.id) AS m
           WHERE jobs.id = m.id"#,
        rows
    )
    .execute(&mut *tx.conn)
    .await?;
    for split in jobs.iter().filter(|job| job.parts.is_some()) {
        follow(tx, split).await?;
    }
    Ok(())
}

/// Jobs of the sweep that are like it and have not begun have their batches split as it has: none has to run out of memory first,
/// and all seeds of a choice are trained alike.
async fn follow(tx: &mut Tx<'_>, split: &Remembered) -> Result<(), StoreError> {
    let followed = sqlx::query!(
        r#"UPDATE jobs SET micro_batches = m.parts,
                memory_bytes = coalesce(m.needs ->> ('$."' || m.parts || '"[0]'), memory_bytes),
                cuda_bytes = coalesce(m.needs ->> ('$."' || m.parts || '"[1]'), cuda_bytes)
           FROM (SELECT o.id, f.micro_batches AS parts, p.needs_json AS needs
                 FROM jobs f JOIN job_specs s ON s.job = f.id AND s.likeness <> ''
                 JOIN jobs o ON o.sweep = f.sweep AND o.state IN ('blocked', 'ready', 'paused') AND o.attempt = 0
                      AND o.device IS f.device AND o.micro_batches < f.micro_batches
                 JOIN job_specs p ON p.job = o.id AND p.likeness = s.likeness
                 WHERE f.id = ?1) AS m
           WHERE jobs.id = m.id"#,
        split.job.0
    )
    .execute(&mut *tx.conn)
    .await?
    .rows_affected();
    if followed > 0 {
        let parts = split.parts.unwrap_or(1);
        let how =
            format!("jobs like {} that have not begun ({followed}) have each batch in {parts} parts, too", split.job);
        tx.note_sweep("split", split.sweep, how);
    }
    Ok(())
}

/// Jobs wait for larger devices than these, and there are none any more: their next attempts are made smaller instead, or go
/// anywhere.
#[derive(Debug, Clone)]
pub struct GiveUpLarger {
    pub than: Vec<Outgrown>,
}

/// A class of device, how much memory of it was too little, and where it must be.
pub type Outgrown = (DeviceClass, u64, String);

impl Command for GiveUpLarger {
    /// The jobs that this concerns.
    type Reply = Vec<JobId>;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<Vec<JobId>, StoreError> {
        let (mut remembered, mut gone) = (Vec::new(), Vec::new());
        for waits in waiting(tx, &self.than).await? {
            let parts = split(waits.parts, waits.most_parts);
            let how = match parts {
                Some(parts) => format!("the next attempt splits each batch into {parts} parts"),
                None => "the next attempt goes anywhere".to_owned(),
            };
            let why = format!("no device is left that is larger than where it ran out of memory: {how}");
            tx.note_job(JobState::Ready, (waits.sweep, waits.job, waits.attempt), why);
            tx.changes.jobs.push((waits.sweep, waits.job));
            tx.changes.ready = true;
            let (job, sweep) = (waits.job, waits.sweep);
            remembered.push(Remembered { job, sweep, parts, outgrown: None, outgrown_bytes: 0, counts: false });
            gone.push(waits.job);
        }
        remember(tx, &remembered).await?;
        Ok(gone)
    }
}

struct Waits {
    job: JobId,
    sweep: SweepId,
    attempt: u32,
    parts: u32,
    most_parts: u32,
}

/// Ready jobs that have outgrown one of these.
async fn waiting(tx: &mut Tx<'_>, outgrown: &[Outgrown]) -> Result<Vec<Waits>, StoreError> {
    let outgrown = json(&outgrown);
    let rows = sqlx::query!(
        r#"SELECT j.id AS "id!: i64", j.sweep AS "sweep!: i64", j.attempt AS "attempt!: i64",
                  j.micro_batches AS "parts!: i64",
                  (SELECT max(CAST(key AS INTEGER)) FROM json_each(s.needs_json)) AS "most?: i64"
           FROM jobs j JOIN job_specs s ON s.job = j.id
           WHERE j.outgrown IS NOT NULL AND j.state = 'ready' AND (j.outgrown, j.outgrown_bytes, j.place) IN
                 (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1))
           ORDER BY j.id"#,
        outgrown
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    let waits = rows.into_iter().map(|row| Waits {
        job: JobId(row.id),
        sweep: SweepId(row.sweep),
        attempt: row.attempt as u32,
        parts: row.parts as u32,
        most_parts: row.most.map_or(1, |most| most as u32),
    });
    Ok(waits.collect())
}

impl Store {
    /// What ready jobs have outgrown.
    pub async fn outgrown(&self) -> Result<Vec<Outgrown>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT DISTINCT outgrown AS "class!: String", outgrown_bytes AS "bytes!: i64",
                      place AS "place!: String" FROM jobs
               WHERE outgrown IS NOT NULL AND state = 'ready'"#
        )
        .fetch_all(&self.readers)
        .await?;
        let known = |class: &str| wire::device_class(class).ok();
        Ok(rows.into_iter().filter_map(|row| Some((known(&row.class)?, row.bytes as u64, row.place))).collect())
    }
}
