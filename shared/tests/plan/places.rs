//! Which agents jobs may go to.

use sweep_shared::labels::{Labels, Spot};
use sweep_shared::plan::ExpandedJob;

use super::errors::{TRAIN, check};
use super::jobs_of;

const PLAN: &str = "name: places
data: { name: synthetic, train: 100, validation: 100, test: 100 }
defaults: { where: { room: b12, gpu: [a100, h100] } }
stages:
  base: { train: { model: small-cnn } }
  free: { prune: { input: base, until: 0.5, keep: [0.5] }, where: {} }
  here: { prune: { input: base, until: 0.25, keep: [0.25] }, where: { host: desk-1, speed: 10 } }
";

fn place(jobs: &[ExpandedJob], stage: &str) -> String {
    jobs.iter().find(|job| job.spec.stage == stage).expect("such a stage").place.to_string()
}

#[test]
fn stages_replace_what_defaults_say_and_measurements_need_no_gpu() {
    let plan = jobs_of(PLAN);
    assert_eq!(place(&plan.jobs, "base"), "gpu: a100 or h100, room: b12");
    assert_eq!(
        (place(&plan.jobs, "free"), place(&plan.jobs, "here")),
        (String::new(), "host: desk-1, speed: 10".to_owned())
    );
    assert_eq!(place(&plan.jobs, "measure"), "room: b12");
    let elsewhere = jobs_of(&PLAN.replace("stages:", "measure: { where: { host: edge } }\nstages:"));
    assert_eq!(place(&elsewhere.jobs, "measure"), "host: edge");
    let spot = |gpu| Spot::of("any", &Labels([("room".to_owned(), "b12".to_owned())].into()), gpu);
    let base = plan.jobs.iter().find(|job| job.spec.stage == "base").unwrap();
    assert!(base.place.allows(&spot(Some("NVIDIA H100 PCIe"))) && !base.place.allows(&spot(None)));
}

#[test]
fn places_change_no_key() {
    let anywhere = jobs_of(&PLAN.replace("defaults: { where: { room: b12, gpu: [a100, h100] } }\n", ""));
    assert_eq!(anywhere.fingerprint(), jobs_of(PLAN).fingerprint());
}

#[test]
fn places_are_checked() {
    let top = |field: &str| format!("{field}\n{TRAIN}");
    check(&top("defaults: { where: b12 }"), 1, "defaults.where", "expected a map of labels, found `b12`", None);
    check(&top("defaults: { where: { -room: b12 } }"), 1, "defaults.where.-room", "cannot name a label", None);
    check(&top("defaults: { where: { room: [] } }"), 1, "defaults.where.room", "no agent would do", None);
    check(&top("defaults: { where: { room: { a: b } } }"), 1, "defaults.where.room", "expected a value", None);
    check(&top("defaults: { where: { room: \"a,b\" } }"), 1, "defaults.where.room", "no commas", None);
    check(&top("measure: { where: { gpu: a100 } }"), 1, "measure.where", "measurements run on the CPU", None);
    check(&top("defaults: { device: cpu, where: { gpu: a100 } }"), 4, "stages.base.where", "`device` is cpu", None);
    check(&top("where: { room: b12 }"), 1, "where", "unknown field `where`", None);
}
