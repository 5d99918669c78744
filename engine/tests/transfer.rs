//! Networks that begin with what others have learnt: weights from files, frozen parts, training on.

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sweep_model::zoo::{self, ZooOptions};
use sweep_model::{Model, init, onnx, state_dict};
use sweep_shared::event::RunnerEvent;
use sweep_shared::ids::ContentHash;
use sweep_shared::states::FailureClass;

use support::{Attempt, fit, job, run};

/// A network whose weights stand for what another job has learnt, with statistics of its own.
fn trained(classes: usize) -> Model {
    let graph = zoo::build("tiny-cnn", &ZooOptions::new([3, 32, 32], classes)).unwrap();
    let mut model = init::model(graph, 99);
    let mean = model.weights.get("bn1.running_mean").unwrap().clone();
    let data = (0..mean.data.len()).map(|i| i as f32 * 0.01).collect();
    model.weights.insert("bn1.running_mean", sweep_model::Tensor::new(mean.shape, data));
    model
}

/// The attempt folder as the agent leaves it: the file lies below `files/`. Returns the plan's words for it.
fn lay(folder: &Path, name: &str, bytes: &[u8]) -> Value {
    let path = folder.join("files").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    json!({ "name": name, "hash": ContentHash::of(bytes) })
}

fn point(folder: &Path) -> Model {
    Model::load(&folder.join("points/main")).unwrap()
}

/// Names of the tensors that are not the same to the bit.
fn changed(before: &Model, after: &Model) -> Vec<String> {
    let same = |name: &str| before.weights.get(name).ok() == after.weights.get(name).ok();
    after.weights.iter().map(|(name, _)| name.to_owned()).filter(|name| !same(name)).collect()
}

fn metric(events: &[RunnerEvent], name: &str) -> f64 {
    let of =
        |event: &RunnerEvent| if let RunnerEvent::Point { metrics, .. } = event { Some(metrics[name]) } else { None };
    events.iter().rev().find_map(of).expect("a point")
}

/// `train` with a network from a state dict that lies in the folder.
fn from_file(folder: &Path, source: &Model, more: Value) -> Value {
    let file = lay(folder, "nets/trained.safetensors", &state_dict::to_safetensors(source).unwrap());
    let mut params = json!({ "model": { "name": "tiny-cnn", "weights": { "file": file } }, "fit": fit(1) });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    job("train", params, &[])
}

#[test]
fn only_what_is_not_frozen_is_trained_and_frozen_batch_norm_keeps_its_statistics() {
    let folder = tempfile::tempdir().unwrap();
    let source = trained(10);
    let job = from_file(folder.path(), &source, json!({ "freeze": ["*"], "unfreeze": ["fc.*", "bn3.weight"] }));
    let events = run(folder.path(), &job);
    // `bn3` trains its γ, so its statistics are those of the batches again.
    let wanted = ["bn3.running_mean", "bn3.running_var", "bn3.weight", "fc.bias", "fc.weight"];
    assert_eq!(changed(&source, &point(folder.path())), wanted);
    let count = |name: &str| source.weights.get(name).unwrap().elements() as f64;
    let trainable = count("fc.weight") + count("fc.bias") + count("bn3.weight");
    assert_eq!(metric(&events, "parameters_trainable"), trainable);
    assert!(metric(&events, "parameters") > trainable);
}

#[test]
fn the_last_layer_is_replaced_where_classes_differ_and_the_log_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let source = trained(7);
    let job = from_file(folder.path(), &source, json!({ "freeze": ["*"], "unfreeze": ["fc.*"] }));
    run(folder.path(), &job);
    assert_eq!(changed(&source, &point(folder.path())), ["fc.bias", "fc.weight"]);
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("new weights") && log.contains("fc"), "{log}");
}

#[test]
fn what_cannot_be_used_is_bad_input_that_names_it() {
    let failure = |folder: &Path, job: &Value| {
        let (events, _) = Attempt::start(folder, job).finish();
        let Some(RunnerEvent::Failed { class, message }) = events.last() else { panic!("{events:?}") };
        assert_eq!(*class, FailureClass::BadInput, "{message}");
        message.clone()
    };
    let folder = tempfile::tempdir().unwrap();
    let other = init::model(zoo::build("small-cnn", &ZooOptions::default()).unwrap(), 1);
    let message = failure(folder.path(), &from_file(folder.path(), &other, json!({})));
    assert!(message.contains("trained.safetensors") && message.contains("tiny-cnn"), "{message}");
    let job = from_file(folder.path(), &trained(10), json!({ "freeze": ["layer9.*"] }));
    assert!(failure(folder.path(), &job).contains("layer9.*"));
    let job = from_file(folder.path(), &trained(10), json!({ "freeze": ["*"] }));
    assert!(failure(folder.path(), &job).contains("nothing is left to train"));
    let file = lay(folder.path(), "trained.pth", b"not weights");
    let params = json!({ "model": { "name": "tiny-cnn", "weights": { "file": file } }, "fit": fit(1) });
    assert!(failure(folder.path(), &job_of(params)).contains("trained.pth"));
}

fn job_of(params: Value) -> Value {
    job("train", params, &[])
}

#[test]
fn published_weights_are_read_from_beside_the_data_sets() {
    let (folder, datasets) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = trained(10);
    fs::create_dir(datasets.path().join("weights")).unwrap();
    let bytes = state_dict::to_safetensors(&source).unwrap();
    fs::write(datasets.path().join("weights/tiny-01234567.pth"), bytes).unwrap();
    let published = json!({ "url": "https://host/models/tiny-01234567.pth", "sha256_prefix": "01234567" });
    let model = json!({ "name": "tiny-cnn", "weights": { "imagenet": published } });
    let mut job = job_of(json!({ "model": model, "freeze": ["*"], "unfreeze": ["fc.*"], "fit": fit(1) }));
    job["datasets"] = json!(datasets.path());
    run(folder.path(), &job);
    assert_eq!(changed(&source, &point(folder.path())), ["fc.bias", "fc.weight"]);
}

#[test]
fn a_network_from_onnx_is_trained_and_its_last_layer_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let file = lay(folder.path(), "mine.onnx", &onnx::export(&trained(7)).unwrap());
    run(folder.path(), &job_of(json!({ "model": { "onnx": file }, "fit": fit(1) })));
    let after = point(folder.path());
    assert_eq!((after.graph.name.as_str(), after.graph.classes), ("mine", 10));
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("new weights"), "{log}");
}

#[test]
fn training_on_begins_with_the_input_and_keeps_its_zeros() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut sparse = trained(10);
    let mut weight = sparse.weights.get("conv3.weight").unwrap().clone();
    weight.data.iter_mut().step_by(3).for_each(|value| *value = 0.0);
    sparse.weights.insert("conv3.weight", weight.clone());
    sparse.save(first.path()).unwrap();
    let job = job(
        "train",
        json!({ "unfreeze": ["conv3.*", "fc.*"], "freeze": ["*"], "fit": fit(1) }),
        &[("input", first.path())],
    );
    run(second.path(), &job);
    let after = point(second.path());
    assert_eq!(changed(&sparse, &after), ["conv3.weight", "fc.bias", "fc.weight"]);
    let trained = after.weights.get("conv3.weight").unwrap();
    let zeros = |data: &[f32]| data.iter().map(|value| *value == 0.0).collect::<Vec<_>>();
    assert_eq!(zeros(&trained.data), zeros(&weight.data));
}

#[test]
fn a_plain_name_begins_with_the_weights_that_it_always_began_with() {
    // Keys of earlier versions stay good only as long as these are the same.
    for name in ["linear", "tiny-cnn", "small-cnn", "kd-conv4", "kd-conv5", "resnet20-cifar"] {
        let options = ZooOptions::default();
        let now = zoo::model(name, &options, init::Init::Torchvision, 5).unwrap();
        assert!(now == init::model(zoo::build(name, &options).unwrap(), 5), "{name}");
    }
}
