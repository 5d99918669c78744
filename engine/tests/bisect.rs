//! `sweep-runner bisect`, as `sweep model bisect` starts it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sweep_engine::parity::{Subject, Values, lowered_values};
use sweep_model::zoo::{self, ZooOptions};
use sweep_model::{Tensor, Weights};
use sweep_shared::bisect::BisectReport;
use sweep_shared::event::exit;

struct Bench {
    folder: tempfile::TempDir,
    subject: Subject,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let subject = Subject::randomised(zoo::build("tiny-cnn", &ZooOptions::default()).unwrap(), 3);
        subject.model.save(folder.path()).unwrap();
        Self { folder, subject }
    }

    /// Writes values as another program would.
    fn dump(&self, values: Values) -> PathBuf {
        let path = self.folder.path().join("dump.safetensors");
        let weights: Weights = values.into_iter().collect();
        std::fs::write(&path, weights.to_safetensors().unwrap()).unwrap();
        path
    }

    /// The engine's own values, and the images.
    fn values(&self) -> Values {
        let mut values = lowered_values(&self.subject).unwrap();
        values.insert("images".into(), self.subject.images.clone());
        values
    }

    fn run(&self, dump: Option<&Path>) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sweep-runner"));
        command.arg("bisect").arg(self.folder.path()).arg("1e-4").args(dump).output().unwrap()
    }

    fn report(&self, dump: Option<&Path>) -> BisectReport {
        let output = self.run(dump);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn refusal(&self, dump: &Path) -> String {
        let output = self.run(Some(dump));
        assert_eq!(output.status.code(), Some(exit::FAILED));
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn the_engine_agrees_with_onnx_runtime_and_with_its_own_dump() {
    let bench = Bench::new();
    let report = bench.report(Some(&bench.dump(bench.values())));
    assert_eq!((report.network.as_str(), report.images), ("tiny-cnn", 3));
    let [runtime, dump] = &report.comparisons[..] else { panic!("{report:?}") };
    assert_eq!((runtime.against.as_str(), &runtime.first), ("ONNX Runtime", &None));
    assert_eq!((dump.against.as_str(), &dump.first), ("dump.safetensors", &None));
    assert_eq!(dump.nodes.len(), bench.subject.model.graph.nodes.len() - 1, "all but the image");
    assert_eq!(bench.report(None).comparisons.len(), 1);
}

#[test]
fn the_first_node_that_differs_in_a_dump_is_named() {
    let bench = Bench::new();
    let mut values = bench.values();
    // As after a mistake in bn3: everything from there on is different. What stands before is not.
    for node in ["bn3", "add", "relu3", "avgpool", "fc"] {
        let value = values.get_mut(node).unwrap();
        value.data[1] += 0.01 * value.data.iter().fold(0f32, |most, x| most.max(x.abs()));
    }
    let report = bench.report(Some(&bench.dump(values)));
    assert_eq!(report.comparisons[0].first, None);
    assert_eq!(report.comparisons[1].first.as_deref(), Some("bn3"));
}

#[test]
fn what_cannot_be_compared_is_told() {
    let bench = Bench::new();
    let images = || ("images".to_owned(), bench.subject.images.clone());
    let foreign = bench.dump([images(), ("somewhere".to_owned(), Tensor::zeros([1]))].into());
    assert!(bench.refusal(&foreign).contains("no value that is named as a node"));
    let small = bench.dump([("images".to_owned(), Tensor::zeros([2, 3, 8, 8]))].into());
    assert!(bench.refusal(&small).contains("[2, 3, 8, 8]"));
    assert!(bench.refusal(Path::new("/nowhere.safetensors")).contains("/nowhere.safetensors"));
    let wrong = Command::new(env!("CARGO_BIN_EXE_sweep-runner")).args(["bisect", "x", "much"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(exit::USAGE));
}
