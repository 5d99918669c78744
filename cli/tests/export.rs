//! `sweep export` on a home where nobody runs, and through a coordinator elsewhere.

mod support;

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;
use support::{Home, serve};
use sweep_model::state_dict::{self, LoadOptions};
use sweep_model::zoo::{self, Init, ZooOptions};
use sweep_model::{Model, onnx, passes::pipeline};

/// A network as a job leaves it, in a folder.
fn network(folder: &Path) -> Model {
    let model = zoo::model("tiny-cnn", &ZooOptions::default(), Init::Kaiming, 3).unwrap();
    model.save(folder).unwrap();
    let deployed = pipeline::deploy(&model).unwrap();
    fs::write(folder.join("model.onnx"), onnx::export(&deployed).unwrap()).unwrap();
    model
}

/// A job with one point, one with two, and one without a network; commands play the part of training.
fn plan(home: &Home, network: &Path) -> String {
    let point = |name: &str| {
        let files = ["graph.json", "weights.safetensors", "model.onnx"];
        let files = files.map(|file| format!(r#"{{\"name\":\"{file}\",\"path\":\"{file}\"}}"#)).join(",");
        format!(r#"echo '{{\"event\":\"point\",\"point\":\"{name}\",\"files\":[{files}]}}' >&3"#)
    };
    let copy = format!("cp {}/* .", network.display());
    let text = format!(
        r#"name: points
measure: false
stages:
  one: {{ command: {{ run: [/bin/sh, -c, "{copy}"], outputs: [graph.json, weights.safetensors, model.onnx] }} }}
  two: {{ command: {{ protocol: events, run: [/bin/sh, -c, "{copy}; {}; {}; echo '{{\"event\":\"done\"}}' >&3"] }} }}
  none: {{ command: {{ run: [/bin/sh, -c, "echo x > out.txt"], outputs: [out.txt] }} }}
"#,
        point("s0.25"),
        point("s0.50"),
    );
    home.write("plan.yaml", &text).to_str().unwrap().to_owned()
}

/// A home in which the plan has run, and the network of its points.
fn finished() -> (Home, Model) {
    let home = Home::new();
    let folder = home.file("network");
    let model = network(&folder);
    home.wants(0, &["local", &plan(&home, &folder)]);
    (home, model)
}

fn path(home: &Home, name: &str) -> String {
    home.file(name).to_str().unwrap().to_owned()
}

#[test]
fn a_points_network_is_written_for_others_from_a_closed_home() {
    let (home, model) = finished();
    let (weights, onnx) = (path(&home, "out.safetensors"), path(&home, "out.onnx"));
    let document = home.json(&["export", "j1", "--safetensors", &weights, "--onnx", &onnx]);
    assert_eq!((&document["job"], &document["stage"]), (&"j1".into(), &"one".into()));
    assert_eq!(document["files"][0]["kind"], "safetensors");
    assert_eq!(document["files"][1]["path"], onnx.as_str());
    assert_eq!(fs::read(&onnx).unwrap(), fs::read(home.file("network/model.onnx")).unwrap());

    let bytes = fs::read(&weights).unwrap();
    let file = state_dict::read(&bytes).unwrap();
    let mut other = zoo::model("tiny-cnn", &ZooOptions::default(), Init::Kaiming, 4).unwrap();
    state_dict::load(&mut other, &file, &LoadOptions::default()).unwrap();
    assert_eq!(other, model);
    assert!(file.iter().any(|(name, _)| name.ends_with("num_batches_tracked")));

    let refused = home.wants(2, &["export", "j1", "--onnx", &onnx]);
    assert!(refused.stderr.contains("out.onnx exists") && refused.stderr.contains("--force"), "{}", refused.text());
    fs::write(&onnx, b"old").unwrap();
    let written = home.wants(0, &["export", "j1", "--onnx", &onnx, "--force"]);
    assert!(written.stdout.contains("the ONNX file of j1/"), "{}", written.text());
    assert!(fs::read(&onnx).unwrap().len() > 3);
}

#[test]
fn which_point_is_asked_for_where_a_job_has_several_and_what_is_no_network_is_told() {
    let (home, _) = finished();
    let out = path(&home, "out.onnx");
    let unclear = home.wants(2, &["export", "j2", "--onnx", &out]);
    assert!(unclear.stderr.contains("j2/s0.25, j2/s0.50"), "{}", unclear.text());
    let none = home.wants(2, &["export", "j3", "--onnx", &out]);
    assert!(none.stderr.contains("has no model.onnx") && none.stderr.contains("out.txt"), "{}", none.text());
    home.wants(2, &["export", "j2"]);
    home.wants(2, &["export", "j9", "--onnx", &out]);
    home.wants(2, &["export", "j1", "--onnx", &out, "--safetensors", &out]);
    assert!(!Path::new(&out).exists(), "a refusal writes nothing");
    home.wants(0, &["export", "j2/s0.50", "--onnx", &out]);
    assert!(Path::new(&out).exists());
}

#[test]
fn a_coordinator_elsewhere_sends_the_files() {
    let (home, _) = finished();
    let (coordinator, url) = serve(&home);
    let elsewhere = Home::new();
    let (out, token) = (path(&elsewhere, "out.safetensors"), home.path().join("token"));
    let token = token.to_str().unwrap();
    elsewhere.wants(0, &["export", "j1", "--safetensors", &out, "--coordinator", &url, "--token-file", token]);
    assert!(state_dict::read(&fs::read(&out).unwrap()).is_ok());
    coordinator.signal(Signal::SIGTERM);
    coordinator.finish();
}
