//! From a plan's text to the command that makes a sweep of it. It reads nothing but the networks among the plan's files; the plan's own errors are told to the user as they are.

use std::path::PathBuf;

use sweep_shared::ids::{ContentHash, SweepId};
use sweep_shared::plan::{self, ExpandedJob, ExpandedPlan, PlanErrors};
use sweep_shared::spec::{Protocol, Role, StageKind};
use sweep_shared::wire::to_json;

use crate::predict::{FileAt, Networks, Prediction, predict};
use crate::store::{BlobRef, NewInput, NewJob, Submit};

/// A user's wish.
#[derive(Debug, Clone)]
pub struct Wish {
    pub plan_yaml: String,
    pub plan_path: String,
    pub files: Vec<BlobRef>,
    pub reuse: bool,
    pub continue_same: bool,
    /// Change this sweep to the plan.
    pub amend: Option<SweepId>,
    pub retry_failed: bool,
    /// Who wishes it.
    pub actor: String,
    /// Others' sweeps of the same plan are not joined.
    pub own_only: bool,
}

/// Reads the plan, expands it, and predicts what its jobs need. `path` tells where a blob lies. Answers, too, how many bytes its
/// results are predicted to take here.
pub fn read(wish: Wish, path: impl Fn(&ContentHash) -> PathBuf) -> Result<(Submit, u64), PlanErrors> {
    let at = |file: &BlobRef| FileAt { name: file.name.clone(), hash: file.hash.clone(), path: path(&file.hash) };
    let networks = Networks::new(wish.files.iter().map(at).collect());
    let plan = plan::read(&wish.plan_yaml, &wish.plan_path, &networks.catalogue())?;
    let needs = predict(&plan, &networks);
    let kept = needs.iter().map(|need| need.kept_bytes).sum();
    Ok((command(wish, plan, &needs), kept))
}

fn command(wish: Wish, plan: ExpandedPlan, needs: &[Prediction]) -> Submit {
    Submit {
        fingerprint: plan.fingerprint(),
        name: plan.name,
        plan_yaml: wish.plan_yaml,
        plan_path: wish.plan_path,
        files: wish.files,
        jobs: plan.jobs.into_iter().zip(needs).map(|(job, need)| new_job(job, need)).collect(),
        reuse: wish.reuse,
        continue_same: wish.continue_same,
        amend: wish.amend,
        retry_failed: wish.retry_failed,
        priority: plan.priority,
        budget: plan.budget,
        notify: plan.notify,
        actor: wish.actor,
        own_only: wish.own_only,
    }
}

fn new_job(job: ExpandedJob, need: &Prediction) -> NewJob {
    let preemptible = !job.exclusive && goes_on(&job.spec.kind);
    let spec_json = to_json(&job.spec);
    let inputs = job.spec.inputs.into_iter().zip(job.inputs);
    NewJob {
        kind: job.spec.kind.word(),
        spec_json,
        params_json: to_json(&job.params),
        inputs: inputs.map(|(input, source)| NewInput { source, role: role(input.role), point: input.point }).collect(),
        stage: job.spec.stage,
        seed: job.spec.seed,
        key: job.key,
        label: job.label,
        device: job.device,
        place: job.place.to_text(),
        disk_bytes: need.disk_bytes,
        needs: need.needs.clone(),
        likeness: need.likeness.clone(),
        exclusive: job.exclusive,
        preemptible,
        retries: job.policy.retries,
        most_losses: job.policy.losses,
        max_hours: job.policy.max_hours,
        hang_after_s: job.policy.hang_after_s,
        priority: job.policy.priority,
        reusable: job.reusable,
    }
}

/// Whether another attempt can go on from a checkpoint of this one. A command that tells nothing has none.
fn goes_on(kind: &StageKind) -> bool {
    !matches!(kind, StageKind::Command(command) if command.protocol == Protocol::Exit)
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Input => "input",
        Role::Teacher => "teacher",
        Role::Candidate => "candidate",
        Role::Reference => "reference",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(plan_yaml: &str) -> Wish {
        Wish {
            plan_yaml: plan_yaml.to_owned(),
            plan_path: "plan.yaml".to_owned(),
            files: Vec::new(),
            reuse: true,
            continue_same: false,
            amend: None,
            retry_failed: false,
            actor: "me".to_owned(),
            own_only: false,
        }
    }

    #[test]
    fn jobs_come_with_their_inputs_needs_and_specs() {
        let plan =
            "data: synthetic\nstages:\n  base: { train: { model: small-cnn } }\n  thin: { prune: { input: base } }\n";
        let (submit, kept) = read(wish(plan), |_| PathBuf::new()).unwrap_or_else(|e| panic!("{e}"));
        assert!(kept > 0);
        let thin = submit.jobs.iter().find(|job| job.stage == "thin").unwrap();
        assert_eq!((thin.kind, thin.inputs[0].role), ("prune", "input"));
        assert_eq!(submit.jobs[thin.inputs[0].source].stage, "base");
        assert!(thin.needs[&1].cpu_bytes > thin.needs[&2].cpu_bytes && !thin.likeness.is_empty());
        let measure = submit.jobs.iter().find(|job| job.kind == "measure").unwrap();
        assert!(measure.exclusive && measure.inputs[0].role == "candidate");
        let spec: sweep_shared::spec::JobSpec = serde_json::from_str(&thin.spec_json).unwrap();
        assert_eq!(spec.stage, "thin");
    }

    #[test]
    fn a_wrong_plan_is_told_as_the_plan_reader_tells_it() {
        let error =
            read(wish("stages: { a: { train: { model: small-cmn } } }\n"), |_| PathBuf::new()).unwrap_err().to_string();
        assert!(error.contains("plan.yaml:1") && error.contains("small-cnn"), "{error}");
    }
}
