//! `sweep local` with command stages: success, failure, continuing after Ctrl-C and kill -9, and a second process.

mod support;

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;
use support::{Home, Talking, alive, marks};

/// Three jobs that each leave a mark.
fn marking(marks: &Path) -> String {
    format!(
        "name: marks\nmeasure: false\nstages:\n  mark:\n    command: {{ run: [/bin/sh, -c, 'echo ${{i}} >> {}'] }}\n    matrix: {{ i: [1, 2, 3] }}\n",
        marks.display()
    )
}

/// Two jobs that mark, then one that tells a fifo that it is there and waits until the gate file exists, then marks.
/// One slot and declared order make the third the last.
fn gated(home: &Home) -> (String, std::path::PathBuf, std::path::PathBuf) {
    let (marks, fifo, gate) = (home.file("marks"), home.fifo("there"), home.file("gate"));
    let plan = format!(
        "name: gated
measure: false
stages:
  quick:
    command: {{ run: [/bin/sh, -c, 'echo quick-${{i}} >> {marks}'] }}
    matrix: {{ i: [1, 2] }}
  slow:
    command:
      run: [/bin/sh, -c, 'test -e {gate} || {{ echo $$ > {fifo}; exec sleep 1000; }}; echo slow >> {marks}']
",
        marks = marks.display(),
        fifo = fifo.display(),
        gate = gate.display(),
    );
    (plan, fifo, gate)
}

#[test]
fn a_plan_runs_to_the_end_and_a_second_run_finds_it_done() {
    let home = Home::new();
    let file = home.file("marks");
    let plan = home.write("plan.yaml", &marking(&file));
    let plan = plan.to_str().unwrap();

    let first = home.wants(0, &["local", plan]);
    assert_eq!(marks(&file), ["1", "2", "3"], "{}", first.text());
    assert!(first.stdout.contains("3 of 3 jobs done"), "{}", first.text());

    let before = home.json(&["status"]);
    let second = home.wants(0, &["local", plan]);
    assert!(second.stdout.contains("done already"), "{}", second.text());
    assert_eq!(marks(&file), ["1", "2", "3"]);
    assert_eq!(home.json(&["status"]), before);
    assert_eq!(before["counts"], serde_json::json!({ "succeeded": 3 }));
    assert_eq!(home.json(&["list"]).as_array().unwrap().len(), 1);
    assert_eq!(home.json(&["agents"])[0]["connected"], false);
}

#[test]
fn what_jobs_print_is_kept() {
    let home = Home::new();
    let plan = home.write(
        "plan.yaml",
        "name: hello\nmeasure: false\nstages:\n  hello:\n    command: { run: [/bin/echo, 'hello ${seed}'] }\n",
    );
    home.wants(0, &["local", plan.to_str().unwrap()]);
    let job = home.json(&["status"])["jobs"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(home.wants(0, &["logs", &job]).stdout, "hello 0\n");
    assert_eq!(home.wants(0, &["logs", &job, "-f"]).stdout, "hello 0\n");
}

#[test]
fn failed_jobs_are_1_named_and_retried_on_demand() {
    let home = Home::new();
    let gate = home.file("gate");
    let plan = home.write(
        "plan.yaml",
        &format!(
            "name: fails\nmeasure: false\ndefaults: {{ retries: 0 }}\nstages:\n  fine:\n    command: {{ run: [/bin/true] }}\n  needs:\n    command: {{ run: [/bin/sh, -c, 'test -e {} || {{ echo no gate; exit 7; }}'] }}\n",
            gate.display()
        ),
    );
    let plan = plan.to_str().unwrap();
    let failed = home.wants(1, &["local", plan]);
    assert!(failed.stderr.contains("1 job failed") && failed.stderr.contains("--retry-failed"), "{}", failed.text());

    let again = home.wants(1, &["local", plan]);
    assert!(again.stdout.contains("already"), "{}", again.text());

    fs::write(&gate, "").unwrap();
    home.wants(0, &["local", plan, "--retry-failed"]);
    let status = home.json(&["status"]);
    assert_eq!(status["counts"], serde_json::json!({ "succeeded": 2 }));
    assert_eq!(status["state"], "finished");
}

#[test]
fn ctrl_c_is_130_and_the_same_command_continues() {
    let home = Home::new();
    let (plan, fifo, gate) = gated(&home);
    let plan = home.write("plan.yaml", &plan);
    let plan = plan.to_str().unwrap();

    let running = Talking::start(home.sweep(&["local", plan]));
    // Opening a fifo waits for its writer: the slow job runs once this returns.
    let pid = fs::read_to_string(&fifo).unwrap();
    running.signal(Signal::SIGINT);
    let ended = running.finish();
    assert_eq!(ended.code, 130, "{}", ended.text());
    assert!(ended.stderr.contains("To continue: sweep local"), "{}", ended.text());
    assert!(!alive(&pid), "the job's process is gone");

    fs::write(&gate, "").unwrap();
    home.wants(0, &["local", plan]);
    assert_eq!(marks(&home.file("marks")), ["quick-1", "quick-2", "slow"]);
}

#[test]
fn after_kill_9_nothing_that_was_done_is_done_again() {
    let home = Home::new();
    let (plan, fifo, gate) = gated(&home);
    let plan = home.write("plan.yaml", &plan);
    let plan = plan.to_str().unwrap();

    let running = Talking::start(home.sweep(&["local", plan]));
    let pid = fs::read_to_string(&fifo).unwrap();
    running.signal(Signal::SIGKILL);
    running.finish();

    fs::write(&gate, "").unwrap();
    let second = home.wants(0, &["local", plan]);
    assert!(second.stdout.contains("2 of 3 jobs done already"), "{}", second.text());
    assert_eq!(marks(&home.file("marks")), ["quick-1", "quick-2", "slow"]);
    assert!(!alive(&pid), "the job's process went with its agent");
}

#[test]
fn a_second_process_can_look_and_cancel_which_is_4() {
    let home = Home::new();
    let (plan, fifo, _) = gated(&home);
    let plan = home.write("plan.yaml", &plan);
    let running = Talking::start(home.sweep(&["local", plan.to_str().unwrap()]));
    let pid = fs::read_to_string(&fifo).unwrap();

    let status = home.json(&["status"]);
    assert_eq!(status["counts"]["running"], 1, "{status:#}");
    assert_eq!(home.json(&["cancel"])["changed"], 1);
    let ended = running.finish();
    assert_eq!(ended.code, 4, "{}", ended.text());
    assert!(!alive(&pid), "the job's process is gone");
    // Cancelled is not forgotten: it is told again, and can be taken back.
    home.wants(4, &["local", plan.to_str().unwrap()]);
    assert_eq!(home.json(&["retry"])["changed"], 1);
}

#[test]
fn a_second_local_hands_its_plan_to_the_first() {
    let home = Home::new();
    let (plan, fifo, _) = gated(&home);
    let gated = home.write("gated.yaml", &plan);
    let file = home.file("other-marks");
    let other = home.write("other.yaml", &marking(&file));
    let first = Talking::start(home.sweep(&["local", gated.to_str().unwrap(), "--slots", "2"]));
    fs::read_to_string(&fifo).unwrap();

    let second = home.wants(0, &["local", other.to_str().unwrap()]);
    assert!(second.stderr.contains("handing the plan to it"), "{}", second.text());
    assert_eq!(marks(&file), ["1", "2", "3"]);

    first.signal(Signal::SIGTERM);
    assert_eq!(first.finish().code, 130);
}

#[test]
fn when_the_first_local_dies_the_second_takes_over() {
    let home = Home::new();
    let (plan, fifo, gate) = gated(&home);
    let gated = home.write("gated.yaml", &plan);
    let file = home.file("other-marks");
    let other = home.write("other.yaml", &marking(&file));
    let first = Talking::start(home.sweep(&["local", gated.to_str().unwrap()]));
    fs::read_to_string(&fifo).unwrap();

    // The only slot is taken, so the second has to wait until the first is gone.
    let mut second = Talking::start(home.sweep(&["local", other.to_str().unwrap()]));
    second.wait_for("3 jobs");
    fs::write(&gate, "").unwrap();
    first.signal(Signal::SIGKILL);
    first.finish();
    let ended = second.finish();
    assert_eq!(ended.code, 0, "{}", ended.text());
    assert_eq!(marks(&file), ["1", "2", "3"]);
    assert_eq!(marks(&home.file("marks")), ["quick-1", "quick-2"], "the first plan is the first command's business");
}

#[test]
fn another_plan_goes_before_what_an_interrupted_one_left_and_leaves_it_alone() {
    let home = Home::new();
    let (plan, fifo, gate) = gated(&home);
    let gated = home.write("gated.yaml", &plan);
    let file = home.file("other-marks");
    let other = home.write("other.yaml", &marking(&file));
    let first = Talking::start(home.sweep(&["local", gated.to_str().unwrap()]));
    fs::read_to_string(&fifo).unwrap();
    first.signal(Signal::SIGINT);
    assert_eq!(first.finish().code, 130);
    let left = home.json(&["status", "s1"]);

    // Were the first plan's job begun, it would mark, as the gate is open.
    fs::write(&gate, "").unwrap();
    let ended = home.wants(0, &["local", other.to_str().unwrap()]);
    assert!(ended.stderr.contains("s1 gated still has 1 unfinished job, which waits"), "{}", ended.text());
    assert_eq!(marks(&file), ["1", "2", "3"]);
    assert_eq!(marks(&home.file("marks")), ["quick-1", "quick-2"]);
    assert_eq!(home.json(&["status", "s1"])["jobs"], left["jobs"]);

    let again = home.wants(0, &["local", gated.to_str().unwrap()]);
    assert!(!again.stderr.contains("unfinished"), "{}", again.text());
    assert_eq!(marks(&home.file("marks")), ["quick-1", "quick-2", "slow"]);
}

#[test]
fn no_reuse_does_the_work_again() {
    let home = Home::new();
    let file = home.file("marks");
    let plan = home.write("plan.yaml", &marking(&file));
    home.wants(0, &["local", plan.to_str().unwrap()]);
    home.wants(0, &["local", plan.to_str().unwrap(), "--no-reuse"]);
    assert_eq!(marks(&file).len(), 6);
    assert_eq!(home.json(&["list"]).as_array().unwrap().len(), 2);
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_the_job() {
    let home = Home::new();
    let (there, asked) = (home.fifo("there"), home.fifo("asked"));
    let plan = home.write(
        "plan.yaml",
        &format!(
            "name: stubborn\nmeasure: false\nstages:\n  a:\n    command: {{ run: [/bin/sh, -c, 'trap \"echo > {}\" TERM; echo $$ > {}; while :; do sleep 0.1; done'] }}\n",
            asked.display(),
            there.display()
        ),
    );
    let running = Talking::start(home.sweep(&["local", plan.to_str().unwrap()]));
    let pid = fs::read_to_string(&there).unwrap();
    running.signal(Signal::SIGINT);
    // The job was asked to stop, and will not.
    fs::read_to_string(&asked).unwrap();
    running.signal(Signal::SIGINT);
    let ended = running.finish();
    assert_eq!(ended.code, 130, "{}", ended.text());
    assert!(!alive(&pid), "the job's process is gone");
    assert_eq!(home.json(&["status"])["state"], "active");
}
