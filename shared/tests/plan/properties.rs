//! What holds for any plan.

use std::collections::BTreeSet;

use proptest::prelude::*;
use sweep_shared::plan::{files_named, read};

use super::{catalogue, jobs_of};

/// Axes with some values, and which (axis, value) pairs are excluded alone.
fn matrix() -> impl Strategy<Value = (Vec<usize>, Vec<(usize, usize)>)> {
    prop::collection::vec(1..5_usize, 1..4)
        .prop_flat_map(|axes| {
            let pair = (0..axes.len()).prop_flat_map({
                let axes = axes.clone();
                move |axis| (Just(axis), 0..axes[axis])
            });
            (Just(axes), prop::collection::btree_set(pair, 0..3))
        })
        .prop_map(|(axes, excluded)| (axes, excluded.into_iter().collect()))
}

/// The combinations that should remain, counted one by one.
fn remaining(axes: &[usize], excluded: &[(usize, usize)]) -> usize {
    let total: usize = axes.iter().product();
    let value = |index: usize, axis: usize| index / axes[..axis].iter().product::<usize>() % axes[axis];
    (0..total).filter(|i| !excluded.iter().any(|(axis, v)| value(*i, *axis) == *v)).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_matrix_is_the_product_without_its_exclusions((axes, excluded) in matrix(), seeds in 1..4_usize) {
        let rows: Vec<String> = axes.iter().enumerate().map(|(i, n)| {
            let values: Vec<String> = (0..*n).map(|v| format!("v{v}")).collect();
            format!("      a{i}: [{}]", values.join(", "))
        }).collect();
        let out: Vec<String> = excluded.iter().map(|(axis, v)| format!("{{ a{axis}: v{v} }}")).collect();
        let seed_list: Vec<String> = (0..seeds).map(|s| s.to_string()).collect();
        let text = format!(
            "seeds: [{}]\nstages:\n  s:\n    command: {{ run: [echo] }}\n    matrix:\n{}\n      exclude: [{}]\n",
            seed_list.join(", "), rows.join("\n"), out.join(", ")
        );
        let expected = remaining(&axes, &excluded);
        match read(&text, "plan.yaml", &catalogue()) {
            Ok(plan) => {
                prop_assert_eq!(plan.jobs.len(), expected * seeds);
                let keys: BTreeSet<&str> = plan.jobs.iter().map(|j| j.key.as_str()).collect();
                prop_assert_eq!(keys.len(), plan.jobs.len());
                let names: BTreeSet<_> = plan.jobs.iter().map(|j| (j.spec.seed, j.label.as_str())).collect();
                prop_assert_eq!(names.len(), plan.jobs.len(), "labels tell the jobs of a seed apart");
            }
            // Either nothing is left, or an exclusion met only what another had removed.
            Err(errors) => {
                let said = &errors.errors[0].message;
                prop_assert!(expected == 0 || said.contains("excludes nothing"), "{}", errors);
                prop_assert!(expected == 0 || excluded.len() > 1, "{}", errors);
            }
        }
    }

    #[test]
    fn no_text_makes_reading_panic(text in "\\PC{0,200}") {
        let _ = read(&text, "plan.yaml", &catalogue()).map_err(|e| e.to_string());
        files_named(&text);
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = read(&text, "plan.yaml", &catalogue()).map_err(|e| e.to_string());
    }

    /// Plans that are nearly right reach far deeper than random text.
    #[test]
    fn no_damage_to_a_plan_makes_reading_panic(cuts in prop::collection::vec((0..PLAN.len(), 0..12_usize, "[-a-z0-9:{}\\[\\],\\t\\n &*.$é]{0,3}"), 1..4)) {
        let mut text: Vec<char> = PLAN.chars().collect();
        for (at, length, insert) in cuts {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            text.splice(at..end, insert.chars());
        }
        let text: String = text.into_iter().collect();
        match read(&text, "plan.yaml", &catalogue()) {
            Ok(plan) => prop_assert!(!plan.jobs.is_empty()),
            Err(errors) => {
                prop_assert!(!errors.errors.is_empty());
                prop_assert!(errors.to_string().starts_with("plan.yaml:"), "{}", errors);
            }
        }
    }
}

const PLAN: &str = "data: { name: synthetic, train: 100 }
seeds: [0, 1]
defaults: { batch: 64, optimizer: { sgd: { lr: 1e-2 } } }
stages:
  base: { train: { model: small-cnn, epochs: 2, schedule: { multistep: { milestones: [1] } } } }
  s:
    distill: { teacher: base }
    matrix: { model: [kd-conv4, kd-conv5], temperature: [2, 4], exclude: [{ model: kd-conv4, temperature: 2 }] }
  p: { prune: { input: [base, s], keep: [0.5, 0.75], retrain: &r { epochs: 1 } } }
  q:
    quantize: { input: [base, 'p[s0.50, s[temperature=4]]'] }
    matrix: { mode: [static, qat], epochs: [1] }
  c: { command: { run: [echo, '${seed}', '${input}'], input: q, files: [train.py] }, device: cpu }
measure: { latency: { batch: [1], runs: 3 } }
";

#[test]
fn the_plan_that_is_damaged_is_right_at_first() {
    assert!(jobs_of(PLAN).jobs.len() > 40);
}

#[test]
fn just_under_the_limit_is_a_plan() {
    let list = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>().join(", ");
    let plan = jobs_of(&format!(
        "seeds: [{}]\nstages:\n  a:\n    command: {{ run: [x] }}\n    matrix: {{ i: [{}] }}\n",
        list(250),
        list(400)
    ));
    assert_eq!(plan.jobs.len(), 100_000);
}

#[test]
fn a_thousand_values_are_a_thousand_jobs_in_order() {
    let values: Vec<String> = (1..=1000).map(|i| i.to_string()).collect();
    let plan = jobs_of(&format!(
        "measure: false\nstages:\n  noop:\n    command: {{ run: [/bin/true] }}\n    matrix: {{ i: [{}] }}\n",
        values.join(", ")
    ));
    assert_eq!(plan.jobs.len(), 1000);
    assert!(plan.jobs.iter().zip(1..).all(|(job, i)| job.label == format!("i={i}")));
    let keys: BTreeSet<&str> = plan.jobs.iter().map(|j| j.key.as_str()).collect();
    assert_eq!(keys.len(), 1000, "the value is part of the key although the words do not use it");
}
