//! Reports of agents: what became of attempts. Many are recorded by one command, with a handful of statements in all.
//!
//! Each report carries the attempt's token: where that attempt is no longer live, the report is *stale* and has no effect.
//! A spooled report also carries its number in the agent's spool, recorded in the same transaction as its effect, so that
//! a replay after a reconnect is recognised.

mod apart;
pub(super) mod checkpoints;
mod epochs;
#[cfg(feature = "simulation")]
mod mistakes;
mod points;
mod spools;

use std::sync::Arc;

use sweep_shared::event::Epoch;
use sweep_shared::ids::{JobId, SweepId, Token};
use sweep_shared::metrics::Metrics;
use sweep_shared::resources::Usage;
use sweep_shared::states::FailureClass;

use super::ledger::{Detail, Ledger};
use super::shortage::{self, Remedies, Remembered};
use super::{BlobRef, Command, StoreError, Tx, peaks};
use crate::memory::{DeviceSize, Remedy, Seen};
use crate::options::Backoff;
#[cfg(feature = "simulation")]
use crate::planted::{self, Bug};
use crate::transition::{AttemptEvent, JobEvent};

/// What one agent says of one attempt.
#[derive(Debug, Clone)]
pub struct Report {
    pub token: Token,
    /// The agent's spool and the report's number in it, for those that may not be lost.
    pub spooled: Option<(String, u64)>,
    pub body: Body,
}

#[derive(Debug, Clone)]
pub enum Body {
    Accepted,
    Refused {
        reason: String,
    },
    Progress {
        epochs: Vec<Epoch>,
        /// The epoch and the step of the checkpoint that it went on from.
        resumed: Option<(u32, u64)>,
    },
    Checkpoint {
        epoch: u32,
        step: u64,
        files: Vec<BlobRef>,
    },
    Finished {
        end: End,
        usage: Usage,
    },
    /// The slot is free, the files are on their way.
    Finishing,
    /// Nothing but its number is recorded (the message was not understood).
    Nothing,
}

/// How an attempt ended, as its agent tells it.
#[derive(Debug, Clone)]
pub enum End {
    Success { points: Vec<NewPoint>, artifacts: Vec<BlobRef> },
    Failure { class: FailureClass, message: String },
    Interrupted { reason: String },
    Cancelled,
}

#[derive(Debug, Clone)]
pub struct NewPoint {
    pub name: String,
    pub metrics: Metrics,
    pub files: Vec<BlobRef>,
}

impl Report {
    /// Whether it tells of an attempt that ran out of memory.
    pub fn is_short_of_memory(&self) -> bool {
        matches!(&self.body, Body::Finished { end, .. } if end.is_out_of_memory())
    }
}

impl End {
    fn is_out_of_memory(&self) -> bool {
        matches!(self, Self::Failure { class: FailureClass::OutOfMemory, .. })
    }
}

impl Body {
    /// The blobs that must be here before this may be recorded.
    pub fn blobs(&self) -> Vec<&BlobRef> {
        match self {
            Self::Checkpoint { files, .. } => files.iter().collect(),
            Self::Finished { end: End::Success { points, artifacts }, .. } => {
                points.iter().flat_map(|point| &point.files).chain(artifacts).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Whether a report had an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    Effective,
    /// The attempt is not live, or no longer so because its report could not be recorded: the agent must kill its
    /// processes, if there are any.
    Stale,
}

/// Records reports in their order; the reply holds one answer for each. A report that cannot be recorded does not keep the
/// others from it (see module `apart`).
#[derive(Debug, Clone)]
pub struct Reports {
    pub reports: Vec<Report>,
    pub backoff: Backoff,
    /// A random number in 0..1, for the backoff's jitter.
    pub luck: f64,
    /// The devices of connected agents; needed only where an attempt ran out of memory.
    pub devices: Arc<[DeviceSize]>,
}

/// Rows that the reports come to, besides the attempts' and jobs' own.
#[derive(Default)]
struct Rows {
    epochs: Vec<(Token, Epoch)>,
    resumed: Vec<(Token, (u32, u64))>,
    checkpoints: Vec<checkpoints::New>,
    points: Vec<(Token, Vec<NewPoint>)>,
    spent: Vec<JobId>,
    /// What attempts took.
    seen: Vec<(Token, Seen)>,
    /// How jobs are helped that ran out of memory.
    remembered: Vec<Remembered>,
    /// Jobs of which something new can be told although their state is the same.
    told: Vec<(SweepId, JobId)>,
}

impl Command for Reports {
    type Reply = Vec<Recorded>;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<Vec<Recorded>, StoreError> {
        #[cfg(feature = "simulation")]
        if planted::is(Bug::ReplayWithoutDedup) {
            mistakes::advance_blindly(tx, &self.reports).await?;
            let terms = Terms { backoff: self.backoff, luck: self.luck, devices: self.devices };
            return apart::record(tx, self.reports, terms).await;
        }
        spools::advance(tx, &self.reports).await?;
        let terms = Terms { backoff: self.backoff, luck: self.luck, devices: self.devices };
        apart::record(tx, self.reports, terms).await
    }
}

/// What decides how a failed job goes on.
#[derive(Debug, Clone)]
struct Terms {
    backoff: Backoff,
    luck: f64,
    devices: Arc<[DeviceSize]>,
}

impl Terms {
    /// How long the job waits where the end is a failure, its n-th. Jobs that fail together draw different luck.
    fn wait_ms(&self, end: &End, token: Token, failures: u32) -> i64 {
        let End::Failure { class, .. } = end else { return 0 };
        let luck = (self.luck + token.job.0 as f64 * GOLDEN).fract();
        self.backoff.wait(*class, failures, luck).map_or(0, |wait| wait.as_millis() as i64)
    }
}

/// Its multiples' fractions are spread evenly.
const GOLDEN: f64 = 0.618_033_988_749_895;

/// All of these, with a handful of statements, or none.
async fn together(tx: &mut Tx<'_>, reports: Vec<Report>, terms: &Terms) -> Result<Vec<Recorded>, StoreError> {
    #[cfg(feature = "simulation")]
    let reports = {
        let mut reports = reports;
        if planted::is(Bug::NoFence) {
            mistakes::unfence(tx, &mut reports).await?;
        }
        reports
    };
    let mut ledger = Ledger::load(tx, reports.iter().map(|report| report.token)).await?;
    let remedies = shortage::decide(tx, short(&reports), &terms.devices).await?;
    let mut rows = Rows::default();
    let mut answers = Vec::with_capacity(reports.len());
    for Report { token, body, .. } in reports {
        answers.push(take(&mut ledger, &mut rows, (token, body), tx.now_ms, (terms, &remedies))?);
    }
    epochs::insert(tx, &rows.epochs, &rows.resumed).await?;
    checkpoints::insert(tx, rows.checkpoints).await?;
    points::publish(tx, rows.points).await?;
    ledger.save(tx).await?;
    shortage::remember(tx, &rows.remembered).await?;
    peaks::learn(tx, &rows.seen).await?;
    checkpoints::drop_of(tx, &rows.spent).await?;
    tx.changes.jobs.append(&mut rows.told);
    Ok(answers)
}

fn take(
    ledger: &mut Ledger,
    rows: &mut Rows,
    (token, body): (Token, Body),
    now_ms: i64,
    (terms, remedies): (&Terms, &Remedies),
) -> Result<Recorded, StoreError> {
    if matches!(body, Body::Nothing) {
        return Ok(Recorded::Effective);
    }
    let Some(entry) = ledger.live(token) else { return Ok(Recorded::Stale) };
    match body {
        Body::Accepted => entry.accept()?,
        Body::Refused { reason } => {
            let detail = Detail { message: reason, ..Detail::default() };
            entry.end(AttemptEvent::Refused, JobEvent::Refused, detail, now_ms)?;
        }
        Body::Finishing => {
            entry.finishing()?;
            rows.told.push((entry.sweep, token.job));
        }
        Body::Progress { epochs, resumed } => {
            entry.accept()?;
            rows.told.push((entry.sweep, token.job));
            rows.epochs.extend(epochs.into_iter().map(|epoch| (token, epoch)));
            rows.resumed.extend(resumed.map(|from| (token, from)));
        }
        Body::Checkpoint { epoch, step, files } => {
            entry.accept()?;
            entry.has_checkpoints = true;
            rows.checkpoints.push(checkpoints::New { token, epoch, step, files });
        }
        Body::Finished { end, usage } => {
            let (current, has_checkpoints) = (entry.is_current(), entry.has_checkpoints);
            let wait_ms = terms.wait_ms(&end, token, entry.failures() + 1);
            let detail = Detail { usage: Some(usage), wait_ms, ..Detail::default() };
            let (attempt, mut job, mut detail) = meaning(&end, detail);
            rows.seen.extend(seen(&end, usage).map(|seen| (token, seen)));
            let helped = remedies.get(&token).filter(|_| current && end.is_out_of_memory());
            if let Some((remedy, words)) = helped {
                job = remedied(remedy).unwrap_or(job);
                detail.job_message = Some(words.clone());
                rows.remembered.extend(Remembered::new(token.job, entry.sweep, remedy));
            }
            entry.end(attempt, job, detail, now_ms)?;
            if let (true, End::Success { mut points, artifacts }) = (current, end) {
                points.extend(points::of_job(artifacts, !points.is_empty()));
                rows.points.push((token, points));
                if has_checkpoints {
                    rows.spent.push(token.job);
                }
            }
        }
        Body::Nothing => {}
    }
    Ok(Recorded::Effective)
}

/// The attempts that ran out of memory, with their peaks and what their agents told.
fn short(reports: &[Report]) -> Vec<(Token, u64, String)> {
    let short = |report: &Report| match &report.body {
        Body::Finished { end: End::Failure { class: FailureClass::OutOfMemory, message }, usage } => {
            Some((report.token, usage.peak_memory_bytes, message.clone()))
        }
        _ => None,
    };
    reports.iter().filter_map(short).collect()
}

/// What an end teaches about memory.
fn seen(end: &End, usage: Usage) -> Option<Seen> {
    let peak = Some(usage.peak_memory_bytes).filter(|bytes| *bytes > 0)?;
    match end {
        End::Success { .. } => Some(Seen::Success(peak)),
        End::Failure { class: FailureClass::OutOfMemory, .. } => Some(Seen::OutOfMemory(peak)),
        _ => None,
    }
}

/// What the remedy makes of the failure; `None`: a failure like others.
fn remedied(remedy: &Remedy) -> Option<JobEvent> {
    match remedy {
        Remedy::Larger { .. } | Remedy::Split(_) => Some(JobEvent::Remedied),
        Remedy::Again => None,
        Remedy::Nothing => Some(JobEvent::BeyondRemedy),
    }
}

fn meaning(end: &End, detail: Detail) -> (AttemptEvent, JobEvent, Detail) {
    match end {
        End::Success { .. } => (AttemptEvent::Succeeded, JobEvent::Succeeded, detail),
        End::Failure { class, message } => {
            let detail = Detail { class: Some(*class), message: message.clone(), ..detail };
            (AttemptEvent::Failed, JobEvent::Failed(*class), detail)
        }
        End::Interrupted { reason } => {
            (AttemptEvent::Interrupted, JobEvent::Interrupted, Detail { message: reason.clone(), ..detail })
        }
        // Nobody asked for it while the job still runs this attempt: its processes are gone all the same.
        End::Cancelled => (AttemptEvent::Interrupted, JobEvent::Interrupted, detail),
    }
}
