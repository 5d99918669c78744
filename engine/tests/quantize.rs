//! One network is trained on the generated data set, then quantized, evaluated, measured, and checked in Python: the stages
//! after training, on a network that has really learned something.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};
use sweep_engine::data::{Loader, Normaliser, Split, Statistics, synthetic};
use sweep_engine::lower::{Mode, Net, to_model_tensor};
use sweep_engine::quant;
use sweep_engine::runtime::planes;
use sweep_model::Model;
use sweep_shared::event::RunnerEvent;
use sweep_shared::metrics::{self as names, Metrics};
use tch::Device;
use tempfile::TempDir;

use support::run;

const DATA: synthetic::Counts = synthetic::Counts { train: 6_000, validation: 500, test: 1_000 };

fn data() -> Value {
    json!({
        "source": { "synthetic": { "train": DATA.train, "validation": DATA.validation, "test": DATA.test } },
        "validation": 0.1, "augment": ["flip", "crop4"], "normalization": "dataset"
    })
}

fn fit(epochs: u32, lr: f64) -> Value {
    json!({
        "epochs": epochs, "batch": 64, "label_smoothing": 0.0, "precision": "fp32",
        "optimizer": { "sgd": { "lr": lr, "momentum": 0.9, "weight_decay": 5e-4, "nesterov": true } },
        "schedule": { "one_cycle": { "warmup_share": 0.25 } }
    })
}

fn quantize(mode: &str, fit: Value) -> Value {
    json!({ "target": "ort-vnni", "mode": mode, "observer": "percentile", "calibration_images": 256, "fit": fit })
}

/// A finished job in its attempt folder.
struct Finished {
    folder: TempDir,
    metrics: Metrics,
}

impl Finished {
    fn new(kind: &str, params: Value, inputs: &[(&str, &Path)]) -> Finished {
        // Not in /tmp: what a `static` holds is never dropped, and so never removed.
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut job = support::job(kind, params, inputs);
        job["spec"]["data"] = data();
        let events = run(folder.path(), &job);
        let point = events.into_iter().find_map(|event| match event {
            RunnerEvent::Point { metrics, .. } => Some(metrics),
            _ => None,
        });
        Finished { folder, metrics: point.expect("a point") }
    }

    fn point(&self) -> PathBuf {
        self.folder.path().join("points/main")
    }

    fn get(&self, name: &str) -> f64 {
        *self.metrics.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.metrics))
    }

    fn size(&self, file: &str) -> u64 {
        std::fs::metadata(self.point().join(file)).unwrap().len()
    }
}

fn network() -> &'static Finished {
    static NETWORK: OnceLock<Finished> = OnceLock::new();
    NETWORK.get_or_init(|| Finished::new("train", json!({ "model": "small-cnn", "fit": fit(5, 0.1) }), &[]))
}

fn int8() -> &'static Finished {
    static INT8: OnceLock<Finished> = OnceLock::new();
    INT8.get_or_init(|| Finished::new("quantize", quantize("static", Value::Null), &[("input", &network().point())]))
}

#[test]
fn the_generated_data_set_is_hard_for_a_line_and_easy_for_a_small_network() {
    let line = Finished::new("train", json!({ "model": "linear", "fit": fit(3, 0.01) }), &[]);
    assert!(line.get(names::ACCURACY) < 0.60, "{:?}", line.metrics);
    assert!(network().get(names::ACCURACY) > 0.90, "{:?}", network().metrics);
    assert!(network().get(names::PARITY_MAX_RELATIVE) < 1e-4);
}

#[test]
fn static_int8_keeps_the_accuracy_in_less_than_a_third_of_the_file() {
    let (float, int8) = (network(), int8());
    let drop = float.get(names::ACCURACY) - int8.get(names::ACCURACY);
    assert!(drop <= 0.01, "accuracy fell by {drop}");
    assert!(int8.size("model.onnx") * 10 <= float.size("model.onnx") * 3);
    assert_eq!(int8.get(names::SIZE_ONNX_BYTES), int8.size("model.onnx") as f64);
    assert_eq!(int8.get(names::FUSED_SHARE), 1.0, "every layer runs on integers");
    assert!(int8.get(names::PARITY_TOP1) >= 0.99, "the simulation predicts the file");
    for same in [names::PARAMETERS, names::MACS, names::PARAMETERS_NONZERO] {
        assert_eq!(int8.get(same), float.get(same), "{same}");
    }
    assert_eq!((int8.get(names::QUANTIZED), float.get(names::QUANTIZED)), (1.0, 0.0));
}

#[test]
fn quantization_aware_training_keeps_the_accuracy_too() {
    let qat = Finished::new("quantize", quantize("qat", fit(1, 0.002)), &[("input", &network().point())]);
    let drop = network().get(names::ACCURACY) - qat.get(names::ACCURACY);
    assert!(drop <= 0.01, "accuracy fell by {drop}");
    assert_eq!(qat.get(names::FUSED_SHARE), 1.0);
    assert!(qat.get(names::PARITY_TOP1) >= 0.99, "batch norm is folded in training as in the file");
    assert_eq!(qat.size("model.onnx"), int8().size("model.onnx"));
    assert_ne!(
        std::fs::read(qat.point().join("weights.safetensors")).unwrap(),
        std::fs::read(int8().point().join("weights.safetensors")).unwrap()
    );
}

#[test]
fn an_evaluated_point_is_measured_the_same_again() {
    let again = Finished::new("evaluate", json!({}), &[("input", &int8().point())]);
    for (name, value) in &int8().metrics {
        if ![names::TRAINING_S, names::PREPARATION_S].contains(&name.as_str()) {
            assert_eq!(again.get(name), *value, "{name}");
        }
    }
    let read = |finished: &Finished| std::fs::read(finished.point().join("model.onnx")).unwrap();
    assert!(read(&again) == read(int8()), "the same file, byte by byte");
}

#[test]
fn measuring_compares_with_the_fp32_network_in_the_same_process() {
    let params = json!({ "batches": [1, 8], "runs": 20, "threads": 1 });
    let measured =
        Finished::new("measure", params, &[("candidate", &int8().point()), ("reference", &network().point())]);
    for batch in [1, 8] {
        let (candidate, reference) =
            (measured.get(&names::latency_ms(batch)), measured.get(&names::reference_latency_ms(batch)));
        assert!(candidate > 0.0 && measured.get(&names::latency_p95_ms(batch)) >= candidate);
        assert!((measured.get(&names::speedup(batch)) - reference / candidate).abs() < 1e-9);
    }
    assert!(measured.get(names::PEAK_MEMORY_BYTES) > 0.0);
    let text = std::fs::read_to_string(measured.point().join("measurement.json")).unwrap();
    let description: Value = serde_json::from_str(&text).unwrap();
    assert!(description["cpu"].as_str().is_some_and(|cpu| !cpu.is_empty()));
    assert_eq!(description["threads"], 1);
}

/// The first 1 000 test images with the logits that `net` gives for them, as the script reads them.
fn dump(net: &Net, path: &Path) {
    let dataset = synthetic::generate(DATA).unwrap();
    let normaliser = std::sync::Arc::new(Normaliser::new(&Statistics::of(&dataset.train.images)));
    let split: std::sync::Arc<Split> = dataset.test.clone();
    let batches = Loader::evaluation(split.clone(), normaliser.clone(), 100).epoch(0, 0);
    let logits: Vec<f32> = batches
        .flat_map(|batch| {
            let logits = tch::no_grad(|| net.forward(&batch.unwrap().images, Mode::Eval)).unwrap();
            to_model_tensor(&logits).unwrap().data
        })
        .collect();
    let images = planes(&split.images, 0..split.len(), &normaliser);
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let (images, logits) = (bytes(&images), bytes(&logits));
    let view =
        |shape: Vec<usize>, bytes| safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape, bytes).unwrap();
    let tensors =
        [("images", view(vec![split.len(), 3, 32, 32], &images)), ("logits", view(vec![split.len(), 10], &logits))];
    std::fs::write(path, safetensors::serialize(tensors, None).unwrap()).unwrap();
}

/// The checkout's Python with onnxruntime (`make setup` makes it), or why there is none.
fn python(root: &Path) -> Result<PathBuf, String> {
    let python = root.join(".python/bin/python");
    let answer = Command::new(&python).args(["-c", "import numpy, onnxruntime"]).output();
    match answer {
        Err(error) => Err(format!("{}: {error}", python.display())),
        Ok(output) if !output.status.success() => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Ok(_) => Ok(python),
    }
}

#[test]
fn python_s_onnxruntime_agrees_with_the_engine() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = match python(root) {
        Ok(python) => python,
        Err(why) => {
            println!("skipped: {why}");
            assert!(std::env::var("CI").as_deref() != Ok("true"), "CI must not skip this: {why}");
            return;
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let check = |finished: &Finished, net: &Net, more: &[&str]| {
        let path = folder.path().join("dump.safetensors");
        dump(net, &path);
        let script = root.join("scripts/check_onnx.py");
        let output = Command::new(&python)
            .arg(script)
            .args([finished.point().join("model.onnx"), path])
            .args(more)
            .output()
            .unwrap();
        let (told, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        println!("ran: {}", told.trim());
        assert!(output.status.success(), "{told}{complaint}");
    };
    let float = Model::load(&network().point()).unwrap();
    check(network(), &Net::new(&float, Device::Cpu).unwrap(), &[]);
    let quantized = Model::load(&int8().point()).unwrap();
    check(int8(), &quant::simulation(&quantized, Device::Cpu).unwrap(), &["--int8"]);
}
