//! A plan comes in: it makes a sweep, with all its jobs in one transaction; or joins one that is the same; or amends one.

mod amend;
mod insert;
mod policy;
mod reuse;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::notices::Notify;
use sweep_shared::plan::Budget;
use sweep_shared::resources::DeviceClass;
use sweep_shared::states::SweepState;

use super::{BlobRef, Command, StoreError, Tx, priority, retry, sweeps};
use crate::memory::{Needs, NeedsByParts};

/// One job of a new sweep; the others that it reads are named by their position.
#[derive(Debug, Clone)]
pub struct NewJob {
    pub key: String,
    pub stage: String,
    pub kind: &'static str,
    pub label: String,
    pub seed: u64,
    pub spec_json: String,
    pub params_json: String,
    /// Only earlier positions.
    pub inputs: Vec<NewInput>,
    pub device: Option<DeviceClass>,
    /// Which agents it may go to, as `Placement::to_text` writes it.
    pub place: String,
    /// What an attempt writes on its agent's disk, beside what it is given; 0: unknown.
    pub disk_bytes: u64,
    /// Predicted, by the number of parts that its batches can be split into; empty: unknown.
    pub needs: NeedsByParts,
    /// Jobs that are equal in it take equally much memory; empty: nothing is learnt of that.
    pub likeness: String,
    pub exclusive: bool,
    /// It can go on from a checkpoint, and may be asked to give way.
    pub preemptible: bool,
    pub retries: u32,
    /// Agents may vanish under it this often.
    pub most_losses: u32,
    /// Of run time of all its attempts together.
    pub max_hours: Option<f64>,
    /// Silence after which its runner counts as hung; 0: never.
    pub hang_after_s: Option<f64>,
    /// Added to the sweep's.
    pub priority: i32,
    pub reusable: bool,
}

impl NewJob {
    /// With whole batches.
    fn need(&self) -> Needs {
        self.needs.get(&1).copied().unwrap_or_default()
    }
}

#[derive(Debug, Clone)]
pub struct NewInput {
    pub source: usize,
    pub role: &'static str,
    pub point: String,
}

/// Makes a sweep, or joins one.
#[derive(Debug, Clone)]
pub struct Submit {
    pub name: String,
    pub fingerprint: String,
    pub plan_yaml: String,
    pub plan_path: String,
    /// What command stages read; the blobs are here.
    pub files: Vec<BlobRef>,
    pub jobs: Vec<NewJob>,
    pub priority: i32,
    pub budget: Budget,
    /// Who is told what becomes of it.
    pub notify: Notify,
    /// Take over the results of equal jobs of other sweeps.
    pub reuse: bool,
    /// Join the newest sweep with this fingerprint, if there is one; and go before all other sweeps, since someone waits for
    /// it.
    pub continue_same: bool,
    /// Change this sweep to the plan instead of making another.
    pub amend: Option<SweepId>,
    /// With `continue_same`: bring back what ended without success.
    pub retry_failed: bool,
    /// Who wants it, and whose sweep it will be.
    pub actor: String,
    /// With `continue_same`: others' sweeps are not joined.
    pub own_only: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Submitted {
    pub sweep: SweepId,
    /// False where an existing sweep was joined.
    pub created: bool,
    pub jobs: u32,
    pub reused: u32,
    /// Of an amended sweep: jobs that went on, came new, and no longer count.
    pub kept: u32,
    pub added: u32,
    pub dropped: u32,
}

impl Command for Submit {
    type Reply = Submitted;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<Submitted, StoreError> {
        if let Some(sweep) = self.amend {
            return amend::amend(tx, sweep, self).await;
        }
        if self.continue_same
            && let Some(sweep) =
                newest_with(tx, &self.fingerprint, self.own_only.then_some(self.actor.as_str())).await?
        {
            return join(tx, sweep, self).await;
        }
        make(tx, self).await
    }
}

async fn make(tx: &mut Tx<'_>, new: Submit) -> Result<Submitted, StoreError> {
    let nothing = vec![reuse::Own::Nothing; new.jobs.len()];
    let taken = reuse::find(tx, &new.jobs, &nothing, new.reuse).await?;
    let sweep = insert::sweep(tx, &new).await?;
    insert::files(tx, sweep, &new.files).await?;
    let ids = insert::jobs(tx, sweep, &new.jobs, &taken, &vec![None; new.jobs.len()]).await?;
    if new.continue_same {
        priority::raise(tx, sweep).await?;
    }
    let reused: Vec<(JobId, JobId)> =
        ids.iter().zip(&taken).filter_map(|(id, taken)| Some((*id, taken.as_ref()?.job))).collect();
    reuse::copy_points(tx, &reused).await?;
    tx.note_user(&new.actor, "submit", sweep, None, format!("{} jobs, {} reused", ids.len(), reused.len()));
    tx.changes.sweeps.insert(sweep);
    tx.changes.ready = true;
    tx.changes.published.extend(reused.iter().map(|(job, _)| *job));
    sweeps::end(tx, &[sweep].into()).await?;
    let (jobs, reused) = (ids.len() as u32, reused.len() as u32);
    Ok(Submitted { sweep, created: true, jobs, reused, kept: 0, added: jobs, dropped: 0 })
}

async fn newest_with(tx: &mut Tx<'_>, fingerprint: &str, owner: Option<&str>) -> Result<Option<SweepId>, StoreError> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM sweeps WHERE fingerprint = ?1 AND (?2 IS NULL OR owner = ?2) ORDER BY id DESC LIMIT 1",
        fingerprint,
        owner
    )
    .fetch_optional(&mut *tx.conn)
    .await?;
    Ok(id.map(SweepId))
}

async fn join(tx: &mut Tx<'_>, sweep: SweepId, new: Submit) -> Result<Submitted, StoreError> {
    policy::take(tx, sweep, &new).await?;
    if new.retry_failed {
        let changed = retry::again_all(tx, sweep).await?;
        if changed > 0 {
            tx.note_user(&new.actor, "retry", sweep, None, "submitted again");
        }
    } else if sweeps::state(tx, sweep).await? == SweepState::Active {
        tx.note_user(&new.actor, "continue", sweep, None, "submitted again");
    }
    priority::raise(tx, sweep).await?;
    let row = sqlx::query!(
        r#"SELECT count(*) AS "jobs!: i64", count(reused_from) AS "reused!: i64" FROM jobs
           WHERE sweep = ? AND dropped = 0"#,
        sweep.0
    )
    .fetch_one(&mut *tx.conn)
    .await?;
    let (jobs, reused) = (row.jobs as u32, row.reused as u32);
    Ok(Submitted { sweep, created: false, jobs, reused, kept: jobs, added: 0, dropped: 0 })
}
