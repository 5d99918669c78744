//! `sweep local` as a new user meets it: one plan through every stage kind, then the table, the files, and a second run.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use sweep_tests::{Home, Talking, binary, text, workspace_root};

#[test]
fn a_plan_goes_in_and_measured_models_come_out() {
    let home = Home::new();
    let plan = workspace_root().join("tests/plans/mini.yaml");
    let plan = plan.to_str().unwrap();
    let first = home.run(&["local", plan]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first));

    let points = home.json(&["results"]);
    let points = points.as_array().expect("results is an array of points");
    // base 1, student 1, pruned 1, sparse 2, int8 2 inputs × 2 modes; `again` measures base once more.
    assert_eq!(points.len(), 10, "{points:#?}");
    for point in points {
        check_point(point);
    }
    check_int8_beside_its_reference(points);
    check_pruned_is_smaller(points);
    second_run_does_nothing(&home, plan);
}

/// What DESIGN §10 promises of every row.
fn check_point(point: &Value) {
    for name in ["accuracy", "test_loss", "parameters", "parameters_nonzero", "macs", "size_onnx_bytes"] {
        assert!(point[name].as_f64().is_some(), "{name} is missing in {point:#}");
    }
    let accuracy = point["accuracy"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&accuracy), "{point:#}");
    if point["stage"] == "again" {
        return;
    }
    assert!(point["latency_ms_b1"].as_f64().is_some_and(|ms| ms > 0.0), "{point:#}");
    let path = file(point, "model.onnx");
    assert_eq!(fs::metadata(&path).unwrap().len() as f64, point["size_onnx_bytes"].as_f64().unwrap(), "{path}");
}

fn check_int8_beside_its_reference(points: &[Value]) {
    let int8: Vec<&Value> = points.iter().filter(|p| p["stage"] == "int8").collect();
    assert_eq!(int8.len(), 4);
    for point in int8 {
        assert!(point["reference_latency_ms_b1"].as_f64().is_some_and(|ms| ms > 0.0), "{point:#}");
        assert!(point["parity_top1"].as_f64().is_some_and(|share| share >= 0.99), "{point:#}");
        assert!(point["fused_integer_share"].as_f64().is_some_and(|share| share > 0.9), "{point:#}");
    }
    let size = |stage: &str, wanted: &dyn Fn(&Value) -> bool| {
        let found = points.iter().find(|p| p["stage"] == stage && wanted(p)).unwrap_or_else(|| panic!("no {stage}"));
        found["size_onnx_bytes"].as_f64().unwrap()
    };
    let accuracy = |p: &Value| p["accuracy"].as_f64().unwrap();
    let base = points.iter().find(|p| p["stage"] == "base").unwrap();
    let static_base = points.iter().find(|p| p["stage"] == "int8" && p.to_string().contains("input=base")).unwrap();
    assert!(accuracy(base) > 0.3, "the network has learnt something: {base:#}");
    assert!((accuracy(base) - accuracy(static_base)).abs() < 0.03, "{static_base:#}");
    let base = size("base", &|_| true);
    let quantized = size("int8", &|p| p.to_string().contains("base") && p["params"]["mode"] == "static");
    assert!(quantized <= 0.30 * base, "int8 {quantized} bytes, fp32 {base} bytes");
}

fn check_pruned_is_smaller(points: &[Value]) {
    let of = |stage: &str| points.iter().find(|p| p["stage"] == stage).unwrap();
    let number = |p: &Value, name: &str| p[name].as_f64().unwrap();
    assert!(number(of("pruned"), "parameters") < number(of("student"), "parameters"));
    assert!(number(of("pruned"), "macs") < number(of("student"), "macs"));
    for sparse in points.iter().filter(|p| p["stage"] == "sparse") {
        assert_eq!(number(sparse, "parameters"), number(of("student"), "parameters"));
        assert!(number(sparse, "parameters_nonzero") < 0.6 * number(sparse, "parameters"), "{sparse:#}");
    }
}

fn second_run_does_nothing(home: &Home, plan: &str) {
    let before = home.json(&["status"]);
    let second = home.run(&["local", plan]);
    assert_eq!(second.status.code(), Some(0), "{}", text(&second));
    assert!(text(&second).contains("already"), "a second run says that its work is done: {}", text(&second));
    assert_eq!(before, home.json(&["status"]), "a second run changes nothing");
}

fn file(point: &Value, name: &str) -> String {
    let files = point["files"].as_array().unwrap_or_else(|| panic!("no files in {point:#}"));
    let found = files.iter().find(|f| f["name"] == name).unwrap_or_else(|| panic!("no {name} in {point:#}"));
    found["path"].as_str().unwrap().to_owned()
}

#[test]
fn sweep_does_not_link_libtorch() {
    let output = Command::new("ldd").arg(binary("sweep")).output().expect("ldd runs");
    let links = String::from_utf8_lossy(&output.stdout);
    assert!(links.contains("libc.so"), "ldd says what it links: {links}");
    assert!(!links.contains("torch") && !links.contains("libc10"), "{links}");
    assert!(Path::new(&binary("sweep-runner")).exists());
}

#[test]
fn a_plan_that_this_machine_may_not_work_on_is_not_waited_for_in_silence() {
    let home = Home::new();
    let plan = home.plan("name: elsewhere\nstages:\n  work: { command: { run: [/bin/true] }, where: { room: b12 } }\n");
    let mut both = Command::new("sh");
    both.args(["-c", "exec \"$@\" 2>&1", "sh"]).arg(binary("sweep")).arg("local").arg(plan);
    both.env("SWEEP_HOME", home.file("home")).env_remove("SWEEP_COORDINATOR");
    let mut local = Talking::start(&mut both);
    let why = local.wait_for(|line| line.contains("nothing runs yet: j1 (work) waits."));
    assert!(why.contains("It may run only where room: b12"), "{why}");
    local.signal("-INT");
    assert_eq!(local.finish().0.code(), Some(130));
    let here = home.sweep().env("SWEEP_LABELS", "room=b12").arg("local").arg(home.file("plan.yaml")).output().unwrap();
    assert!(here.status.success(), "{}", text(&here));
}
