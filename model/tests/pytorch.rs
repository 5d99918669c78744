//! State dicts between this program and the PyTorch that is installed (`scripts/state_dicts.py`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sweep_model::state_dict;
use sweep_model::zoo::{self, Init, ZooOptions};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn python() -> PathBuf {
    root().join(".python/bin/python")
}

/// Whether Python has these modules; says why not otherwise. On CI PyTorch is there, so that a test that needs no more than
/// that has to run.
fn has(modules: &[&str]) -> bool {
    let probe = Command::new(python()).args(["-c", &format!("import {}", modules.join(", "))]).output();
    let why = match probe {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned(),
        Err(error) => format!("{}: {error}", python().display()),
    };
    assert!(modules != ["torch"] || std::env::var_os("CI").is_none(), "on CI this test must run: {why}");
    println!("skipped: {why} (CI=true scripts/setup-python.sh installs PyTorch)");
    false
}

fn script(command: &str, folder: &Path) -> String {
    let script = root().join("scripts/state_dicts.py");
    let output = Command::new(python()).arg(script).arg(command).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_this_pytorch_saves_is_read_to_the_bit() {
    if !has(&["torch"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    script("write", folder.path());
    let expected = fs::read(folder.path().join("numbers.f32")).unwrap();
    assert!(expected.len() > 2000, "{} bytes", expected.len());
    for form in ["zip", "zip_protocol5", "legacy", "checkpoint", "parameters"] {
        let bytes = fs::read(folder.path().join(format!("{form}.pth"))).unwrap();
        let file = state_dict::read(&bytes).unwrap_or_else(|error| panic!("{form}: {error}"));
        let floats = file.iter().filter_map(|(_, array)| array.to_tensor());
        let found: Vec<u8> = floats.flat_map(|tensor| tensor.data).flat_map(f32::to_le_bytes).collect();
        assert_eq!(found, expected, "{form}");
    }
    println!("ran");
}

/// Without torchvision, `names_types_and_shapes_are_those_of_torchvision` says as much of all networks.
#[test]
fn torchvision_accepts_what_is_written() {
    if !has(&["torch", "torchvision"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["resnet18", "googlenet", "inception_v3", "densenet121"] {
        let options = ZooOptions { input: zoo::input(name).unwrap(), classes: 1000, ..ZooOptions::default() };
        let model = zoo::model(name, &options, Init::Torchvision, 1).unwrap();
        fs::write(folder.path().join(format!("{name}.safetensors")), state_dict::to_safetensors(&model).unwrap())
            .unwrap();
    }
    let said = script("accept", folder.path());
    assert_eq!(said.lines().count(), 4, "{said}");
    println!("ran: {said}");
}
