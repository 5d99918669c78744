//! Jobs that do not behave: that hang, and that leave processes behind.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sweep_tests::{Home, Talking, text};

/// Epoch, checkpoint, silence; a second attempt goes on and ends.
const HANGS_ONCE: &str = r#"#!/bin/sh
say() { echo "$1" >&3; }
if [ -f resume/0/state ]; then
    say '{"event":"resumed","epoch":1,"step":10}'
    cp resume/0/state state2
    echo 2 >>state2
    say '{"event":"epoch","epoch":2,"epochs":2}'
    say '{"event":"artifact","file":{"name":"state","path":"state2"}}'
    say '{"event":"done"}'
    exit 0
fi
trap '' TERM
echo 1 >state
say '{"event":"epoch","epoch":1,"epochs":2}'
say '{"event":"checkpoint","epoch":1,"step":10,"files":[{"name":"state","path":"state"}]}'
while :; do sleep 600; done
"#;

#[test]
fn a_job_that_hangs_after_its_first_epoch_goes_on_from_its_checkpoint() {
    let home = Home::new();
    fs::write(home.file("train.sh"), HANGS_ONCE).unwrap();
    let plan = home.plan(
        "name: hangs
stages:
  train:
    command: { run: [sh, train.sh], files: [train.sh], protocol: events }
    hang_after: 5s
",
    );
    let mut sweep = home.sweep();
    let output = sweep.env("SWEEP_GRACE", "50ms").args(["local", plan.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let job = &home.json(&["status", "j1"])["jobs"][0];
    let attempts = job["attempts"].as_array().unwrap_or_else(|| panic!("no attempts in {job:#}"));
    assert_eq!((&attempts[0]["state"], &attempts[0]["failure_class"]), (&"failed".into(), &"internal".into()));
    let message = attempts[0]["message"].as_str().unwrap();
    assert!(message.starts_with("no progress for 5 s, which is its hang_after"), "{message}");
    assert_eq!((&attempts[1]["state"], attempts.len()), (&"succeeded".into(), 2), "{job:#}");
    assert_eq!(attempts[1]["resumed"]["epoch"], 1, "{job:#}");
}

/// Reads its own environment and every command line that there is.
const USES_A_SECRET: &str = r#"#!/bin/sh
[ "$WANDB_API_KEY" = "$(cat "$EXPECTED")" ] || { echo "the secret is not as it should be"; exit 3; }
[ "$GREETING" = "hello 7" ] || exit 4
# A helper of its own has it, too.
sh -c '[ -n "$WANDB_API_KEY" ]' || exit 5
if cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -qFf "$EXPECTED"; then exit 6; fi
if grep -qFf "$EXPECTED" job.json; then exit 7; fi
echo "$1" >&3
exit 1
"#;

#[test]
fn a_secret_is_in_its_process_and_nowhere_else() {
    let home = Home::new();
    let value = format!("sk-{}-do-not-tell", std::process::id());
    let (expected, agents) = (home.file("expected"), home.file("home/agent/secrets"));
    fs::write(&expected, &value).unwrap();
    fs::write(home.file("use.sh"), USES_A_SECRET).unwrap();
    let plan = home.plan(&format!(
        "name: secret
defaults: {{ retries: 0 }}
stages:
  use:
    command:
      run: [sh, use.sh, '{{\"event\":\"done\"}}']
      files: [use.sh]
      protocol: events
      env: {{ EXPECTED: {}, GREETING: 'hello ${{i}}' }}
      secrets: [WANDB_API_KEY]
    matrix: {{ i: [7] }}
",
        expected.display()
    ));
    // Without the file nothing runs, and it is said where it belongs.
    let waiting = Talking::start(home.sweep().args(["-v", "local", plan.to_str().unwrap()]));
    let explained = until(|| {
        let explained = text(&home.run(&["explain", "j1"]));
        explained.contains("does not have the secret WANDB_API_KEY").then_some(explained)
    });
    assert!(explained.contains(agents.join("WANDB_API_KEY").to_str().unwrap()), "{explained}");
    waiting.signal("-TERM");
    let (_, mut said) = waiting.finish();

    fs::create_dir_all(&agents).unwrap();
    fs::write(agents.join("WANDB_API_KEY"), format!("{value}\n")).unwrap();
    fs::set_permissions(agents.join("WANDB_API_KEY"), Permissions::from_mode(0o600)).unwrap();
    // The script ends with 1 after all, so that its failure is told, too.
    let mut sweep = home.sweep();
    let output = sweep.env("SWEEP_LOG", "trace").args(["local", plan.to_str().unwrap()]).output().unwrap();
    said += &text(&output);
    let job = home.json(&["status", "j1"])["jobs"][0].to_string();
    assert!(job.contains("exit status 1"), "the script found its secret: {job}");
    said += &job;
    said += &text(&home.run(&["logs", "j1"]));
    said += &text(&home.run(&["explain", "j1"]));
    said += &text(&home.run(&["events"]));
    assert!(!said.contains(&value), "a secret was told");
    fs::remove_dir_all(&agents).unwrap();
    for file in files_below(&home.file("home")) {
        let bytes = fs::read(&file).unwrap();
        let told = bytes.windows(value.len()).any(|window| window == value.as_bytes());
        assert!(!told, "{} holds a secret", file.display());
    }
}

/// Asks again until there is an answer.
fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let below = entries.flat_map(|entry| match entry.file_type().unwrap() {
        kind if kind.is_dir() => files_below(&entry.path()),
        kind if kind.is_file() => vec![entry.path()],
        _ => vec![],
    });
    below.collect()
}

/// Leaves its session, forks twice, wipes its environment off.
const ESCAPES: &str = "setsid env -i sh -c '(sleep 600 & echo $! >$0) &' \"$1\"; sleep 600";

#[test]
fn what_escaped_a_killed_agent_is_gone_with_its_next_start() {
    let home = Home::new();
    let ready = home.file("ready");
    nix::unistd::mkfifo(&ready, nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::write(home.file("escape.sh"), ESCAPES).unwrap();
    let plan = home.plan(&format!(
        "name: escape\nstages:\n  a:\n    command: {{ run: [sh, escape.sh, {}], files: [escape.sh] }}\n",
        ready.display()
    ));
    let mut coordinator = Talking::start(home.sweep().args(["serve", "--listen", "127.0.0.1:0"]));
    coordinator.wait_for(|line| line.contains("http://127.0.0.1:"));
    let agent = Talking::start(home.sweep().args(["agent"]));
    let submitted = home.run(&["submit", plan.to_str().unwrap()]);
    assert_eq!(submitted.status.code(), Some(0), "{}", text(&submitted));
    let escaped = fs::read_to_string(&ready).unwrap();
    let test = "what_escaped_a_killed_agent_is_gone_with_its_next_start";
    agent.signal("-KILL");
    agent.finish();
    if home.file("home/agent/cgroup").exists() {
        assert!(lives(&escaped), "nobody was there to kill it");
        let agent = Talking::start(home.sweep().args(["agent"]));
        until(|| (!lives(&escaped)).then_some(()));
        let cancelled = home.run(&["cancel", "j1"]);
        assert_eq!(cancelled.status.code(), Some(0), "{}", text(&cancelled));
        agent.signal("-TERM");
        agent.finish();
        eprintln!("{test}: ran");
    } else {
        let root = nix::unistd::geteuid().is_root();
        let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!(root && ci), "{test}: CI as root must be able to make control groups");
        let _gone = nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(escaped.trim().parse().unwrap()),
            nix::sys::signal::Signal::SIGKILL,
        );
        eprintln!("{test}: skipped: no control groups can be made here");
    }
    coordinator.signal("-TERM");
    coordinator.finish();
}

fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}
