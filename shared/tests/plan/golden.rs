//! What plans come to: counted by hand, then compared.

use std::collections::BTreeMap;

use serde_json::json;
use sweep_shared::plan::{Budget, ExpandedPlan, Policy};
use sweep_shared::resources::DeviceClass;
use sweep_shared::spec::{
    Augment, Criterion, DataSource, OptimizerSpec, Precision, PruneMethod, QuantMode, Role, ScheduleSpec, StageKind,
};

use super::{jobs_of, stage};

/// The study of the design document, without the parts that this version lacks: `ensemble`, `search`, latency on `cuda`.
pub const STUDY: &str = "
name: cifar10-kd-prune-quant
data: { name: cifar10, augment: [flip, crop4], validation: 0.1 }
seeds: [0, 1, 2]
defaults: { batch: 128, precision: auto, retries: 3 }
stages:
  teacher:
    train: { model: resnet18-cifar, epochs: 30, optimizer: { sgd: { lr: 0.1, momentum: 0.9, weight_decay: 5e-4 } }, schedule: one_cycle }
  student:
    distill: { teacher: teacher, epochs: 30, alpha: 0.9 }
    matrix: { model: [kd-conv4, kd-conv5], temperature: [2, 4, 8] }
  pruned:
    prune: { input: [teacher, student], method: unstructured, criterion: l1, scope: global, per_cycle: 0.15, until: 0.98, retrain: { epochs: 2 }, keep: [0.48, 0.77, 0.90] }
  int8:
    quantize: { input: [teacher, student, pruned], target: ort-vnni }
    matrix: { mode: [static, qat] }
measure: { latency: { batch: [1, 32], devices: [cpu] } }
notify: { email: [me@example.org], sms: [\"+15550100\"], on: [finished, failed] }
";

fn counts(plan: &ExpandedPlan) -> BTreeMap<&str, usize> {
    plan.jobs.iter().fold(BTreeMap::new(), |mut counts, job| {
        *counts.entry(job.spec.stage.as_str()).or_default() += 1;
        counts
    })
}

#[test]
fn the_study_comes_to_462_jobs() {
    let plan = jobs_of(STUDY);
    // teacher: 3 seeds. student: 2 models × 3 temperatures × 3 seeds. pruned: (1 teacher + 6 students) × 3 seeds, with
    // 3 points each. int8: (1 teacher + 6 students + 7 × 3 pruned points) × 2 modes × 3 seeds. measure: every point, so
    // 3 + 18 + 21 × 3 + 168.
    let expected = [("teacher", 3), ("student", 18), ("pruned", 21), ("int8", 168), ("measure", 252)];
    assert_eq!(counts(&plan), BTreeMap::from(expected));
    assert_eq!((plan.jobs.len(), plan.shared), (462, 0));
}

#[test]
fn what_cannot_be_done_yet_or_makes_no_sense_is_a_warning() {
    let plan = jobs_of(STUDY);
    let about = |text: &str| plan.warnings.iter().any(|w| w.starts_with("warning: plan.yaml:") && w.contains(text));
    assert!(about("no point is kept above 0.9"), "{:?}", plan.warnings);
    assert_eq!(plan.warnings.len(), 1);
}

#[test]
fn jobs_stand_behind_their_inputs_and_pair_by_seed() {
    let plan = jobs_of(STUDY);
    for (index, job) in plan.jobs.iter().enumerate() {
        assert_eq!(job.inputs.len(), job.spec.inputs.len());
        for (input, spec) in job.inputs.iter().zip(&job.spec.inputs) {
            assert!(*input < index);
            let source = &plan.jobs[*input];
            assert_eq!((source.spec.seed, &source.key), (job.spec.seed, &spec.key));
            assert!(source.points.contains(&spec.point), "{} of {:?}", spec.point, source.points);
        }
    }
}

#[test]
fn labels_say_what_differs() {
    let plan = jobs_of(STUDY);
    let labels = |name: &str| stage(&plan, name).iter().map(|j| j.label.clone()).collect::<Vec<_>>();
    assert_eq!(labels("teacher"), ["", "", ""]);
    assert_eq!(labels("student")[..2], ["model=kd-conv4 temperature=2", "model=kd-conv4 temperature=4"]);
    assert_eq!(labels("pruned")[..2], ["input=teacher", "input=student[model=kd-conv4 temperature=2]"]);
    let int8 = labels("int8");
    assert!(
        int8.contains(&"mode=qat input=pruned[student[model=kd-conv5 temperature=8] s0.77]".to_owned()),
        "{int8:?}"
    );
    assert!(labels("measure").contains(&"int8[mode=static pruned[teacher s0.48]]".to_owned()));
}

#[test]
fn labels_work_as_selectors() {
    let plan = jobs_of(&format!(
        "{}  last:\n    evaluate:\n      input: int8[mode=qat, pruned[student[model=kd-conv5 temperature=8] s0.77]]\n",
        STUDY.split("measure:").next().unwrap()
    ));
    let last = stage(&plan, "last");
    assert_eq!(last.len(), 3, "one for each seed");
    assert_eq!(
        plan.jobs[last[0].inputs[0]].label,
        "mode=qat input=pruned[student[model=kd-conv5 temperature=8] s0.77]"
    );
}

#[test]
fn the_parameters_of_the_study() {
    let plan = jobs_of(STUDY);
    let StageKind::Train(teacher) = &stage(&plan, "teacher")[0].spec.kind else { panic!() };
    assert_eq!(teacher.model.as_ref().unwrap().name(), "resnet18-cifar");
    let sgd = OptimizerSpec::Sgd { lr: 0.1, momentum: 0.9, weight_decay: 5e-4, nesterov: true };
    assert_eq!((&teacher.fit.optimizer, teacher.fit.epochs, teacher.fit.batch), (&sgd, 30, 128));
    assert_eq!(teacher.fit.schedule, ScheduleSpec::OneCycle { warmup_share: 0.3 });
    let StageKind::Distill(student) = &stage(&plan, "student")[5].spec.kind else { panic!() };
    assert_eq!((student.model.name(), student.temperature, student.alpha), ("kd-conv5", 8.0, 0.9));
    let StageKind::Prune(pruned) = &stage(&plan, "pruned")[0].spec.kind else { panic!() };
    assert_eq!(
        (pruned.method, pruned.criterion, pruned.keep.as_slice()),
        (PruneMethod::Unstructured, Criterion::L1, &[0.48, 0.77, 0.9][..])
    );
    assert_eq!((pruned.retrain.epochs, pruned.retrain.batch, pruned.round_to), (2, 128, 1));
    assert_eq!(stage(&plan, "pruned")[0].points, ["s0.48", "s0.77", "s0.90"]);
    for job in stage(&plan, "int8") {
        let StageKind::Quantize(int8) = &job.spec.kind else { panic!() };
        assert_eq!(int8.fit.is_some(), int8.mode == QuantMode::Qat);
        assert_eq!(job.params["mode"], json!(if int8.fit.is_some() { "qat" } else { "static" }));
        assert!(job.params["input"].is_string());
    }
}

#[test]
fn measure_jobs_come_last_alone_and_on_the_processor() {
    let plan = jobs_of(STUDY);
    let first = plan.jobs.iter().position(|j| j.spec.stage == "measure").unwrap();
    for (index, job) in plan.jobs.iter().enumerate() {
        assert_eq!(job.exclusive, index >= first);
    }
    let job = &plan.jobs[first];
    assert_eq!((job.device, job.spec.inputs[0].role, job.reusable), (Some(DeviceClass::Cpu), Role::Candidate, false));
    let StageKind::Measure(spec) = &job.spec.kind else { panic!() };
    assert_eq!((spec.batches.as_slice(), spec.runs, spec.threads), (&[1, 32][..], 50, 1));
}

#[test]
fn the_smallest_plan_has_a_practitioners_defaults() {
    let plan = jobs_of("data: cifar10\nstages: { base: { train: { model: small-cnn } } }\n");
    assert_eq!((plan.name.as_str(), plan.jobs.len()), ("plan", 2));
    let job = &plan.jobs[0];
    let data = job.spec.data.as_ref().unwrap();
    assert_eq!(data.source, DataSource::Cifar10 { path: None });
    assert_eq!((data.validation, data.augment.as_slice()), (0.1, &[Augment::Flip, Augment::Crop4][..]));
    assert_eq!((job.spec.seed, job.policy.retries, job.exclusive, job.device), (0, 3, false, None));
    assert!(!job.reusable, "no key covers the contents of a folder");
    let StageKind::Train(spec) = &job.spec.kind else { panic!() };
    assert_eq!((spec.fit.epochs, spec.fit.batch, spec.fit.precision), (30, 128, Precision::Auto));
}

#[test]
fn defaults_reach_every_training_and_are_overruled() {
    let plan = jobs_of(
        "data: synthetic\nmeasure: false\ndefaults: { batch: 64, epochs: 5, optimizer: adamw, retries: 1, device: cpu }\nstages:
  a: { train: { model: tiny-cnn } }
  b: { train: { model: tiny-cnn, epochs: 2, optimizer: sgd }, retries: 0, device: cuda }
  p: { prune: { input: a } }\n",
    );
    let StageKind::Train(a) = &plan.jobs[0].spec.kind else { panic!() };
    let StageKind::Train(b) = &plan.jobs[1].spec.kind else { panic!() };
    let StageKind::Prune(p) = &plan.jobs[2].spec.kind else { panic!() };
    assert_eq!((a.fit.epochs, a.fit.batch, b.fit.epochs, b.fit.batch), (5, 64, 2, 64));
    assert!(matches!(a.fit.optimizer, OptimizerSpec::Adamw { lr: 1e-3, .. }), "{:?}", a.fit.optimizer);
    assert!(matches!(b.fit.optimizer, OptimizerSpec::Sgd { lr: 0.1, .. }));
    assert_eq!((p.retrain.epochs, p.retrain.batch), (2, 64), "retraining keeps its own epochs");
    assert!(matches!(p.retrain.optimizer, OptimizerSpec::Sgd { lr: 0.01, .. }), "and its own optimizer");
    assert_eq!((plan.jobs[0].policy.retries, plan.jobs[0].device), (1, Some(DeviceClass::Cpu)));
    assert_eq!((plan.jobs[1].policy.retries, plan.jobs[1].device), (0, Some(DeviceClass::Cuda)));
    assert!(plan.jobs.iter().all(|j| j.reusable));
}

#[test]
fn dotted_axes_reach_into_a_stage() {
    let plan = jobs_of(
        "data: synthetic\nmeasure: false\nstages:\n  a:\n    train: { model: tiny-cnn, optimizer: sgd }
    matrix: { optimizer.sgd.lr: [0.1, 1e-2] }\n  p:\n    prune: { input: 'a[optimizer.sgd.lr=0.01]' }\n    matrix: { retrain.epochs: [1, 4] }\n",
    );
    let lr = |i: usize| match &plan.jobs[i].spec.kind {
        StageKind::Train(t) => match t.fit.optimizer {
            OptimizerSpec::Sgd { lr, momentum, .. } => (lr, momentum),
            OptimizerSpec::Adamw { .. } => panic!(),
        },
        _ => panic!(),
    };
    assert_eq!((lr(0), lr(1)), ((0.1, 0.9), (0.01, 0.9)));
    assert_eq!(plan.jobs[1].label, "optimizer.sgd.lr=1e-2", "as the author wrote it");
    let epochs: Vec<u32> = stage(&plan, "p")
        .iter()
        .map(|j| if let StageKind::Prune(p) = &j.spec.kind { p.retrain.epochs } else { 0 })
        .collect();
    assert_eq!(epochs, [1, 4]);
}

#[test]
fn include_adds_and_exclude_removes() {
    let plan = jobs_of(
        "stages:\n  a:\n    command: { run: [echo, '${x}'] }\n    matrix:\n      x: [1, 2]\n      y: [3, 4]\n      exclude: [{ x: 1, y: 4 }, { x: 2.0, y: 3 }]\n      include: [{ x: 9 }]\n",
    );
    let labels: Vec<&str> = plan.jobs.iter().map(|j| j.label.as_str()).collect();
    assert_eq!(labels, ["x=1 y=3", "x=2 y=4", "x=9"]);
}

#[test]
fn equal_work_is_one_job() {
    // `b` repeats `a`; the two temperatures of `s` are one for static quantization's epochs, which `static` does not use.
    let plan = jobs_of(
        "data: synthetic\nmeasure: false\nstages:\n  a: { train: { model: tiny-cnn } }\n  b: { train: { model: tiny-cnn } }
  q:\n    quantize: { input: [a, b] }\n    matrix: { mode: [static], epochs: [1, 2] }\n",
    );
    assert_eq!(counts(&plan), BTreeMap::from([("a", 1), ("q", 1)]));
    // b; and of q's 2 epochs × 2 inputs all but one: the inputs are the same point, which a list names once.
    assert_eq!(plan.shared, 2);
}

#[test]
fn another_seed_data_device_or_parameter_is_other_work() {
    let key = |text: &str| jobs_of(text).jobs[0].key.clone();
    let base = key("data: synthetic\nstages: { a: { train: { model: tiny-cnn } } }\n");
    assert_eq!(
        base,
        key(
            "name: other\ndata: { name: synthetic, train: 6000 }\nstages: { z: { train: { epochs: 30, model: tiny-cnn }, retries: 9 } }\n"
        )
    );
    for other in [
        "data: synthetic\nseeds: [1]\nstages: { a: { train: { model: tiny-cnn } } }\n",
        "data: { name: synthetic, train: 6001 }\nstages: { a: { train: { model: tiny-cnn } } }\n",
        "data: synthetic\nstages: { a: { train: { model: tiny-cnn }, device: cpu } }\n",
        "data: synthetic\nstages: { a: { train: { model: tiny-cnn, batch: 127 } } }\n",
    ] {
        assert_ne!(base, key(other), "{other}");
    }
}

#[test]
fn keys_do_not_change_by_accident() {
    // A change here throws away what users have computed: raise NUMERIC_VERSION on purpose instead.
    let plan = jobs_of("data: synthetic\nstages: { a: { train: { model: tiny-cnn } } }\n");
    assert_eq!(plan.jobs[0].key, "f3ce5762b80e3379fe5d914bbbbda53bcddb80bf96e2466c78f646a3d34ff992");
}

#[test]
fn commands_are_given_their_values() {
    let plan = jobs_of(
        "seeds: [7, 8]\nstages:\n  make:\n    command: { run: [sh, -c, 'echo $$ ${lr} ${seed} > out-${lr}', 5, 0.10, true], outputs: ['out-${lr}'], files: [train.py], reuse: true }
    matrix: { lr: [1e-3, 0.10] }\n  read: { command: { run: [cat, '${input}'], input: 'make[lr=0.1]' } }\n",
    );
    let commands: Vec<_> =
        plan.jobs.iter().map(|j| if let StageKind::Command(c) = &j.spec.kind { c } else { panic!() }).collect();
    assert_eq!(commands[0].run, ["sh", "-c", "echo $$ 1e-3 7 > out-1e-3", "5", "0.10", "true"]);
    assert_eq!(commands[3].run[2], "echo $$ 0.10 8 > out-0.10");
    assert_eq!(
        (commands[3].outputs.as_slice(), &commands[3].matrix["lr"]),
        (&["out-0.10".to_owned()][..], &json!(0.1))
    );
    assert_eq!(commands[0].files[0].name, "train.py");
    assert_eq!(commands[4].run, ["cat", "inputs/0"]);
    assert_eq!(plan.jobs.iter().map(|j| j.reusable).collect::<Vec<_>>(), [true, true, true, true, false, false]);
    assert_eq!((plan.jobs[4].inputs.as_slice(), plan.jobs[5].inputs.as_slice()), (&[1][..], &[3][..]));
    assert!(plan.jobs.iter().all(|j| j.spec.data.is_none() && j.points.is_empty()));
}

#[test]
fn what_follows_work_that_is_not_reusable_is_not_either() {
    let plan = jobs_of(
        "data: synthetic\nmeasure: false\nstages:\n  a: { train: { model: tiny-cnn } }\n  b: { command: { run: [x], input: a } }\n  c: { command: { run: [y], input: b, reuse: true } }\n",
    );
    assert_eq!(plan.jobs.iter().map(|j| j.reusable).collect::<Vec<_>>(), [true, false, false]);
}

#[test]
fn measuring_can_be_turned_off_for_the_plan_or_a_stage() {
    let plan = |tail: &str| {
        format!(
            "data: synthetic\nstages:\n  a: {{ train: {{ model: tiny-cnn }} }}\n  q: {{ quantize: {{ input: a }}{tail}\n"
        )
    };
    assert_eq!(stage(&jobs_of(&plan(" }")), "measure").len(), 2);
    assert_eq!(stage(&jobs_of(&plan(", measure: false }")), "measure").len(), 1);
    assert_eq!(stage(&jobs_of(&plan(" }\nmeasure: false")), "measure").len(), 0);
}

#[test]
fn the_fingerprint_ignores_how_a_plan_is_written() {
    let a = jobs_of("name: n\ndata: synthetic\nstages: { a: { train: { model: tiny-cnn } } }\n");
    let b = jobs_of(
        "# the same\nstages:\n  a:\n    train:\n      epochs: 30\n      model: tiny-cnn\ndata: { name: synthetic }\nname: n\n",
    );
    assert_eq!(a.fingerprint(), b.fingerprint());
    let c = jobs_of("name: n\ndata: synthetic\nstages: { a: { train: { model: tiny-cnn, epochs: 29 } } }\n");
    assert_ne!(a.fingerprint(), c.fingerprint());
}

#[test]
fn how_jobs_are_treated_is_read_from_plan_defaults_and_stage() {
    let plan = jobs_of(
        "priority: 10\nbudget: { gpu_hours: 40, cpu_hours: 0.5 }\ndefaults: { priority: -2, max_hours: 6, losses: 3, hang_after: 30m }
stages:
  a: { command: { run: [x] } }
  b: { command: { run: [y] }, priority: 5, max_hours: 0.25, losses: 0, retries: 1, memory: 1.5 GiB, hang_after: never }
",
    );
    assert_eq!((plan.priority, plan.budget), (10, Budget { gpu_hours: Some(40.0), cpu_hours: Some(0.5) }));
    let a = Policy {
        retries: 3,
        priority: -2,
        max_hours: Some(6.0),
        losses: 3,
        memory_bytes: None,
        hang_after_s: Some(1800.0),
    };
    assert_eq!(stage(&plan, "a")[0].policy, a);
    let b = Policy {
        retries: 1,
        priority: 5,
        max_hours: Some(0.25),
        losses: 0,
        memory_bytes: Some(3 << 29),
        hang_after_s: Some(0.0),
    };
    assert_eq!(stage(&plan, "b")[0].policy, b);
    let bare = jobs_of("stages: { a: { command: { run: [x] } } }\n");
    let usual = Policy { retries: 3, priority: 0, max_hours: None, losses: 10, memory_bytes: None, hang_after_s: None };
    assert_eq!((bare.priority, bare.budget, bare.jobs[0].policy), (0, Budget::default(), usual));
}

#[test]
fn how_jobs_are_treated_is_part_of_no_key() {
    let plan = |top: &str, stage: &str| {
        jobs_of(&format!(
            "name: n\ndata: synthetic\n{top}\nstages:\n  a: {{ train: {{ model: tiny-cnn }} }}\n  b: {{ prune: {{ input: a }}{stage} }}\n"
        ))
    };
    let bare = plan("", "");
    let treated = plan(
        "priority: 3\nbudget: { gpu_hours: 1 }\ndefaults: { priority: 1, max_hours: 2, losses: 1, memory: 1 GiB, hang_after: 1h }",
        ", priority: 9, max_hours: 1, losses: 0, retries: 0, memory: 2 GiB",
    );
    assert_eq!(bare.fingerprint(), treated.fingerprint());
    let keys = |plan: &ExpandedPlan| plan.jobs.iter().map(|job| job.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&bare), keys(&treated));
    let measure = stage(&treated, "measure")[0].policy;
    assert_eq!((measure.max_hours, measure.memory_bytes), (Some(2.0), None));
}

#[test]
fn a_commands_variables_are_part_of_its_key_and_its_secrets_are_not() {
    let plan = |more: &str| {
        jobs_of(&format!(
            "seeds: [4]\nstages:\n  a: {{ command: {{ run: [x]{more} }}, matrix: {{ lr: [0.1, 1e-3] }} }}\n"
        ))
    };
    let command = |plan: &ExpandedPlan, at: usize| match &plan.jobs[at].spec.kind {
        StageKind::Command(command) => command.clone(),
        other => panic!("{other:?}"),
    };
    let set = plan(", env: { LR: '${lr}', SEED: 'seed ${seed}', N: 3, FLAG: true, COST: '$${x}' }");
    let env: Vec<_> = command(&set, 1).env.into_iter().collect();
    let expected = [("COST", "${x}"), ("FLAG", "true"), ("LR", "1e-3"), ("N", "3"), ("SEED", "seed 4")];
    assert_eq!(env, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let keys = |plan: &ExpandedPlan| plan.jobs.iter().map(|job| job.key.clone()).collect::<Vec<_>>();
    let bare = plan("");
    assert_ne!(keys(&bare)[0], keys(&set)[0]);
    assert_ne!(keys(&plan(", env: { N: 3 }"))[0], keys(&plan(", env: { N: 4 }"))[0]);
    let secret = plan(", secrets: [WANDB_API_KEY, A, A]");
    assert_eq!(command(&secret, 0).secrets, ["A", "WANDB_API_KEY"]);
    assert_eq!(keys(&bare), keys(&secret));
    // What has neither is written as before there were any.
    let json = serde_json::to_string(&bare.jobs[0].spec).unwrap();
    assert!(!json.contains("env") && !json.contains("secrets"), "{json}");
}

#[test]
fn files_to_upload_are_known_before_the_plan_is_read() {
    let text = "stages:\n  a: { command: { run: [x], files: [b.py, a.py, ../c] } }\n  b: { command: { run: [x], files: [a.py] } }\n  c: 3\n";
    assert_eq!(sweep_shared::plan::files_named(text), ["a.py", "b.py"]);
    assert!(sweep_shared::plan::files_named("a: [").is_empty());
}
