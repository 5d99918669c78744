//! What attempts took, kept for the next that are like them: written in the transaction that records their ends.

use std::collections::BTreeMap;

use sweep_shared::ids::Token;

use super::audit::json;
use super::{StoreError, Tx};
use crate::memory::{Learned, Seen, reservation};

/// A row's key: likeness, parts of a batch, class of device, whether it went on from a checkpoint.
type Key = (String, i64, String, bool);

/// Learns from these attempts, in their order. Of jobs without a likeness there is nothing to learn.
pub async fn learn(tx: &mut Tx<'_>, ended: &[(Token, Seen)]) -> Result<(), StoreError> {
    if ended.is_empty() {
        return Ok(());
    }
    let mut learned: BTreeMap<Key, (Learned, u64)> = BTreeMap::new();
    let attempts: Vec<(i64, u32)> = ended.iter().map(|(token, _)| (token.job.0, token.attempt)).collect();
    let attempts = json(&attempts);
    let rows = sqlx::query!(
        r#"SELECT CAST(t.key AS INTEGER) AS "at!: i64", s.likeness AS "likeness!: String", a.micro_batches AS "parts!: i64",
                  a.device AS "device!: String", a.resumed_attempt > 0 OR a.resumed_epoch > 0 AS "resumed!: bool",
                  coalesce(s.needs_json ->> ('$."' || a.micro_batches || '"[' || (a.device = 'cuda') || ']'), 0)
                      AS "predicted!: i64",
                  coalesce(p.runs, 0) AS "runs!: i64", coalesce(p.peak_bytes, 0) AS "peak!: i64",
                  coalesce(p.least_bytes, 0) AS "least!: i64"
           FROM json_each(?1) t
           JOIN attempts a ON a.job = t.value ->> 0 AND a.number = t.value ->> 1
           JOIN job_specs s ON s.job = a.job AND s.likeness <> ''
           LEFT JOIN peaks p ON p.likeness = s.likeness AND p.micro_batches = a.micro_batches AND p.device = a.device
                AND p.resumed = (a.resumed_attempt > 0 OR a.resumed_epoch > 0)
           ORDER BY t.key"#,
        attempts
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    for row in rows {
        let Some((_, seen)) = ended.get(row.at as usize) else { continue };
        let known = Learned { runs: row.runs as u32, peak_bytes: row.peak as u64, least_bytes: row.least as u64 };
        let key = (row.likeness, row.parts, row.device, row.resumed);
        let (learned, _) = learned.entry(key).or_insert((known, row.predicted as u64));
        *learned = learned.with(*seen);
    }
    write(tx, &learned).await
}

async fn write(tx: &mut Tx<'_>, learned: &BTreeMap<Key, (Learned, u64)>) -> Result<(), StoreError> {
    let row = |(key, (learned, predicted)): (&Key, &(Learned, u64))| {
        let (likeness, parts, device, resumed) = key.clone();
        let Learned { runs, peak_bytes, least_bytes } = *learned;
        let numbers = (runs, peak_bytes, least_bytes, reservation(*predicted, *learned));
        (likeness, parts, device, resumed, numbers)
    };
    let rows: Vec<_> = learned.iter().map(row).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let rows = json(&rows);
    sqlx::query!(
        "INSERT INTO peaks (likeness, micro_batches, device, resumed, runs, peak_bytes, least_bytes, reserve_bytes)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> '$[4][0]', value ->> '$[4][1]',
                value ->> '$[4][2]', value ->> '$[4][3]'
         FROM json_each(?1) WHERE true
         ON CONFLICT DO UPDATE SET runs = excluded.runs, peak_bytes = excluded.peak_bytes,
                                   least_bytes = excluded.least_bytes, reserve_bytes = excluded.reserve_bytes",
        rows
    )
    .execute(&mut *tx.conn)
    .await?;
    Ok(())
}
