//! The networks that stages begin with: zoo, files, weights, and what stays frozen.

use sweep_shared::spec::{
    FreezeSpec, Init, InputSpec, ModelSource, ModelSpec, Role, StageKind, TrainSpec, WeightsSpec,
};

use super::{errors_of, jobs_of, stage};

fn plan(train: &str) -> String {
    format!("data: {{ name: synthetic, normalization: imagenet }}\nmeasure: false\nstages:\n  a:\n    train: {train}\n")
}

#[track_caller]
fn train_of(text: &str) -> TrainSpec {
    let plan = jobs_of(text);
    let StageKind::Train(train) = &plan.jobs.last().unwrap().spec.kind else { panic!("{:?}", plan.jobs) };
    train.clone()
}

#[track_caller]
fn model_of(train: &str) -> ModelSpec {
    train_of(&plan(train)).model.unwrap()
}

#[track_caller]
fn check(train: &str, field: &str, message: &str, suggestion: Option<&str>) {
    let errors = errors_of(&plan(train));
    let error = &errors.errors[0];
    assert_eq!((error.line, error.field.as_str(), error.suggestion.as_deref()), (5, field, suggestion), "{errors}");
    assert!(error.message.contains(message), "{errors}");
}

#[test]
fn a_network_is_a_word_or_a_map() {
    assert_eq!(model_of("{ model: tiny-cnn }"), ModelSpec::zoo("tiny-cnn"));
    assert_eq!(model_of("{ model: { name: tiny-cnn, width: 1, init: torchvision } }"), ModelSpec::zoo("tiny-cnn"));
    let narrow = model_of("{ model: { name: tiny-cnn, width: 0.5, init: kaiming, transform_input: true } }");
    let wanted = ModelSpec { width: 0.5, init: Init::Kaiming, transform_input: true, ..ModelSpec::zoo("tiny-cnn") };
    assert_eq!(narrow, wanted);
    let onnx = model_of("{ model: { onnx: nets/unknown.onnx } }");
    assert!(matches!(&onnx.source, ModelSource::Onnx(file) if file.name == "nets/unknown.onnx"));
}

#[test]
fn weights_stand_beside_the_model_or_in_it() {
    let file = |train| match model_of(train).weights {
        Some(WeightsSpec::File(file)) => file.name,
        other => panic!("{other:?}"),
    };
    assert_eq!(file("{ model: tiny-cnn, weights: { file: trained.pth } }"), "trained.pth");
    assert_eq!(file("{ model: { name: tiny-cnn, weights: { file: trained.pth } } }"), "trained.pth");
    assert_eq!(model_of("{ model: tiny-cnn, weights: none }"), ModelSpec::zoo("tiny-cnn"));
    let published = model_of("{ model: resnet18-cifar, weights: imagenet }");
    assert_eq!(published.published().unwrap().sha256_prefix, "f37072fd");
    assert!(published.transform_input, "as the publisher does");
    let plain = model_of("{ model: { name: resnet18-cifar, weights: imagenet, transform_input: false } }");
    assert!(!plain.transform_input, "what is said counts");
}

#[test]
fn what_the_weights_are_is_part_of_the_key() {
    let key = |train: &str| jobs_of(&plan(train)).jobs[0].key.clone();
    let keys = [
        key("{ model: resnet18-cifar }"),
        key("{ model: resnet18-cifar, weights: imagenet }"),
        key("{ model: resnet18-cifar, weights: { file: trained.pth } }"),
        key("{ model: { name: resnet18-cifar, width: 0.5 } }"),
        key("{ model: resnet18-cifar, unfreeze: [\"fc.*\"] }"),
        key("{ model: { onnx: known.onnx } }"),
    ];
    let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len());
    let same = key("{ model: resnet18-cifar, freeze: [\"*\"], unfreeze: [\"fc.*\"] }");
    assert_eq!(same, keys[4], "unfreezing alone freezes the rest");
}

#[test]
fn published_weights_ask_for_their_normalisation() {
    let text = plan("{ model: resnet18-cifar, weights: imagenet }");
    assert!(jobs_of(&text).warnings.is_empty());
    let plan = jobs_of(&text.replace("normalization: imagenet", "normalization: dataset"));
    assert!(plan.warnings[0].contains("normalization: imagenet"), "{:?}", plan.warnings);
}

#[test]
fn mistakes_about_networks_are_named() {
    let model = "stages.a.train.model";
    check("{ model: { name: tiny-cn } }", "stages.a.train.model.name", "no network called `tiny-cn`", Some("tiny-cnn"));
    check("{ model: { name: tiny-cnn, widht: 1 } }", "stages.a.train.model.widht", "unknown field", Some("width"));
    check("{ model: { width: 0.5 } }", model, "`name` is missing", None);
    check("{ model: { name: tiny-cnn, onnx: known.onnx } }", "stages.a.train.model.onnx", "either", None);
    check("{ model: { onnx: know.onnx } }", "stages.a.train.model.onnx", "no file `know.onnx`", Some("known.onnx"));
    check("{ model: { onnx: known.onnx, width: 0.5 } }", "stages.a.train.model.width", "belongs to networks of", None);
    check("{ model: { onnx: known.onnx }, weights: imagenet }", "stages.a.train.weights", "its own weights", None);
    check("{ model: { name: tiny-cnn, width: 0 } }", "stages.a.train.model.width", "found `0`", None);
    check("{ model: { name: tiny-cnn, init: kaming } }", "stages.a.train.model.init", "unknown word", Some("kaiming"));
    check("{ model: 3 }", model, "expected a network, found `3`", None);
    check("{ epochs: 3 }", model, "`model` is missing", None);
    check("{ model: tiny-cnn, weights: imagnet }", "stages.a.train.weights", "found `imagnet`", Some("imagenet"));
    check("{ model: tiny-cnn, weights: imagenet }", "stages.a.train.weights", "no weights are published", None);
    check("{ model: tiny-cnn, weights: { fil: x } }", "stages.a.train.weights.file", "`file` is missing", None);
    check("{ model: tiny-cnn, weights: { file: ../x } }", "stages.a.train.weights.file", "without `..`", None);
    let twice = "{ model: { name: tiny-cnn, weights: { file: trained.pth } }, weights: none }";
    check(twice, "stages.a.train.weights", "keep one of them", None);
    let wide = "{ model: { name: resnet18-cifar, width: 2 }, weights: imagenet }";
    check(wide, "stages.a.train.weights", "published width", None);
}

#[test]
fn patterns_name_parameters() {
    let frozen = |train: &str| train_of(&plan(train)).frozen;
    let texts = |all: &[&str]| all.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
    let head = FreezeSpec { freeze: texts(&["*"]), unfreeze: texts(&["fc.*"]) };
    assert_eq!(frozen("{ model: resnet18-cifar, unfreeze: fc.* }"), head);
    assert_eq!(frozen("{ model: resnet18-cifar, freeze: [\"*\"], unfreeze: [\"fc.*\"] }"), head);
    assert_eq!(frozen("{ model: { onnx: nets/unknown.onnx }, freeze: [\"any.*\"] }").freeze, ["any.*"]);
    let unfreeze = "stages.a.train.unfreeze";
    check("{ model: resnet18-cifar, unfreeze: [\"f.*\"] }", unfreeze, "no parameter of `resnet18-cifar`", Some("fc.*"));
    check("{ model: resnet18-cifar, unfreeze: [layer4.*, fc] }", unfreeze, "`fc` names no parameter", Some("fc.*"));
    check(
        "{ model: resnet18-cifar, freeze: [\"*\"] }",
        "stages.a.train.freeze",
        "nothing of `resnet18-cifar` is left",
        None,
    );
}

const STAGED: &str = "data: synthetic\nmeasure: false\nstages:
  head: { train: { model: resnet18-cifar, unfreeze: [\"fc.*\"] } }
  thin: { prune: { input: head } }
  tail: { train: { input: [head, thin], unfreeze: [\"fc.*\", \"layer4.*\"], epochs: 2 } }
";

#[test]
fn training_goes_on_from_earlier_stages() {
    let plan = jobs_of(STAGED);
    let tail = stage(&plan, "tail");
    let StageKind::Train(train) = &tail[0].spec.kind else { panic!() };
    assert_eq!((&train.model, train.fit.epochs), (&None, 2));
    let input = InputSpec { role: Role::Input, key: plan.jobs[0].key.clone(), point: "main".to_owned() };
    assert_eq!(tail[0].spec.inputs, [input]);
    assert_eq!(tail.iter().map(|job| job.label.as_str()).collect::<Vec<_>>(), ["input=head", "input=thin[s0.50]"]);
    assert!(tail[0].reusable && tail[0].points == ["main"]);
}

#[test]
fn training_on_is_checked_like_any_reader() {
    let first = |text: String| errors_of(&text).errors.remove(0);
    let error = first(STAGED.replace("\"layer4.*\"", "\"layer9.*\""));
    assert_eq!((error.line, error.field.as_str()), (6, "stages.tail.train.unfreeze"));
    assert!(error.message.contains("`layer9.*` names no parameter of `resnet18-cifar`"), "{error}");
    let error = first(STAGED.replace("input: [head, thin]", "input: [head, thin], model: tiny-cnn"));
    assert!(error.message.contains("either a new `model` or the network of `input`"), "{error}");
    let error = first(STAGED.replace("input: [head, thin]", "input: [head, thin], weights: imagenet"));
    assert!(error.message.contains("belongs to a `model`"), "{error}");
    let error = first(STAGED.replace("prune: { input: head }", "quantize: { input: head }"));
    assert!(error.message.contains("quantized already"), "{error}");
    let error = first(STAGED.replace("input: [head, thin]", "input: tail"));
    assert!(error.message.contains("cannot be its own input"), "{error}");
}

#[test]
fn networks_are_an_axis_with_labels_that_select() {
    let plan = jobs_of(
        "data: { name: synthetic, normalization: imagenet }\nmeasure: false\nstages:
  a:
    train: { model: tiny-cnn, optimizer: sgd }
    matrix: { model: [tiny-cnn, { name: tiny-cnn, width: 0.5 }, { onnx: known.onnx }], optimizer: [{ sgd: { lr: 0.2 } }, sgd] }
  b: { prune: { input: 'a[model=tiny-cnn+width:0.5, optimizer=sgd(lr:0.2)]' } }
  c:
    train: { model: resnet18-cifar }
    matrix: { weights: [none, imagenet, { file: trained.pth }] }
",
    );
    let labels = |name| stage(&plan, name).iter().map(|job| job.label.clone()).collect::<Vec<_>>();
    assert_eq!(labels("a")[1..3], ["model=tiny-cnn optimizer=sgd", "model=tiny-cnn+width:0.5 optimizer=sgd(lr:0.2)"]);
    assert_eq!(stage(&plan, "b").len(), 1);
    assert_eq!(labels("c"), ["weights=none", "weights=imagenet", "weights=trained.pth"]);
}

#[test]
fn files_of_networks_travel_with_the_plan() {
    let text = "stages:
  a: { train: { model: { onnx: a.onnx }, weights: { file: b.pth } } }
  b: { distill: { model: m }, matrix: { model: [{ onnx: c.onnx }, x], weights.file: [d.pth, ../e.pth], include: [{ weights: { file: f.pth } }] } }
  c: { command: { run: [x] }, matrix: { file: [not.txt] } }
  d: { prune: { file: not.txt } }
";
    assert_eq!(sweep_shared::plan::files_named(text), ["a.onnx", "b.pth", "c.onnx", "d.pth", "f.pth"]);
}

#[test]
fn what_has_learnt_already_is_trained_gently_unless_the_plan_says_otherwise() {
    let fit = |train: &str| train_of(&plan(train)).fit;
    let (scratch, tuned) = (fit("{ model: resnet18-cifar }"), fit("{ model: resnet18-cifar, weights: imagenet }"));
    assert_eq!((scratch.epochs, tuned.epochs), (30, 10));
    for train in ["{ model: { onnx: known.onnx } }", "{ model: tiny-cnn, weights: { file: trained.pth } }"] {
        assert_eq!(fit(train), tuned, "{train}");
    }
    let on = train_of(
        "data: synthetic\nstages:\n  a: { train: { model: tiny-cnn } }\n  b: { train: { input: a } }\nmeasure: false\n",
    );
    assert_eq!(on.fit, tuned);
    assert_eq!(fit("{ model: { onnx: known.onnx }, epochs: 3 }").epochs, 3);
}
