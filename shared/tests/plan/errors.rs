//! Each mistake is reported at its line, under its field, with the nearest valid word.

use super::errors_of;

/// The first complaint: line, field, part of the message, suggestion.
#[track_caller]
pub fn check(text: &str, line: u32, field: &str, message: &str, suggestion: Option<&str>) {
    let errors = errors_of(text);
    let error = &errors.errors[0];
    let found = (error.line, error.field.as_str(), error.suggestion.as_deref());
    assert_eq!(found, (line, field, suggestion), "{errors}");
    assert!(error.message.contains(message), "{errors}");
}

pub const TRAIN: &str = "data: synthetic\nstages:\n  base: { train: { model: small-cnn } }\n";

#[test]
fn a_misspelt_network() {
    let text = "data: synthetic\nstages:\n  base:\n    train: { model: smal-cnn }\n";
    check(text, 4, "stages.base.train.model", "no network called `smal-cnn`", Some("small-cnn"));
}

#[test]
fn a_network_that_does_not_fit() {
    let text = "data: { name: folder, path: /d, size: 8 }\nstages:\n  base: { train: { model: resnet18-cifar } }\n";
    check(text, 3, "stages.base.train.model", "does not fit images of 8×8: its strides leave nothing", None);
}

#[test]
fn misspelt_fields() {
    check(&format!("sedes: [1]\n{TRAIN}"), 1, "sedes", "unknown field `sedes`", Some("seeds"));
    let text = "data: synthetic\nstages:\n  base:\n    trian: { model: small-cnn }\n";
    check(text, 4, "stages.base.trian", "unknown field `trian`", Some("train"));
    let text = "data: synthetic\nstages:\n  base:\n    train:\n      model: small-cnn\n      epoch: 3\n";
    check(text, 6, "stages.base.train.epoch", "unknown field `epoch`", Some("epochs"));
    let text = "data: { name: synthetic, tain: 100 }\nstages:\n  base: { train: { model: small-cnn } }\n";
    check(text, 1, "data.tain", "unknown field `tain`", Some("train"));
}

#[test]
fn a_misspelt_axis_is_reported_where_the_matrix_names_it() {
    let text = "data: synthetic\nstages:\n  base:\n    train: { model: small-cnn }\n    matrix: { epocs: [1, 2] }\n";
    check(text, 5, "stages.base.train.epocs", "unknown field `epocs`", Some("epochs"));
}

#[test]
fn values_out_of_range() {
    let train =
        |field: &str| format!("data: synthetic\nstages:\n  base:\n    train:\n      model: small-cnn\n      {field}\n");
    check(&train("epochs: -1"), 6, "stages.base.train.epochs", "from 1 to 100000, found `-1`", None);
    check(&train("epochs: 0"), 6, "stages.base.train.epochs", "found `0`", None);
    check(&train("epochs: 3.5"), 6, "stages.base.train.epochs", "a whole number from 1 to 100000, found `3.5`", None);
    check(&train("epochs: many"), 6, "stages.base.train.epochs", "found `many`", None);
    check(&train("epochs:"), 6, "stages.base.train.epochs", "found nothing", None);
    check(&train("epochs: [1, 2]"), 6, "stages.base.train.epochs", "found a list", None);
    check(&train("label_smoothing: 1"), 6, "stages.base.train.label_smoothing", "to 1 (excluded), found `1`", None);
    check(&train("label_smoothing: .nan"), 6, "stages.base.train.label_smoothing", "found `.nan`", None);
    check(&train("optimizer: { sgd: { lr: 0 } }"), 6, "stages.base.train.optimizer.sgd.lr", "found `0`", None);
    check(
        &train("optimizer: { adam: { lr: 0 } }"),
        6,
        "stages.base.train.optimizer",
        "unknown word `adam`",
        Some("adamw"),
    );
    check(&train("schedule: cosin"), 6, "stages.base.train.schedule", "unknown word `cosin`", Some("cosine"));
    check(&train("schedule: multistep"), 6, "stages.base.train.schedule", "`milestones` is missing", None);
    check(&train("precision: fp16"), 6, "stages.base.train.precision", "`fp16` is not available in this version", None);
    check(
        &train("precision: 16"),
        6,
        "stages.base.train.precision",
        "expected `auto`, `fp32` or `bf16`, found `16`",
        None,
    );
}

#[test]
fn how_jobs_are_treated_is_checked_too() {
    let top = |field: &str| format!("{field}\n{TRAIN}");
    check(&top("priority: high"), 1, "priority", "a whole number from -1000000 to 1000000, found `high`", None);
    check(&top("priority: 1.5"), 1, "priority", "found `1.5`", None);
    check(&top("priority: 3000000000"), 1, "priority", "found `3000000000`", None);
    check(&top("budget: { gpu_hours: 0 }"), 1, "budget.gpu_hours", "from 0 (excluded)", None);
    check(&top("budget: { gpu_hours: -1 }"), 1, "budget.gpu_hours", "found `-1`", None);
    check(&top("budget: { gpu_hour: 4 }"), 1, "budget.gpu_hour", "unknown field `gpu_hour`", Some("gpu_hours"));
    check(&top("budget: {}"), 1, "budget", "the budget names no hours", None);
    check(&top("budget: 40"), 1, "budget", "expected a map of fields, found `40`", None);
    check(&top("defaults: { hang_after: 30 }"), 1, "defaults.hang_after", "from 1s to a year, found `30`", None);
    check(&top("defaults: { hang_after: 10ms }"), 1, "defaults.hang_after", "found `10ms`", None);
    check(&top("defaults: { hang_after: [1m] }"), 1, "defaults.hang_after", "found a list", None);
    check(&top("defaults: { max_hours: 0 }"), 1, "defaults.max_hours", "found `0`", None);
    check(&top("defaults: { losses: -1 }"), 1, "defaults.losses", "from 0 to 1000, found `-1`", None);
    check(&top("defaults: { budget: { gpu_hours: 1 } }"), 1, "defaults.budget", "unknown field `budget`", None);
    check(&top("defaults: { memory: 2 }"), 1, "defaults.memory", "it has no unit: write `6 GiB`", None);
    check(&top("defaults: { memory: 0 GiB }"), 1, "defaults.memory", "no job runs in no memory", None);
    check(&top("defaults: { memory: plenty }"), 1, "defaults.memory", "`plenty` is not what a job needs", None);
    let stage = "data: synthetic\nstages:\n  base:\n    train: { model: small-cnn }\n    max_hours: long\n";
    check(stage, 5, "stages.base.max_hours", "a number from 0 (excluded) to 1000000, found `long`", None);
}

#[test]
fn a_policy_in_the_wrong_place_is_told_where_it_belongs() {
    let errors = errors_of(&format!("max_hours: 3\n{TRAIN}"));
    assert_eq!(errors.errors[0].help, ["for all stages: `defaults: { max_hours: … }`; for one: in the stage"]);
    let errors = errors_of("data: synthetic\nstages:\n  base: { train: { model: small-cnn, priority: 3 } }\n");
    assert_eq!(errors.errors[0].help, ["this belongs to the stage: `base: { train: { … }, priority: … }`"]);
    let errors = errors_of("data: synthetic\nstages:\n  base: { priority: 3 }\n");
    assert!(errors.errors[0].message.contains("names no kind"), "{errors}");
    assert!(errors_of(&format!("budget: 40\n{TRAIN}")).errors[0].help[0].contains("budget: { gpu_hours: 40 }"));
}

#[test]
fn a_learning_rate_outside_its_optimizer_is_explained() {
    let errors = errors_of("data: synthetic\nstages:\n  base: { train: { model: small-cnn, lr: 0.1 } }\n");
    assert!(errors.errors[0].help[0].contains("optimizer: { sgd: { lr: 0.05 } }"), "{errors}");
}

#[test]
fn circles_and_unknown_inputs() {
    let text = "data: synthetic\nstages:\n  a: { prune: { input: b } }\n  b: { prune: { input: c } }\n  c:\n    prune:\n      input: a\n";
    check(text, 7, "stages.c.prune.input", "these stages wait for each other: a ← b ← c ← a", None);
    let text = "data: synthetic\nstages:\n  a: { prune: { input: a } }\n";
    check(text, 3, "stages.a.prune.input", "`a` cannot be its own input", None);
    let text =
        "data: synthetic\nstages:\n  teacher: { train: { model: small-cnn } }\n  p:\n    prune: { input: [techer] }\n";
    check(text, 5, "stages.p.prune.input", "no stage called `techer`", Some("teacher"));
}

#[test]
fn inputs_that_their_reader_cannot_use() {
    let with = |stage: &str| {
        format!(
            "{TRAIN}  int8: {{ quantize: {{ input: base }} }}\n  again: {{ evaluate: {{ input: int8 }} }}\n  cmd: {{ command: {{ run: [x] }} }}\n  {stage}\n"
        )
    };
    check(&with("p: { prune: { input: int8 } }"), 7, "stages.p.prune.input", "`int8` is quantized already", None);
    check(&with("p: { prune: { input: again } }"), 7, "stages.p.prune.input", "`again` only evaluates", None);
    check(&with("p: { evaluate: { input: cmd } }"), 7, "stages.p.evaluate.input", "`cmd` runs a command", None);
    let text = "d: { distill: { teacher: int8, model: tiny-cnn } }";
    check(&with(text), 7, "stages.d.distill.teacher", "a teacher is an fp32 network", None);
}

#[test]
fn selectors_that_pick_nothing() {
    let with = |input: &str| {
        format!(
            "{TRAIN}  s:\n    distill: {{ teacher: base }}\n    matrix: {{ model: [kd-conv4, kd-conv5] }}\n  p: {{ prune: {{ input: s, keep: [0.5, 0.75] }} }}\n  q:\n    quantize:\n      input: {input}\n"
        )
    };
    check(&with("p[s0.55]"), 10, "stages.q.quantize.input", "`p` has no point `s0.55`", Some("s0.50"));
    check(
        &with("s[model=kd-conv6]"),
        10,
        "stages.q.quantize.input",
        "no job of `s` has `model=kd-conv6`",
        Some("kd-conv4"),
    );
    check(&with("s[modle=kd-conv4]"), 10, "stages.q.quantize.input", "do not differ in `modle`", Some("model"));
    check(&with("p[base]"), 10, "stages.q.quantize.input", "picks no point of `p`", None);
    check(&with("p[s0.50"), 10, "stages.q.quantize.input", "does not name a stage", None);
}

#[test]
fn text_that_is_not_yaml() {
    check("", 1, "", "the plan is empty", None);
    check("# nothing\n\n", 1, "", "the plan is empty", None);
    check("- a\n- b\n", 1, "", "expected a map", None);
    check("stages:\n\tbase: 1\n", 2, "", "not valid YAML", None);
    check("name: a\nname: b\n", 2, "", "`name` stands here twice", None);
    check("name: a\nseeds: [\n", 2, "", "not valid YAML", None);
    check("seeds: *x\n", 1, "", "no anchor", None);
    check("name: a\n---\nname: b\n", 3, "", "", None);
}

#[test]
fn a_tab_is_called_a_tab() {
    let errors = errors_of("stages:\n\tbase: 1\n");
    assert!(errors.to_string().contains("the line begins with a tab"), "{errors}");
}

#[test]
fn brackets_and_dollars_in_a_list_want_quotes() {
    let text = format!("{TRAIN}  q: {{ quantize: {{ input: [base[main], base] }} }}\n");
    let errors = errors_of(&text);
    assert!(errors.to_string().contains("a selector is put in quotes"), "{errors}");
    let errors = errors_of("stages:\n  a: { command: { run: [echo, ${seed}] } }\n");
    assert!(errors.to_string().contains("is put in quotes"), "{errors}");
}

#[test]
fn an_alias_bomb_is_refused_at_once() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..9 {
        let aliases = vec![format!("*a{}", i - 1); 10].join(", ");
        text += &format!("a{i}: &a{i} [{aliases}]\n");
    }
    let errors = errors_of(&text);
    assert!(errors.errors[0].message.contains("aliases stand for more than"), "{errors}");
}

#[test]
fn nesting_and_size_are_bounded() {
    for text in
        ["[".repeat(100_000), "a: ".repeat(20) + &"{a: ".repeat(5_000), format!("name: {}", "x".repeat(5 << 20))]
    {
        let errors = errors_of(&text);
        assert!(errors.to_string().len() < 10_000, "{}", errors.to_string().len());
    }
}

#[test]
fn what_later_versions_do_is_named() {
    let text = format!("{TRAIN}  three:\n    ensemble: {{ members: base }}\n");
    check(&text, 5, "stages.three.ensemble", "the stage kind `ensemble` is not available in this version", None);
    check(&format!("{TRAIN}search: {{}}\n"), 4, "search", "`search` is not available in this version", None);
    let text = format!("{TRAIN}  q: {{ quantize: {{ input: base, target: tensorrt }} }}\n");
    check(&text, 4, "stages.q.quantize.target", "`tensorrt` is not available in this version", None);
    let text = format!("{TRAIN}measure: {{ latency: {{ devices: [cpu, cuda] }} }}\n");
    check(&text, 4, "measure.latency.devices", "`cuda` is not available in this version", None);
}

#[test]
fn matrices_that_cannot_be() {
    let with = |matrix: &str| {
        format!("data: synthetic\nstages:\n  a:\n    train: {{ model: tiny-cnn }}\n    matrix: {matrix}\n")
    };
    check(&with("{ epochs: [] }"), 5, "stages.a.matrix.epochs", "at least one value", None);
    check(&with("{ epochs: 3 }"), 5, "stages.a.matrix.epochs", "expected a list, found `3`", None);
    check(&with("{ epochs: [1, 1] }"), 5, "stages.a.matrix.epochs", "`1` stands twice", None);
    check(&with("{ seed: [1, 2] }"), 5, "stages.a.train", "seeds are no axis of a stage", None);
    check(
        &with("{ epochs: [1, 2], exclude: [{ epoch: 1 }] }"),
        5,
        "stages.a.matrix.exclude",
        "not an axis",
        Some("epochs"),
    );
    check(
        &with("{ epochs: [1, 2], exclude: [{ epochs: 3 }] }"),
        5,
        "stages.a.matrix.exclude",
        "excludes nothing",
        None,
    );
    check(&with("{ epochs: [1], exclude: [{ epochs: 1 }] }"), 5, "stages.a.matrix", "leaves no job", None);
    let hundred = (1..=100).map(|i| i.to_string()).collect::<Vec<_>>().join(", ");
    let big = with(&format!("{{ epochs: [{hundred}], batch: [{hundred}], temperature: [{hundred}] }}"));
    check(&big, 5, "stages.a.matrix", "more than 100000 combinations", None);
}

#[test]
fn too_many_jobs_are_refused_at_their_stage() {
    let values = (0..400).map(|i| i.to_string()).collect::<Vec<_>>().join(", ");
    let seeds = (0..300).map(|i| i.to_string()).collect::<Vec<_>>().join(", ");
    let text =
        format!("seeds: [{seeds}]\nstages:\n  a:\n    command: {{ run: [x] }}\n    matrix: {{ i: [{values}] }}\n");
    check(&text, 3, "stages.a", "more than 100000 jobs", None);
}

#[test]
fn commands_that_cannot_be() {
    let with = |command: &str| format!("stages:\n  a:\n    command: {command}\n    matrix: {{ lr: [0.1] }}\n");
    check(&with("{ run: echo hello }"), 3, "stages.a.command.run", "expected a list", None);
    check(&with("{ run: [] }"), 3, "stages.a.command.run", "names no program", None);
    check(&with("{ run: [echo, '${rl}'] }"), 3, "stages.a.command.run", "nothing is called `${rl}`", Some("lr"));
    check(&with("{ run: [echo, '${input}'] }"), 3, "stages.a.command.run", "nothing is called `${input}`", None);
    check(
        &with("{ run: [x], files: [trian.py] }"),
        3,
        "stages.a.command.files",
        "no file `trian.py` beside",
        Some("train.py"),
    );
    check(&with("{ run: [x], files: [../train.py] }"), 3, "stages.a.command.files", "without `..`", None);
    check(&with("{ run: [x], outputs: [/tmp/x] }"), 3, "stages.a.command.outputs", "relative path", None);
    check(&with("{ run: [x], env: [A=b] }"), 3, "stages.a.command.env", "expected a map", None);
    check(&with("{ run: [x], env: { A-B: c } }"), 3, "stages.a.command.env.A-B", "cannot name a variable", None);
    check(&with("{ run: [x], env: { SWEEP_SEED: 3 } }"), 3, "stages.a.command.env.SWEEP_SEED", "sweep's own", None);
    check(&with("{ run: [x], env: { A: [1] } }"), 3, "stages.a.command.env.A", "found a list", None);
    check(&with("{ run: [x], env: { A: '${rl}' } }"), 3, "stages.a.command.env.A", "`${rl}`", Some("lr"));
    check(&with("{ run: [x], secrets: { KEY: abc } }"), 3, "stages.a.command.secrets", "do not belong in a plan", None);
    check(&with("{ run: [x], secrets: [../KEY] }"), 3, "stages.a.command.secrets", "cannot name a variable", None);
    check(&with("{ run: [x], secrets: [OMP_NUM_THREADS] }"), 3, "stages.a.command.secrets", "share of the cores", None);
    check(&with("{ run: [x], env: { K: a }, secrets: [K] }"), 3, "stages.a.command.secrets", "is in `env`, too", None);
    check(&with("{ run: [x], protocol: event }"), 3, "stages.a.command.protocol", "unknown word", Some("events"));
}

#[test]
fn what_is_missing() {
    check("name: x\n", 1, "stages", "`stages` is missing", None);
    check("stages: {}\n", 1, "stages", "there is no stage", None);
    check("stages: { a: { train: { model: tiny-cnn } } }\n", 1, "data", "`data` is missing", None);
    check("data: folder\nstages: { a: { train: { model: tiny-cnn } } }\n", 1, "data", "`path` is missing", None);
    let errors = errors_of("data: synthetic\nstages:\n  a: {}\n  b: { train: {}, prune: {} }\n");
    let said: Vec<_> = errors.errors.iter().map(|e| (e.line, e.message.as_str())).collect();
    assert_eq!(
        said,
        [(3, "the stage names no kind"), (4, "the stage names two kinds, `train` and `prune`")],
        "{errors}"
    );
}

#[test]
fn pruning_and_quantizing_with_contradictions() {
    let with = |stage: &str| format!("{TRAIN}  p:\n    {stage}\n");
    let keep = "stages.p.prune.keep";
    check(&with("prune: { input: base, keep: [0.5, 1.5] }"), 5, keep, "found `1.5`", None);
    check(&with("prune: { input: base, keep: [0.5, 0.5] }"), 5, keep, "different sparsities", None);
    check(&with("prune: { input: base, keep: [0.505] }"), 5, keep, "at most two decimals", None);
    check(&with("prune: { input: base, keep: [0.9], until: 0.5 }"), 5, "stages.p.prune.until", "ends before", None);
    let text = with("prune: { input: base, method: unstructured, criterion: bn_scale }");
    check(&text, 5, "stages.p.prune.criterion", "`bn_scale` ranks channels", None);
    check(
        &with("quantize: { input: base, epochs: 3 }"),
        5,
        "stages.p.quantize.epochs",
        "only `mode: qat` trains",
        None,
    );
}

#[test]
fn one_reading_tells_of_all_mistakes_in_the_order_of_the_text() {
    let errors = errors_of(
        "nam: x\ndata: synthetic\nstages:\n  a:\n    train: { model: tiny-cn, epochs: -1, batc: 3 }\n  b: { prune: { input: aa } }\n",
    );
    let places: Vec<_> = errors.errors.iter().map(|e| (e.line, e.suggestion.as_deref())).collect();
    assert_eq!(
        places,
        [(1, Some("name")), (5, Some("tiny-cnn")), (5, None), (5, Some("batch")), (6, Some("a"))],
        "{errors}"
    );
    assert!(errors.to_string().ends_with("5 errors"), "{errors}");
}

#[test]
fn a_mistake_in_a_stage_with_a_matrix_is_told_once() {
    let errors = errors_of(
        "data: synthetic\nstages:\n  a:\n    train: { model: tiny-cnn, batch: 0 }\n    matrix: { epochs: [1, 2, 3] }\n",
    );
    assert_eq!(errors.errors.len(), 1, "{errors}");
}

#[test]
fn the_whole_message() {
    let errors = errors_of("name: x\ndata: synthetic\nstages:\n  base:\n    train: { model: smal-cnn, epochs: 3 }\n");
    let expected = "\
plan.yaml:5:21: there is no network called `smal-cnn`
    5 |     train: { model: smal-cnn, epochs: 3 }
      |                     ^^^^^^^^
      = field: stages.base.train.model
      = did you mean `small-cnn`?
      = networks: `small-cnn`, `tiny-cnn`, `kd-conv4`, `kd-conv5` or
        `resnet18-cifar`";
    assert_eq!(errors.to_string(), expected);
    assert!(expected.lines().all(|l| l.chars().count() <= 80));
}

#[test]
fn a_mistake_behind_an_alias_is_shown_where_it_was_written() {
    let text = "data: synthetic\nstages:\n  a: { train: &t { model: tiny-cnn, epochs: -3 } }\n  b: { train: *t }\n";
    let errors = errors_of(text);
    assert_eq!(errors.errors.len(), 1, "{errors}");
    assert_eq!((errors.errors[0].line, errors.errors[0].column), (3, 45), "{errors}");
}
