//! What `sweep check` tells of a plan without any coordinator: its jobs, what they share, and what they will need.
//!
//! `summary` brings together jobs that differ by seed only, `text` lays them out for people, `document` lists every job for
//! scripts. The plan itself was read and checked before (`plan_files`), the needs are predicted by the same code that the
//! coordinator admits jobs with.

mod document;
mod summary;
mod text;

use std::path::Path;

use crate::exit::{Exit, Outcome};
use crate::{output, plan_files};

/// Checks the plan at `path` (`-`: standard input) and prints what it comes to.
pub fn run(json: bool, path: &Path) -> Outcome {
    let plan = plan_files::read(path)?.plan;
    let predictions = sweep_coordinator::predict::predict(&plan);
    if json {
        output::json(&document::document(&plan, &predictions))?;
    } else {
        output::print(&text::text(&summary::summary(&plan, &predictions)))?;
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod fixtures {
    use std::collections::BTreeMap;

    use sweep_coordinator::predict::{Prediction, catalogue, predict};
    use sweep_shared::plan::{self, ExpandedPlan};

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

    pub fn plan(text: &str) -> (ExpandedPlan, Vec<Prediction>) {
        let plan = plan::read(text, "plan.yaml", &catalogue(BTreeMap::new())).unwrap_or_else(|e| panic!("{e}"));
        let predictions = predict(&plan);
        (plan, predictions)
    }
}
