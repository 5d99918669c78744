//! The status as scripts read it. Fields are added, not renamed.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use sweep_shared::halted::Halted;

use crate::answer::{Attempt, Job, Sweep};

/// A sweep with these jobs, and why the coordinator can record nothing, where that is so.
pub fn document(sweep: &Sweep, jobs: &[Job], halted: Option<&Halted>) -> Value {
    let mut object = summary(sweep);
    object.insert("read_only".to_owned(), json!(halted));
    object.insert("jobs".to_owned(), jobs.iter().map(job_object).collect());
    Value::Object(object)
}

/// A sweep in short, with its jobs counted by state.
pub fn summary(sweep: &Sweep) -> Map<String, Value> {
    let counts: Map<String, Value> = sweep.counts.iter().map(|(state, n)| (state.to_string(), json!(n))).collect();
    let object = json!({
        "id": sweep.id.to_string(),
        "name": sweep.name,
        "state": sweep.state,
        "paused": sweep.paused,
        "paused_reason": sweep.paused_reason,
        "priority": sweep.priority,
        "created_ms": unix_ms(sweep.created),
        "finished_ms": unix_ms(sweep.finished),
        "counts": counts,
        "reused": sweep.reused,
        "gpu_hours": sweep.gpu_hours,
        "cpu_hours": sweep.cpu_hours,
        "budget": sweep.budget,
    });
    match object {
        Value::Object(object) => object,
        _ => unreachable!("json! was given an object"),
    }
}

pub fn job_object(job: &Job) -> Value {
    json!({
        "id": job.id.to_string(),
        "stage": job.stage,
        "kind": job.kind,
        "label": job.label,
        "seed": job.seed,
        "state": job.state,
        "priority": job.priority,
        "attempt": job.attempt,
        "fraction": job.fraction,
        "epoch": job.epoch,
        "epochs": job.epochs,
        "agent": job.agent,
        "failure_class": job.failure,
        "message": job.message,
        "reused": job.reused,
        "not_before_ms": unix_ms(job.not_before),
        "started_ms": unix_ms(job.started),
        "finished_ms": unix_ms(job.finished),
        "key": job.key,
        "resumed_from": job.resumed_from,
        "metrics": job.metrics,
        "attempts": job.attempts.iter().map(attempt_object).collect::<Value>(),
    })
}

fn attempt_object(attempt: &Attempt) -> Value {
    json!({
        "attempt": attempt.number,
        "state": attempt.state,
        "agent": attempt.agent,
        "device": attempt.device,
        "granted_ms": unix_ms(attempt.granted),
        "started_ms": unix_ms(attempt.started),
        "finished_ms": unix_ms(attempt.finished),
        "run_s": attempt.run_time().map(|time| time.as_secs_f64()),
        "resumed": attempt.resumed.map(|from| json!({ "attempt": from.attempt, "epoch": from.epoch })),
        "epoch": attempt.epoch,
        "epochs": attempt.epochs,
        "micro_batches": attempt.micro_batches,
        "peak_memory_bytes": attempt.peak_memory,
        "memory_bytes": attempt.reserved_memory,
        "failure_class": attempt.failure,
        "message": attempt.message,
    })
}

/// Unix milliseconds, as the coordinator keeps them.
pub fn unix_ms(moment: Option<SystemTime>) -> Option<u64> {
    let since = moment?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::status::lineage::tests::attempts;
    use crate::progress::{tests_job, tests_sweep};
    use sweep_shared::states::JobState;

    #[test]
    fn the_document_keeps_the_promised_names() {
        let sweep = Sweep { counts: [(JobState::Succeeded, 2), (JobState::Failed, 1)].into(), ..tests_sweep() };
        let job = Job { attempts: attempts(), ..tests_job(7, JobState::Failed) };
        let full = Halted { kind: "full".to_owned(), message: "no space".to_owned() };
        let document = document(&sweep, &[job], Some(&full));
        assert_eq!(document["read_only"], json!({ "kind": "full", "message": "no space" }));
        assert_eq!(document["id"], "s1");
        assert_eq!(document["state"], "active");
        assert_eq!(document["counts"], json!({ "succeeded": 2, "failed": 1 }));
        assert_eq!(document["budget"], json!({ "gpu_hours": null, "cpu_hours": null }));
        assert_eq!(document["jobs"][0]["id"], "j7");
        assert_eq!(document["jobs"][0]["state"], "failed");
        let attempts = &document["jobs"][0]["attempts"];
        assert_eq!((&attempts[0]["attempt"], &attempts[0]["resumed"]), (&json!(1), &Value::Null));
        assert_eq!(attempts[1]["resumed"], json!({ "attempt": 1, "epoch": 3 }));
        assert_eq!(attempts[1]["device"], "cuda0");
        assert_eq!((&attempts[0]["peak_memory_bytes"], &attempts[1]["micro_batches"]), (&json!(3u64 << 30), &json!(4)));
    }
}
