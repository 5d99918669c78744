//! Budgets: hours for which a sweep's attempts held devices of a class. A sweep whose budget is spent is paused.

use sweep_shared::ids::{SweepId, Token};

use super::audit::json;
use super::pause::{interrupt, pause_sweep};
use super::target::open;
use super::{Command, StoreError, Target, Tx};

/// Pauses the sweeps whose budgets are spent and that no user told to go on regardless.
#[derive(Debug, Clone)]
pub struct Overspend {
    /// How long each live attempt has held its device so far, in seconds, by a clock that nobody sets. Ended ones are in
    /// the database.
    pub held: Vec<(Token, f64)>,
}

impl Command for Overspend {
    /// The sweeps that this paused.
    type Reply = Vec<SweepId>;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<Vec<SweepId>, StoreError> {
        let mut paused = Vec::new();
        for (sweep, reason) in spent(tx, &self.held).await? {
            let (_, jobs) = open(tx, Target::Sweep(sweep)).await?;
            pause_sweep(tx, sweep, &reason).await?;
            tx.note_sweep("paused", sweep, reason);
            interrupt(tx, &jobs);
            paused.push(sweep);
        }
        Ok(paused)
    }
}

/// Sweeps that may not go on, and why.
async fn spent(tx: &mut Tx<'_>, held: &[(Token, f64)]) -> Result<Vec<(SweepId, String)>, StoreError> {
    let held: Vec<(i64, u32, f64)> = held.iter().map(|(t, seconds)| (t.job.0, t.attempt, *seconds)).collect();
    let held = json(&held);
    let rows = sqlx::query!(
        r#"SELECT w.id AS "id!: i64", w.budget_gpu_hours AS "gpu?: f64", w.budget_cpu_hours AS "cpu?: f64",
                  total(CASE a.device WHEN 'cuda' THEN
                        coalesce(a.run_s, h.seconds, max(0, a.finished_ms - a.started_ms) / 1000.0) END) / 3600 AS "gpu_hours!: f64",
                  total(CASE a.device WHEN 'cpu' THEN
                        coalesce(a.run_s, h.seconds, max(0, a.finished_ms - a.started_ms) / 1000.0) END) / 3600 AS "cpu_hours!: f64"
           FROM sweeps w JOIN jobs j ON j.sweep = w.id JOIN attempts a ON a.job = j.id
           LEFT JOIN (SELECT value ->> 0 AS job, value ->> 1 AS number, value ->> 2 AS seconds FROM json_each(?1)) h
                ON h.job = a.job AND h.number = a.number
           WHERE w.state = 'active' AND w.paused = 0 AND w.budget_waived = 0
             AND (w.budget_gpu_hours IS NOT NULL OR w.budget_cpu_hours IS NOT NULL)
           GROUP BY w.id"#,
        held
    )
    .fetch_all(&mut *tx.conn)
    .await?;
    let reason = |budget: Option<f64>, hours: f64, class: &str| {
        let budget = budget.filter(|budget| hours >= *budget)?;
        Some(format!("its budget of {budget} {class}-hours is spent"))
    };
    let spent = rows.into_iter().filter_map(|row| {
        let reason = reason(row.gpu, row.gpu_hours, "GPU").or_else(|| reason(row.cpu, row.cpu_hours, "CPU"))?;
        Some((SweepId(row.id), reason))
    });
    Ok(spent.collect())
}
