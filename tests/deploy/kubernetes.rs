//! The manifests, against Kubernetes' own schemas and against the programs that they start.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use sweep_tests::{Home, runs, text, workspace_root};

const MANIFESTS: [&str; 3] = ["coordinator.yaml", "agents.yaml", "job.yaml"];

/// Where scripts/need-deploy.sh puts the schemas.
fn packages() -> PathBuf {
    workspace_root().join(".tools/kubernetes")
}

fn python(args: &[&str]) -> Output {
    Command::new("python3").args(args).env("PYTHONPATH", packages()).output().unwrap()
}

fn is_there(test: &str) -> bool {
    let lacking = (!packages().join("kubernetes_validate").exists())
        .then(|| "no schemas of Kubernetes (scripts/need-deploy.sh)".to_owned());
    runs(test, lacking, true)
}

fn path(manifest: &str) -> String {
    workspace_root().join("deploy/kubernetes").join(manifest).display().to_string()
}

/// The containers of all manifests.
fn containers() -> Vec<Value> {
    const READ: &str = "import json, sys, yaml
documents = [d for f in sys.argv[1:] for d in yaml.safe_load_all(open(f))]
print(json.dumps([c for d in documents for c in d['spec'].get('template', {}).get('spec', {}).get('containers', [])]))";
    let paths = MANIFESTS.map(path);
    let args: Vec<&str> = ["-c", READ].into_iter().chain(paths.iter().map(String::as_str)).collect();
    let read = python(&args);
    assert!(read.status.success(), "{}", text(&read));
    serde_json::from_slice(&read.stdout).unwrap()
}

#[test]
fn manifests_are_what_kubernetes_expects() {
    if !is_there("manifests_are_what_kubernetes_expects") {
        return;
    }
    for manifest in MANIFESTS {
        let checked = python(&["-m", "kubernetes_validate", "--strict", &path(manifest)]);
        assert!(checked.status.success(), "{}", text(&checked));
    }
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("wrong.yaml");
    let text_of = fs::read_to_string(path("agents.yaml")).unwrap();
    fs::write(&wrong, text_of.replace("replicas: 2", "replicas: two")).unwrap();
    let refused = python(&["-m", "kubernetes_validate", "--strict", &wrong.display().to_string()]);
    assert!(!refused.status.success(), "the check sees mistakes");
}

#[test]
fn containers_start_commands_that_there_are() {
    if !is_there("containers_start_commands_that_there_are") {
        return;
    }
    let (home, containers) = (Home::new(), containers());
    assert_eq!(containers.len(), MANIFESTS.len());
    for container in containers {
        let args: Vec<&str> = container["args"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        // With --help nothing is started, but all that stands before it is understood first.
        let help = text(&home.run(&[args[0], "--help"]));
        for flag in args.iter().filter(|arg| arg.starts_with("--")) {
            assert!(help.contains(flag), "{flag} of {args:?}: {help}");
        }
    }
}

#[test]
fn a_probe_believes_in_a_pulse_only_while_it_is_fresh() {
    if !is_there("a_probe_believes_in_a_pulse_only_while_it_is_fresh") {
        return;
    }
    let home = Home::new();
    let pulse = home.file("pulse");
    for container in containers() {
        let probe = container["livenessProbe"]["exec"]["command"].as_array().unwrap();
        let words: Vec<&str> = probe.iter().filter_map(Value::as_str).collect();
        let script = words[2].replace("/tmp/pulse", &pulse.display().to_string());
        let alive = || Command::new(words[0]).args([words[1], &script]).status().unwrap().success();
        let _ = fs::remove_file(&pulse);
        assert!(!alive(), "there is none");
        fs::write(&pulse, "1").unwrap();
        assert!(alive());
        let hour = std::time::SystemTime::now() - std::time::Duration::from_hours(1);
        fs::File::options().write(true).open(&pulse).unwrap().set_modified(hour).unwrap();
        assert!(!alive(), "it is old");
    }
}
