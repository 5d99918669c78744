//! Memory that is not enough, on a CPU: a job that cannot fit is not started, and one that really runs out of memory comes back
//! by itself with smaller parts of its batches.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use sweep_tests::{Home, Pair, Talking, binary, text};

/// What a runner may have of its own memory, in KiB. A runner needs some 300 MB of that before any image is there; whole batches
/// of the plan below take 0.9 GB, and halves 0.6.
const LIMIT_KIB: u32 = 700_000;

const PLAN: &str = "name: tight
data: { name: synthetic, train: 2048, validation: 100, test: 200 }
measure: false
stages:
  wide: { train: { model: small-cnn, epochs: 1, batch: 2048, precision: fp32 }, retries: 0 }
";

/// A coordinator, and an agent whose runners are started by this script.
fn start(home: &Home, runner: &Path) -> Pair {
    Pair::start(home, home.sweep().args(["agent", "--slots", "1"]).env("SWEEP_RUNNER", runner))
}

/// `sweep-runner` under an allocation limit. The first that fails tells so, and ends only once it may.
fn limited_runner(home: &Home, failed: &Path, go: &Path) -> std::path::PathBuf {
    let script = format!(
        "#!/bin/sh\ntrap '' TERM\nulimit -d {LIMIT_KIB}\n{}\nstatus=$?\n\
         if [ $status -ne 0 ] && mkdir {} 2>/dev/null; then echo failed >{}; read go <{}; fi\nexit $status\n",
        binary("sweep-runner").display(),
        home.file("once").display(),
        failed.display(),
        go.display(),
    );
    let path = home.file("runner.sh");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn fifo(home: &Home, name: &str) -> std::path::PathBuf {
    let path = home.file(name);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

#[test]
fn a_job_that_runs_out_of_memory_comes_back_with_smaller_parts_and_ends_well() {
    let home = Home::new();
    let (failed, go) = (fifo(&home, "failed"), fifo(&home, "go"));
    let _pair = start(&home, &limited_runner(&home, &failed, &go));
    let plan = home.plan(PLAN);
    let submitted = home.run(&["submit", plan.to_str().unwrap()]);
    assert_eq!(submitted.status.code(), Some(0), "{}", text(&submitted));

    // Opening a fifo waits for its writer: the first attempt has failed when this returns.
    assert_eq!(fs::read_to_string(&failed).unwrap(), "failed\n");
    // Paused, so that there is time to ask before the next begins.
    assert_eq!(home.run(&["pause"]).status.code(), Some(0));
    let mut events = Talking::start(home.sweep().args(["events", "--follow", "--json"]));
    fs::write(&go, "go\n").unwrap();
    events.wait_for(|line| line.contains("the next attempt splits each batch of 2048 into 2 parts"));
    events.signal("-KILL");
    let explained = home.json(&["explain", "j1"]);
    let reasons = explained["reasons"].to_string();
    assert!(reasons.contains("Attempt 1 ran out of memory on the CPU of "), "{explained:#}");
    assert!(reasons.contains("the next attempt splits each batch of 2048 into 2 parts."), "{explained:#}");

    assert_eq!(home.run(&["resume"]).status.code(), Some(0));
    let watched = home.run(&["watch"]);
    assert_eq!(watched.status.code(), Some(0), "{}", text(&watched));
    ended_well(&home);
}

/// What is told once it has ended.
fn ended_well(home: &Home) {
    let status = home.json(&["status", "j1"]);
    let attempts = status["jobs"][0]["attempts"].as_array().unwrap();
    let (last, short) = attempts.split_last().unwrap();
    for (attempt, parts) in short.iter().zip([1, 2, 4, 8]) {
        assert_eq!((&attempt["failure_class"], &attempt["micro_batches"]), (&"out_of_memory".into(), &parts.into()));
        assert!(attempt["peak_memory_bytes"].as_u64().is_some_and(|peak| peak > 100_000_000), "{attempt:#}");
    }
    let parts = last["micro_batches"].as_u64().unwrap();
    assert!(!short.is_empty() && parts == 1 << short.len() && last["state"] == "succeeded", "{status:#}");
    let peak = last["peak_memory_bytes"].as_u64().unwrap();
    assert!((100_000_000..u64::from(LIMIT_KIB) << 11).contains(&peak), "{status:#}");

    let points = home.json(&["results"]);
    assert_eq!((&points[0]["micro_batches"], &points[0]["job_peak_memory_bytes"]), (&parts.into(), &peak.into()));
    assert!(points[0]["accuracy"].as_f64().is_some(), "{points:#}");
    let table = text(&home.run(&["results"]));
    assert!(table.contains("parts") && table.contains("each batch was split into so many"), "{table}");
    let explained = home.json(&["explain", "j1"])["reasons"].to_string();
    assert!(explained.contains(&format!("Each batch of 2048 goes through in {parts} parts")), "{explained}");
}

#[test]
fn what_no_device_could_hold_is_not_started_and_explain_says_why() {
    let home = Home::new();
    let _pair = start(&home, &binary("sweep-runner"));
    let here = fifo(&home, "here");
    let small = format!("  small: {{ command: {{ run: [/bin/sh, -c, 'echo here >{}'] }} }}\n", here.display());
    let plan = home.plan(&(PLAN.replace("retries: 0", "memory: 64 TiB") + &small));
    assert_eq!(home.run(&["submit", plan.to_str().unwrap()]).status.code(), Some(0));
    // The agent is connected once it has done what fits.
    assert_eq!(fs::read_to_string(&here).unwrap(), "here\n");
    let explained = home.json(&["explain", "j1"]);
    let reasons: Vec<&str> = explained["reasons"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let too_large = "It needs 65536.0 GiB of memory (as the plan says); the largest device for it, the CPU of ";
    assert!(reasons.iter().any(|reason| reason.starts_with(too_large)), "{explained:#}");
    assert_eq!((&explained["job"]["state"], &explained["job"]["attempt"]), (&"ready".into(), &0.into()));
}
