//! The user's own PyTorch script through the runner protocol (`examples/python.yaml`).

use std::process::Command;

use sweep_tests::{Home, text, workspace_root};

/// The interpreter that has PyTorch, or why there is none.
fn python_with_torch() -> Result<String, String> {
    let wrapper = workspace_root().join(".python/bin/python");
    let probe = Command::new(&wrapper).args(["-c", "import torch"]).output().map_err(|e| format!("no .python: {e}"))?;
    if probe.status.success() {
        Ok(wrapper.parent().unwrap().display().to_string())
    } else {
        Err("torch is not installed in .python".to_owned())
    }
}

#[test]
fn a_pytorch_script_trains_and_reports_through_the_protocol() {
    let bin = match python_with_torch() {
        Ok(bin) => bin,
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "on CI this test must run: {why}");
            println!("skipped: {why} (CI=true scripts/setup-python.sh installs it)");
            return;
        }
    };
    let home = Home::new();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    let plan = workspace_root().join("examples/python.yaml");
    let output = home.sweep().env("PATH", path).args(["local", plan.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let points = home.json(&["results"]);
    let accuracy = points[0]["accuracy"].as_f64().unwrap_or_else(|| panic!("no accuracy in {points:#}"));
    assert!(accuracy > 0.5, "the script learnt something: {points:#}");
    println!("ran: {accuracy}");
}
