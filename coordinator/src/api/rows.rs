//! Rows as wire messages.

use sweep_shared::wire::v1;

use super::Api;
use crate::store::read::{AttemptRow, EventRow, JobRow, SweepRow};
use crate::views;

pub fn summary(row: SweepRow) -> v1::SweepSummary {
    v1::SweepSummary {
        id: row.id.0,
        name: row.name,
        owner: row.owner,
        state: row.state,
        paused: row.paused,
        created_ms: row.created_ms,
        finished_ms: row.finished_ms.unwrap_or(0),
        counts: row.counts.into_iter().collect(),
        reused: row.reused,
        priority: row.priority as i32,
        paused_reason: row.paused_reason,
        gpu_hours: row.gpu_hours,
        cpu_hours: row.cpu_hours,
        budget_gpu_hours: row.budget.gpu_hours.unwrap_or(0.0),
        budget_cpu_hours: row.budget.cpu_hours.unwrap_or(0.0),
    }
}

/// A job, with what the board knows of its running attempt.
pub fn job(api: &Api, row: JobRow) -> v1::JobStatus {
    let (fraction, message) = views::jobs::progress(&api.board, &row);
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
        message,
        reused: row.reused,
        started_ms: row.started_ms.unwrap_or(0),
        finished_ms: row.finished_ms.unwrap_or(0),
        key: row.key,
        resumed_from: row.resumed_epoch as u32,
        metrics_json: row.metrics_json,
        priority: row.priority as i32,
        not_before_ms: row.not_before_ms,
        attempts: Vec::new(),
    }
}

pub fn attempt(row: AttemptRow) -> v1::AttemptStatus {
    v1::AttemptStatus {
        number: row.number as u32,
        state: row.state,
        agent: row.agent,
        device: row.device,
        device_index: row.device_index as u32,
        granted_ms: row.granted_ms,
        started_ms: row.started_ms.unwrap_or(0),
        finished_ms: row.finished_ms.unwrap_or(0),
        run_s: row.run_s.unwrap_or(0.0),
        resumed_attempt: row.resumed_attempt as u32,
        resumed_epoch: row.resumed_epoch as u32,
        failure_class: row.failure_class.unwrap_or_default(),
        message: row.message,
        epoch: row.epoch as u32,
        epochs: row.epochs as u32,
        micro_batches: row.micro_batches as u32,
        peak_memory_bytes: row.peak_memory_bytes as u64,
        memory_bytes: row.memory_bytes as u64,
    }
}

pub fn event(row: EventRow) -> v1::EventRow {
    v1::EventRow {
        id: row.id,
        at_ms: row.at_ms,
        actor: row.actor,
        what: row.what,
        sweep: row.sweep,
        job: row.job,
        attempt: row.attempt as u32,
        detail: row.detail,
    }
}
