//! `deploy/install.sh`, into a folder.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sweep_tests::{Home, binary, text, workspace_root};

const PLAN: &str = "name: installed
data: { name: synthetic, train: 100, validation: 50, test: 50 }
measure: false
stages:
  base: { train: { model: small-cnn, epochs: 1, batch: 50 } }
";

/// A checkout as `make build` leaves it, with the programs that the tests were built with.
fn checkout(folder: &Path) -> PathBuf {
    let from = folder.join("checkout");
    fs::create_dir_all(from.join("target/release")).unwrap();
    for program in ["sweep", "sweep-runner"] {
        symlink(binary(program), from.join("target/release").join(program)).unwrap();
    }
    for entry in [".libtorch", ".onnxruntime", "deploy", "docs"] {
        symlink(workspace_root().join(entry), from.join(entry)).unwrap();
    }
    from
}

fn install(args: &[&str]) -> Output {
    Command::new(workspace_root().join("deploy/install.sh")).args(args).output().unwrap()
}

#[test]
fn what_is_installed_runs_from_where_it_lies_and_goes_without_a_trace() {
    let home = Home::new();
    let (from, root) = (checkout(home.path()), home.file("root"));
    let (from, below) = (from.display().to_string(), root.display().to_string());
    let to = ["--root", &below, "--from", &from];
    // A service belongs to root.
    let root_here = fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0);
    let what = if root_here { "agent" } else { "programs" };
    for _ in 0..2 {
        let installed = install(&[&to[..], &[what]].concat());
        assert!(installed.status.success(), "{}", text(&installed));
    }
    let settings = root.join("etc/sweep/agent-service.toml");
    if root_here {
        assert!(settings.exists() && root.join("etc/systemd/system/sweep-agent.service").exists());
    }
    let plan = home.plan(PLAN);
    let mut local = Command::new(root.join("usr/local/bin/sweep"));
    local.arg("local").arg(plan).env("SWEEP_HOME", home.file("home")).env_remove("SWEEP_RUNNER");
    let ran = local.output().unwrap();
    assert!(ran.status.success(), "{}", text(&ran));
    assert!(home.file("home/results/s1/base/model.onnx").exists());
    let gone = install(&[&to[..], &["uninstall"]].concat());
    assert!(gone.status.success(), "{}", text(&gone));
    assert!(!root.join("usr/local/lib/sweep").exists() && !root.join("usr/local/bin/sweep").exists());
    assert_eq!(settings.exists(), root_here, "settings are their owner's");
}

#[test]
fn for_oneself_it_goes_into_a_folder_of_ones_own() {
    let home = Home::new();
    let (from, prefix) = (checkout(home.path()).display().to_string(), home.file("mine").display().to_string());
    for _ in 0..2 {
        let installed = install(&["--prefix", &prefix, "--from", &from]);
        assert!(installed.status.success(), "{}", text(&installed));
        assert!(text(&installed).contains("is not on your PATH"), "{}", text(&installed));
    }
    let version = Command::new(home.file("mine/bin/sweep")).arg("--version").output().unwrap();
    assert!(version.status.success(), "{}", text(&version));
    assert!(install(&["--prefix", &prefix, "uninstall"]).status.success());
    assert!(!home.file("mine/lib/sweep").exists() && !home.file("mine/bin/sweep").exists());
}

#[test]
fn what_cannot_be_installed_is_told_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().display().to_string();
    for (args, said) in [
        (&["agents"][..], "what is agents?"),
        (&["--prefix"], "--prefix needs a folder"),
        (&["--prefix", "here"], "no absolute path"),
        (&["--from", &empty], "build it first: make -C"),
    ] {
        let refused = install(args);
        assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
        assert!(text(&refused).contains(said), "{}", text(&refused));
    }
}
