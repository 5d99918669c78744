//! The report for scripts: every job, with the names that `results` uses where it has the same thing.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use sweep_coordinator::predict::Prediction;
use sweep_shared::plan::{Budget, ExpandedJob, ExpandedPlan};
use sweep_shared::resources::DeviceClass;
use sweep_shared::spec::Role;

use super::hours::{Estimate, Range, total};

/// The whole plan. Fields are added, not renamed.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    name: &'a str,
    fingerprint: String,
    priority: i32,
    budget: Budget,
    /// Choices that fell together with a job that is listed.
    shared: u32,
    warnings: &'a [String],
    expected: Expected,
    jobs: Vec<Job<'a>>,
}

/// How long it all takes, as far as that is known.
#[derive(Debug, Serialize)]
struct Expected {
    /// One job after the other.
    seconds: Range,
    /// Of the longest chain of jobs that wait for each other.
    chain_seconds: f64,
    unknown_jobs: usize,
}

/// How long a job takes, alone on its device.
#[derive(Debug, Serialize)]
struct JobExpected {
    seconds: Range,
    device: DeviceClass,
    /// `alike`: such jobs took so long; `others`: by how fast other networks were; `rule`: a rule of thumb.
    basis: &'static str,
}

#[derive(Debug, Serialize)]
struct Job<'a> {
    stage: &'a str,
    kind: &'static str,
    label: &'a str,
    seed: u64,
    key: &'a str,
    params: &'a BTreeMap<String, Value>,
    inputs: Vec<Input<'a>>,
    points: &'a [String],
    device: Option<DeviceClass>,
    exclusive: bool,
    retries: u32,
    priority: i32,
    max_hours: Option<f64>,
    losses: u32,
    /// Seconds; 0: never; absent: as the agent thinks fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    hang_after_s: Option<f64>,
    reusable: bool,
    network: Option<&'a str>,
    parameters: Option<u64>,
    macs: Option<u64>,
    /// Predicted for the class of device that the job asks for, or else a CPU; absent where nothing is known.
    memory_bytes: Option<u64>,
    memory_cpu_bytes: Option<u64>,
    memory_cuda_bytes: Option<u64>,
    /// `null`: unknown.
    expected: Option<JobExpected>,
}

#[derive(Debug, Serialize)]
struct Input<'a> {
    role: Role,
    /// Position among `jobs`.
    job: usize,
    key: &'a str,
    point: &'a str,
}

pub fn document<'a>(
    plan: &'a ExpandedPlan,
    predictions: &'a [Prediction],
    estimates: &[Option<Estimate>],
) -> Document<'a> {
    let whole = total(plan, estimates);
    let jobs = plan.jobs.iter().zip(predictions).zip(estimates);
    Document {
        name: &plan.name,
        fingerprint: plan.fingerprint(),
        priority: plan.priority,
        budget: plan.budget,
        shared: plan.shared,
        warnings: &plan.warnings,
        expected: Expected { seconds: whole.seconds, chain_seconds: whole.chain_s, unknown_jobs: whole.unknown },
        jobs: jobs.map(|((job, prediction), estimate)| row(job, prediction, *estimate)).collect(),
    }
}

fn row<'a>(job: &'a ExpandedJob, prediction: &'a Prediction, estimate: Option<Estimate>) -> Job<'a> {
    let inputs = job.spec.inputs.iter().zip(&job.inputs);
    let need = prediction.need();
    let known = |bytes: u64| (bytes > 0).then_some(bytes);
    Job {
        stage: &job.spec.stage,
        kind: job.spec.kind.word(),
        label: &job.label,
        seed: job.spec.seed,
        key: &job.key,
        params: &job.params,
        inputs: inputs.map(|(i, job)| Input { role: i.role, job: *job, key: &i.key, point: &i.point }).collect(),
        points: &job.points,
        device: job.device,
        exclusive: job.exclusive,
        retries: job.policy.retries,
        priority: job.policy.priority,
        max_hours: job.policy.max_hours,
        losses: job.policy.losses,
        hang_after_s: job.policy.hang_after_s,
        reusable: job.reusable,
        network: prediction.network.as_deref(),
        parameters: prediction.parameters,
        macs: prediction.macs,
        memory_bytes: known(need.of(job.device.unwrap_or(DeviceClass::Cpu))),
        memory_cpu_bytes: known(need.cpu_bytes),
        memory_cuda_bytes: known(need.cuda_bytes),
        expected: estimate.map(|one| JobExpected { seconds: one.seconds, device: one.device, basis: one.basis.word() }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn every_job_is_listed_with_its_inputs_by_position() {
        let (plan, predictions) = fixtures::plan(fixtures::PLAN);
        let value =
            serde_json::to_value(document(&plan, &predictions, &fixtures::estimates(&plan, &predictions))).unwrap();
        let jobs = value["jobs"].as_array().unwrap();
        assert_eq!((jobs.len(), &value["shared"]), (plan.jobs.len(), &Value::from(2)));
        for job in jobs {
            for input in job["inputs"].as_array().unwrap() {
                let source = &jobs[input["job"].as_u64().unwrap() as usize];
                assert_eq!((&source["key"], &source["seed"]), (&input["key"], &job["seed"]));
            }
            assert_eq!(job["memory_bytes"].is_null(), job["kind"] == "command", "{job}");
            assert_eq!(job["expected"].is_null(), job["kind"] == "command", "{job}");
            assert_eq!(job["memory_bytes"], job["memory_cpu_bytes"], "no device is asked for: {job}");
        }
        assert_eq!(jobs[0]["network"], "small-cnn");
        assert_eq!((&jobs[0]["expected"]["basis"], &value["expected"]["unknown_jobs"]), (&"rule".into(), &6.into()));
    }
}
