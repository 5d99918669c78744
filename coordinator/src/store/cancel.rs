//! A user's cancel: terminal at once. Runners that live are killed afterwards; their agents' reports no longer count.

use sweep_shared::ids::JobId;
use sweep_shared::states::SweepState;

use super::moves::{JobMove, give_up_attempts, write_jobs};
use super::target::{Open, open};
use super::{Command, StoreError, Target, Tx, graph, sweeps};
use crate::transition::JobEvent;

/// Ends a job, and what reads it is skipped; or all of a sweep that has not ended.
#[derive(Debug, Clone)]
pub struct Cancel {
    pub target: Target,
    /// Who wants it.
    pub actor: String,
}

impl Command for Cancel {
    /// How many jobs this cancelled.
    type Reply = u32;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<u32, StoreError> {
        let (sweep, jobs) = open(tx, self.target).await?;
        tx.note_user(&self.actor, "cancel", sweep, self.target.job(), "");
        let changed = cancel(tx, jobs, &format!("cancelled by {}", self.actor)).await?;
        match self.target {
            Target::Sweep(_) => {
                sweeps::set_state(tx, sweep, SweepState::Active, SweepState::Cancelled).await?;
            }
            Target::Job(job) => {
                graph::skip(tx, &[job]).await?;
                sweeps::end(tx, &[sweep].into()).await?;
            }
        }
        Ok(changed)
    }
}

/// Cancels these jobs, and nothing that reads them.
pub(super) async fn cancel(tx: &mut Tx<'_>, open: Vec<Open>, message: &str) -> Result<u32, StoreError> {
    let mut moves: Vec<JobMove> = Vec::with_capacity(open.len());
    for open in open {
        let mut step = open.step(JobEvent::Cancel)?;
        step.message = Some(message.to_owned());
        moves.push(step);
    }
    write_jobs(tx, &moves).await?;
    let jobs: Vec<JobId> = moves.iter().map(|step| step.id).collect();
    give_up_attempts(tx, &jobs).await?;
    tx.changes.cancelled.extend(&jobs);
    Ok(moves.len() as u32)
}
