//! Letting go of what the retention policy does not keep.

use std::collections::BTreeMap;

use sweep_shared::ids::{JobId, SweepId};

use super::audit::json;
use super::{Command, StoreError, Tx};
use crate::retention::{Thing, Verdict};

/// Forgets the rows. What was decided is looked at again: a job may have been retried, or got another reader, meanwhile.
#[derive(Debug, Clone)]
pub struct Retire {
    pub verdicts: Vec<Verdict>,
    /// Who wants it.
    pub actor: String,
}

impl Command for Retire {
    /// What still holds, and is forgotten. The logs' files may go now.
    type Reply = Vec<Verdict>;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<Vec<Verdict>, StoreError> {
        let mut retired = Vec::with_capacity(self.verdicts.len());
        for verdict in self.verdicts {
            if !still_holds(tx, &verdict).await? {
                continue;
            }
            match &verdict.thing {
                Thing::Checkpoints(all) => {
                    let places: Vec<(u32, u32, i64)> = all.iter().map(|c| (c.attempt, c.epoch, c.position)).collect();
                    let places = json(&places);
                    sqlx::query!(
                        "DELETE FROM checkpoints WHERE job = ?1 AND (attempt, epoch, step) IN
                             (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?2))",
                        verdict.job.0,
                        places
                    )
                    .execute(&mut *tx.conn)
                    .await?;
                }
                Thing::Points(all) => {
                    let names = json(&all.iter().map(|point| &point.name).collect::<Vec<_>>());
                    sqlx::query!(
                        "DELETE FROM point_files WHERE job = ?1 AND point IN (SELECT value FROM json_each(?2))",
                        verdict.job.0,
                        names
                    )
                    .execute(&mut *tx.conn)
                    .await?;
                    // Its numbers stay, but it can stand for no other job any more.
                    sqlx::query!("UPDATE jobs SET reusable = 0 WHERE id = ?", verdict.job.0)
                        .execute(&mut *tx.conn)
                        .await?;
                }
                Thing::Logs(_) => {}
            }
            retired.push(verdict);
        }
        let mut by_job: BTreeMap<(SweepId, JobId), Vec<String>> = BTreeMap::new();
        for verdict in &retired {
            by_job.entry((verdict.sweep, verdict.job)).or_default().push(words(verdict));
        }
        for ((sweep, job), words) in by_job {
            tx.note_user(&self.actor, "gc", sweep, Some(job), words.join("; "));
        }
        Ok(retired)
    }
}

/// `2 checkpoints (41943040 bytes): failed 9 days ago`, `1 log (3 bytes): …`
fn words(verdict: &Verdict) -> String {
    let Verdict { thing, bytes, why, .. } = verdict;
    let (count, word) = (thing.count(), thing.word());
    let word = if count == 1 { word.trim_end_matches('s') } else { word };
    format!("{count} {word} ({bytes} bytes): {why}")
}

async fn still_holds(tx: &mut Tx<'_>, verdict: &Verdict) -> Result<bool, StoreError> {
    let reads = matches!(verdict.thing, Thing::Points(_));
    let kept = !matches!(verdict.thing, Thing::Checkpoints(_));
    let holds = sqlx::query_scalar!(
        r#"SELECT 1 AS "holds!: i64" FROM jobs j
           WHERE j.id = ?1 AND j.finished_ms IS NOT NULL AND (j.state = 'succeeded') = ?2
             AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.job = j.id AND a.finished_ms IS NULL)
             AND (NOT ?3 OR NOT EXISTS (SELECT 1 FROM job_inputs i JOIN jobs r ON r.id = i.job
                                        WHERE i.source = j.id AND r.state <> 'succeeded' AND r.dropped = 0))"#,
        verdict.job.0,
        kept,
        reads
    )
    .fetch_optional(&mut *tx.conn)
    .await?;
    Ok(holds.is_some())
}
