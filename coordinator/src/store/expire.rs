//! Jobs that ran for longer than their plan allows: failed at once, like a cancel. Their slots stay held until the attempts
//! are confirmed dead.

use sweep_shared::ids::{JobId, Token};

use super::audit::json;
use super::moves::{give_up_attempts, write_jobs};
use super::target::{Open, open_by_id};
use super::{Command, StoreError, Tx, graph, sweeps};
use crate::transition::JobEvent;

/// Ends the jobs of these attempts, where the attempts still live and count.
#[derive(Debug, Clone)]
pub struct Expire {
    pub tokens: Vec<Token>,
}

impl Command for Expire {
    /// The jobs that this ended.
    type Reply = Vec<JobId>;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<Vec<JobId>, StoreError> {
        let over = over(tx, &self.tokens).await?;
        let mut moves = Vec::with_capacity(over.len());
        for (open, max_hours) in &over {
            let mut step = open.step(JobEvent::TimedOut)?;
            step.message = Some(format!("it ran for longer than its max_hours of {max_hours}"));
            moves.push(step);
        }
        write_jobs(tx, &moves).await?;
        let jobs: Vec<JobId> = moves.iter().map(|step| step.id).collect();
        give_up_attempts(tx, &jobs).await?;
        tx.changes.cancelled.extend(&jobs);
        graph::skip(tx, &jobs).await?;
        sweeps::end(tx, &moves.iter().map(|step| step.sweep).collect()).await?;
        Ok(jobs)
    }
}

/// The jobs that these live attempts count for, with their limits in hours.
async fn over(tx: &mut Tx<'_>, tokens: &[Token]) -> Result<Vec<(Open, f64)>, StoreError> {
    let tokens: Vec<(i64, u32, i64)> = tokens.iter().map(|t| (t.job.0, t.attempt, t.lease as i64)).collect();
    let rows = json(&tokens);
    let rows = sqlx::query!(
        r#"SELECT j.id AS "id!: i64", j.max_hours AS "max_hours!: f64"
           FROM json_each(?1) t
           JOIN attempts a ON a.job = t.value ->> 0 AND a.number = t.value ->> 1 AND a.lease = t.value ->> 2
           JOIN jobs j ON j.id = a.job AND j.attempt = a.number
           WHERE a.finished_ms IS NULL AND a.unwanted = 0 AND j.max_hours IS NOT NULL"#,
        rows
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    let mut over = Vec::with_capacity(rows.len());
    for row in rows {
        let open = open_by_id(tx, JobId(row.id)).await?;
        over.extend(open.map(|open| (open, row.max_hours)));
    }
    Ok(over)
}
