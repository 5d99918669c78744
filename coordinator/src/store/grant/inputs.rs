//! What a granted attempt reads: the files of its inputs' points, and the checkpoints it may go on from.

use std::collections::HashMap;

use sweep_shared::ids::ContentHash;

use super::super::audit::json;
use super::super::report::checkpoints::step_of;
use super::{BlobRef, CheckpointRef, Granted, StoreError, Tx};

/// Fills in inputs and checkpoints, and answers the digest of the inputs beside each grant.
pub async fn attach(tx: &mut Tx<'_>, granted: Vec<(Granted, bool)>) -> Result<Vec<(Granted, String)>, StoreError> {
    let readers: Vec<i64> = granted.iter().filter(|(_, has)| *has).map(|(g, _)| g.token.job.0).collect();
    let mut inputs = if readers.is_empty() { HashMap::new() } else { input_files(tx, &readers).await? };
    let again: Vec<i64> = granted.iter().filter(|(g, _)| g.token.attempt > 1).map(|(g, _)| g.token.job.0).collect();
    let mut checkpoints = if again.is_empty() { HashMap::new() } else { newest_checkpoints(tx, &again).await? };
    let mut ready = Vec::with_capacity(granted.len());
    for (mut granted, _) in granted {
        let job = granted.token.job.0;
        granted.inputs = inputs.remove(&job).unwrap_or_default();
        granted.checkpoints = checkpoints.remove(&job).unwrap_or_default();
        let digest = digest(&granted.inputs);
        ready.push((granted, digest));
    }
    Ok(ready)
}

/// A digest of the files that a job reads, in the order of its inputs.
pub fn digest(inputs: &[Vec<BlobRef>]) -> String {
    let mut hasher = blake3::Hasher::new();
    for files in inputs {
        hasher.update(b"input\n");
        let mut files: Vec<&BlobRef> = files.iter().collect();
        files.sort();
        for file in files {
            hasher.update(format!("{} {}\n", file.hash, file.name).as_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// By job, by input.
async fn input_files(tx: &mut Tx<'_>, jobs: &[i64]) -> Result<HashMap<i64, Vec<Vec<BlobRef>>>, StoreError> {
    let jobs = json(&jobs);
    let rows = sqlx::query!(
        r#"SELECT i.job AS "job!: i64", i.ordinal AS "ordinal!: i64", f.name AS "name?: String",
                  f.hash AS "hash?: String", b.size_bytes AS "size_bytes?: i64"
           FROM json_each(?1) t
           JOIN job_inputs i ON i.job = t.value
           LEFT JOIN point_files f ON f.job = i.source AND f.point = i.point
           LEFT JOIN blobs b ON b.hash = f.hash
           ORDER BY i.job, i.ordinal, f.name"#,
        jobs
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    let mut by_job: HashMap<i64, Vec<Vec<BlobRef>>> = HashMap::new();
    for row in rows {
        let inputs = by_job.entry(row.job).or_default();
        inputs.resize(inputs.len().max(row.ordinal as usize + 1), Vec::new());
        if let (Some(name), Some(hash), Some(size)) = (row.name, row.hash, row.size_bytes) {
            inputs[row.ordinal as usize].push(blob(name, hash, size)?);
        }
    }
    Ok(by_job)
}

async fn newest_checkpoints(tx: &mut Tx<'_>, jobs: &[i64]) -> Result<HashMap<i64, Vec<CheckpointRef>>, StoreError> {
    let jobs = json(&jobs);
    let rows = sqlx::query!(
        r#"SELECT c.job AS "job!: i64", c.attempt AS "attempt!: i64", c.step AS "step!: i64", c.epoch AS "epoch!: i64",
                  f.name AS "name!: String", f.hash AS "hash!: String", b.size_bytes AS "size_bytes!: i64"
           FROM json_each(?1) t
           JOIN checkpoints c ON c.job = t.value
           JOIN checkpoint_files f
                ON f.job = c.job AND f.attempt = c.attempt AND f.epoch = c.epoch AND f.step = c.step
           JOIN blobs b ON b.hash = f.hash
           ORDER BY c.job, c.epoch DESC, c.step DESC, c.attempt DESC, f.name"#,
        jobs
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    let mut by_job: HashMap<i64, Vec<CheckpointRef>> = HashMap::new();
    let mut last = None;
    for row in rows {
        let list = by_job.entry(row.job).or_default();
        if last != Some((row.job, row.attempt, row.epoch, row.step)) {
            last = Some((row.job, row.attempt, row.epoch, row.step));
            list.push(CheckpointRef { epoch: row.epoch as u32, step: step_of(row.step), files: Vec::new() });
        }
        let file = blob(row.name, row.hash, row.size_bytes)?;
        if let Some(checkpoint) = list.last_mut() {
            checkpoint.files.push(file);
        }
    }
    Ok(by_job)
}

pub fn blob(name: String, hash: String, size: i64) -> Result<BlobRef, StoreError> {
    let hash = ContentHash::try_from(hash).map_err(|e| StoreError::Refused(e.to_string()))?;
    Ok(BlobRef { name, hash, size_bytes: size as u64 })
}
