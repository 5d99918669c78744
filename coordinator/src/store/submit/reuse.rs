//! Equal work is done once: a succeeded job of another sweep stands for a new one with the same key, where the files it
//! really read are the ones that the new one would read.

use std::collections::{BTreeSet, HashMap};

use sweep_shared::ids::JobId;

use super::super::audit::json;
use super::super::grant::inputs::{blob, digest};
use super::{BlobRef, NewJob, StoreError, Tx};

/// A finished job whose result is taken over.
#[derive(Debug, Clone)]
pub struct Taken {
    pub job: JobId,
    pub inputs_digest: String,
}

/// What the sweep itself has of a job.
#[derive(Debug, Clone)]
pub enum Own {
    Nothing,
    /// The job, not yet with success.
    Job,
    Result(Taken),
}

impl Own {
    fn result(&self) -> Option<&Taken> {
        if let Self::Result(taken) = self { Some(taken) } else { None }
    }
}

/// Beside each job: what stands for it. `others`: whether results of other sweeps may be taken over.
pub async fn find(
    tx: &mut Tx<'_>,
    jobs: &[NewJob],
    own: &[Own],
    others: bool,
) -> Result<Vec<Option<Taken>>, StoreError> {
    let by_key = if others { finished(tx, jobs).await? } else { HashMap::new() };
    if by_key.is_empty() {
        return Ok(own.iter().map(|own| own.result().cloned()).collect());
    }
    let files = files_of(tx, by_key.values().chain(own.iter().filter_map(Own::result))).await?;
    let mut taken: Vec<Option<Taken>> = Vec::with_capacity(jobs.len());
    for (job, own) in jobs.iter().zip(own) {
        if !matches!(own, Own::Nothing) {
            taken.push(own.result().cloned());
            continue;
        }
        let found = by_key.get(job.key.as_str()).filter(|_| job.reusable);
        let same = found.filter(|found| {
            let inputs: Option<Vec<Vec<BlobRef>>> = job
                .inputs
                .iter()
                .map(|input| {
                    let source = taken[input.source].as_ref()?;
                    Some(files.get(&(source.job, input.point.clone())).cloned().unwrap_or_default())
                })
                .collect();
            inputs.is_some_and(|inputs| digest(&inputs) == found.inputs_digest)
        });
        taken.push(same.cloned());
    }
    Ok(taken)
}

/// The newest finished job by key.
async fn finished<'a>(tx: &mut Tx<'_>, jobs: &'a [NewJob]) -> Result<HashMap<&'a str, Taken>, StoreError> {
    let keys: HashMap<&str, &str> =
        jobs.iter().filter(|job| job.reusable).map(|job| (job.key.as_str(), job.key.as_str())).collect();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let wanted = json(&keys.keys().collect::<Vec<_>>());
    let rows = sqlx::query!(
        r#"SELECT j.id AS "id!: i64", j.key AS "key!: String", j.inputs_digest AS "digest!: String"
           FROM json_each(?1) t JOIN jobs j ON j.key = t.value AND j.state = 'succeeded'
           WHERE j.reusable = 1 AND j.inputs_digest IS NOT NULL
           ORDER BY j.id"#,
        wanted
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    let mut found = HashMap::new();
    for row in rows {
        if let Some(key) = keys.get(row.key.as_str()) {
            found.insert(*key, Taken { job: JobId(row.id), inputs_digest: row.digest });
        }
    }
    Ok(found)
}

type Files = HashMap<(JobId, String), Vec<BlobRef>>;

async fn files_of(tx: &mut Tx<'_>, jobs: impl Iterator<Item = &Taken>) -> Result<Files, StoreError> {
    let ids = json(&jobs.map(|taken| taken.job).collect::<BTreeSet<_>>());
    let rows = sqlx::query!(
        r#"SELECT f.job AS "job!: i64", f.point AS "point!: String", f.name AS "name!: String", f.hash AS "hash!: String",
                  b.size_bytes AS "size_bytes!: i64"
           FROM json_each(?1) t JOIN point_files f ON f.job = t.value JOIN blobs b ON b.hash = f.hash"#,
        ids
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    let mut files = Files::new();
    for row in rows {
        files.entry((JobId(row.job), row.point)).or_default().push(blob(row.name, row.hash, row.size_bytes)?);
    }
    Ok(files)
}

/// Gives each new job the points of the one that stands for it.
pub async fn copy_points(tx: &mut Tx<'_>, pairs: &[(JobId, JobId)]) -> Result<(), StoreError> {
    if pairs.is_empty() {
        return Ok(());
    }
    let pairs = json(&pairs);
    sqlx::query!(
        "INSERT INTO points (job, name, ordinal, attempt, metrics_json)
         SELECT t.value ->> 0, p.name, p.ordinal, p.attempt, p.metrics_json
         FROM json_each(?1) t JOIN points p ON p.job = t.value ->> 1",
        pairs
    )
    .execute(&mut *tx.conn)
    .await?;
    sqlx::query!(
        "INSERT INTO point_files (job, point, name, hash)
         SELECT t.value ->> 0, f.point, f.name, f.hash
         FROM json_each(?1) t JOIN point_files f ON f.job = t.value ->> 1",
        pairs
    )
    .execute(&mut *tx.conn)
    .await?;
    Ok(())
}
