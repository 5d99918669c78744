//! What `sweep check` tells of a plan without any coordinator: its jobs, what they share, and what they will need.
//!
//! `summary` brings together jobs that differ by seed only, `text` lays them out for people, `document` lists every job for
//! scripts, `hours` says how long it will take. The plan itself was read and checked before (`plan_files`), the needs are predicted by the same code that the
//! coordinator admits jobs with.

mod document;
mod hours;
mod summary;
mod text;

use std::path::Path;

use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::plan_files::PlanFile;
use crate::{output, plan_files};

/// Checks the plan at `path` (`-`: standard input) and prints what it comes to. `offline`: nobody is asked how long work takes.
pub async fn run(context: &Context, path: &Path, offline: bool) -> Outcome {
    let PlanFile { plan, networks, .. } = plan_files::read(path)?;
    let predictions = sweep_coordinator::predict::predict(&plan, &networks);
    let past = hours::ask(context, offline).await;
    let estimates = hours::estimates(&plan, &predictions, &past);
    if context.json {
        output::json(&document::document(&plan, &predictions, &estimates))?;
    } else {
        let summary = summary::summary(&plan, &predictions, &estimates);
        output::print(&text::text(&summary, past.gpus))?;
        if let Some(trouble) = past.trouble {
            output::note(&format!("nobody could be asked how long such work takes: {trouble}"));
        }
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod fixtures {
    use sweep_coordinator::predict::{Networks, Prediction, predict};
    use sweep_shared::plan::{self, ExpandedPlan};

    use super::hours::{self, Estimate};

    /// A small study with everything that the report distinguishes.
    pub const PLAN: &str = "
name: study
data: synthetic
seeds: [0, 1]
stages:
  base: { train: { model: small-cnn } }
  twin: { train: { model: small-cnn } }
  student:
    distill: { teacher: base }
    matrix: { model: [kd-conv4, kd-conv5] }
  thin: { prune: { input: student, keep: [0.3, 0.5] } }
  say: { command: { run: [echo, '${i}'] }, matrix: { i: [1, 2, 3] } }
";

    /// Without any past.
    pub fn estimates(plan: &ExpandedPlan, predictions: &[Prediction]) -> Vec<Option<Estimate>> {
        hours::estimates(plan, predictions, &hours::Past::default())
    }

    pub fn plan(text: &str) -> (ExpandedPlan, Vec<Prediction>) {
        let networks = Networks::new(Vec::new());
        let plan = plan::read(text, "plan.yaml", &networks.catalogue()).unwrap_or_else(|e| panic!("{e}"));
        let predictions = predict(&plan, &networks);
        (plan, predictions)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::fixtures;
    use crate::plan_files;

    fn root() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    #[test]
    fn every_example_is_a_sound_plan() {
        let mut count = 0;
        for entry in std::fs::read_dir(root().join("examples")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "yaml") {
                let plan = plan_files::read(&path).unwrap_or_else(|failure| panic!("{}", failure.text())).plan;
                assert!(!plan.jobs.is_empty() && plan.warnings.is_empty(), "{}: {:?}", path.display(), plan.warnings);
                count += 1;
            }
        }
        assert!(count >= 4, "only {count} examples");
    }

    #[test]
    fn the_documented_study_has_as_many_jobs_as_the_documentation_says() {
        let text = std::fs::read_to_string(root().join("docs/plan.md")).unwrap();
        let study = text.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let (plan, _) = fixtures::plan(study);
        assert!(text.contains(&format!("comes to {} jobs", plan.jobs.len())), "{} jobs", plan.jobs.len());
    }
}
