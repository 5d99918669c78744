//! The jobs of a plan by stage and choice; seeds are counted, not listed.

use std::collections::{BTreeSet, HashMap};

use sweep_coordinator::predict::Prediction;
use sweep_shared::plan::{Budget, ExpandedJob, ExpandedPlan};
use sweep_shared::resources::DeviceClass;
use sweep_shared::spec::{MeasureSpec, StageKind};

use super::hours::{Estimate, Total, total};

/// What the text shows.
#[derive(Debug)]
pub struct Summary<'a> {
    pub name: &'a str,
    pub jobs: usize,
    /// Points that networks make; those of commands are not known.
    pub points: usize,
    pub seeds: BTreeSet<u64>,
    /// Choices that fell together with others.
    pub shared: u32,
    pub stages: Vec<Stage<'a>>,
    pub measure: Option<Measure<'a>>,
    pub budget: Budget,
    pub total: Total,
}

/// The measure jobs, of which each is short and alike.
#[derive(Debug)]
pub struct Measure<'a> {
    pub jobs: usize,
    pub spec: &'a MeasureSpec,
    pub seconds: f64,
}

#[derive(Debug)]
pub struct Stage<'a> {
    pub name: &'a str,
    pub kind: &'static str,
    /// Choices in the plan's order.
    pub rows: Vec<Row<'a>>,
}

/// The jobs of one choice, one for each seed.
#[derive(Debug)]
pub struct Row<'a> {
    pub label: &'a str,
    pub input: Option<&'a str>,
    pub jobs: usize,
    /// Of all these jobs.
    pub points: usize,
    pub prediction: &'a Prediction,
    /// Predicted for the class of device that they ask for, or else a CPU; 0: unknown.
    pub memory_bytes: u64,
    /// Likely, of all these jobs one after the other; `None`: of some it is unknown.
    pub seconds: Option<f64>,
}

/// Brings a plan's jobs together.
pub fn summary<'a>(
    plan: &'a ExpandedPlan,
    predictions: &'a [Prediction],
    estimates: &[Option<Estimate>],
) -> Summary<'a> {
    let mut stages: Vec<Stage<'a>> = Vec::new();
    let mut stage_of: HashMap<&str, usize> = HashMap::new();
    let mut row_of: HashMap<(&str, &str), usize> = HashMap::new();
    let mut measure: Option<Measure> = None;
    for ((job, prediction), estimate) in plan.jobs.iter().zip(predictions).zip(estimates) {
        let seconds = estimate.map(|one| one.seconds.likely);
        if let StageKind::Measure(spec) = &job.spec.kind {
            let measure = measure.get_or_insert(Measure { jobs: 0, spec, seconds: 0.0 });
            measure.jobs += 1;
            measure.seconds += seconds.unwrap_or(0.0);
            continue;
        }
        let name = job.spec.stage.as_str();
        let index = *stage_of.entry(name).or_insert(stages.len());
        if index == stages.len() {
            stages.push(Stage { name, kind: job.spec.kind.word(), rows: Vec::new() });
        }
        let rows = &mut stages[index].rows;
        let index = *row_of.entry((name, &job.label)).or_insert(rows.len());
        if index == rows.len() {
            let memory_bytes = prediction.need().of(job.device.unwrap_or(DeviceClass::Cpu));
            let (label, input, seconds) = (job.label.as_str(), input(job), Some(0.0));
            rows.push(Row { label, input, jobs: 0, points: 0, prediction, memory_bytes, seconds });
        }
        rows[index].jobs += 1;
        rows[index].points += job.points.len();
        rows[index].seconds = rows[index].seconds.zip(seconds).map(|(sum, one)| sum + one);
    }
    Summary {
        name: &plan.name,
        jobs: plan.jobs.len(),
        points: stages.iter().flat_map(|s| &s.rows).map(|r| r.points).sum(),
        seeds: plan.jobs.iter().map(|j| j.spec.seed).collect(),
        shared: plan.shared,
        stages,
        measure,
        budget: plan.budget,
        total: total(plan, estimates),
    }
}

fn input(job: &ExpandedJob) -> Option<&str> {
    ["input", "teacher"].iter().find_map(|role| job.params.get(*role)?.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn seeds_are_counted_in_rows_by_choice() {
        let (plan, predictions) = fixtures::plan(fixtures::PLAN);
        let summary = summary(&plan, &predictions, &fixtures::estimates(&plan, &predictions));
        let rows = |stage: usize| -> Vec<(&str, usize, usize)> {
            summary.stages[stage].rows.iter().map(|r| (r.label, r.jobs, r.points)).collect()
        };
        let names: Vec<&str> = summary.stages.iter().map(|s| s.name).collect();
        assert_eq!(names, ["base", "student", "thin", "say"]);
        assert_eq!(rows(0), [("", 2, 2)]);
        assert_eq!(rows(1), [("model=kd-conv4", 2, 2), ("model=kd-conv5", 2, 2)]);
        assert_eq!(rows(2)[0], ("input=student[model=kd-conv4]", 2, 4));
        assert_eq!(rows(3).len(), 3);
        // base 2, student 4, thin 8; `twin` repeats `base` for both seeds; say has 6 jobs without points.
        assert_eq!((summary.points, summary.shared, summary.measure.unwrap().jobs), (14, 2, 14));
        assert_eq!(summary.jobs, 2 + 4 + 4 + 6 + 14);
    }
}
