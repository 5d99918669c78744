//! Rows as wire messages.

use sweep_shared::states::JobState;
use sweep_shared::wire::v1;

use super::Api;
use crate::store::read::{JobRow, SweepRow};

pub fn summary(row: SweepRow) -> v1::SweepSummary {
    v1::SweepSummary {
        id: row.id.0,
        name: row.name,
        state: row.state,
        paused: row.paused,
        created_ms: row.created_ms,
        finished_ms: row.finished_ms.unwrap_or(0),
        counts: row.counts.into_iter().collect(),
        reused: row.reused,
        ..Default::default()
    }
}

/// A job, with what the board knows of its running attempt.
pub fn job(api: &Api, row: JobRow) -> v1::JobStatus {
    let running = row.state == JobState::Running.as_str();
    let progress = running.then(|| api.board.progress(sweep_shared::ids::JobId(row.id))).flatten();
    let by_epoch = if row.epochs > 0 { row.epoch as f64 / row.epochs as f64 } else { 0.0 };
    let fraction = match (&progress, row.state == JobState::Succeeded.as_str()) {
        (_, true) => 1.0,
        (Some(progress), _) => progress.fraction.max(by_epoch),
        (None, _) => by_epoch,
    };
    let message = progress.map(|progress| progress.message).filter(|message| !message.is_empty());
    v1::JobStatus {
        id: row.id,
        stage: row.stage,
        kind: row.kind,
        label: row.label,
        seed: row.seed as u64,
        state: row.state,
        attempt: row.attempt as u32,
        fraction,
        epoch: row.epoch as u32,
        epochs: row.epochs as u32,
        agent: row.agent.unwrap_or_default(),
        failure_class: row.failure_class.unwrap_or_default(),
        message: message.unwrap_or(row.message),
        reused: row.reused,
        started_ms: row.started_ms.unwrap_or(0),
        finished_ms: row.finished_ms.unwrap_or(0),
        key: row.key,
        resumed_from: row.resumed_epoch as u32,
        metrics_json: row.metrics_json,
        ..Default::default()
    }
}
