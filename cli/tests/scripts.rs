//! What scripts rely on: waiting and its exit codes, names instead of ids, and estimates from what has run.

mod support;

use std::fs;

use nix::sys::signal::Signal;
use support::{Home, Talking, serve};

fn plan(home: &Home, name: &str, stages: &str) -> String {
    home.write(&format!("{name}.yaml"), &format!("name: {name}\nmeasure: false\nstages:\n{stages}"))
        .to_str()
        .unwrap()
        .to_owned()
}

const GOOD: &str = "  one: { command: { run: [/bin/true] } }\n  two: { command: { run: [/bin/true], input: one } }\n";
const BAD: &str = "  fails: { command: { run: [/bin/false] }, retries: 0 }\n  after: { command: { run: [/bin/true], input: fails } }\n";

#[test]
fn waiting_ends_as_the_sweep_ends() {
    let home = Home::new();
    let (_coordinator, _) = serve(&home);
    let _agent = Talking::start(home.sweep(&["agent"]));

    let good = home.wants(0, &["submit", &plan(&home, "good", GOOD), "--wait"]);
    assert!(
        good.stdout.contains("s1 good: finished") && good.stdout.contains("2 of 2 jobs succeeded"),
        "{}",
        good.text()
    );
    let bad = home.wants(1, &["submit", &plan(&home, "bad", BAD), "--wait"]);
    assert!(
        bad.stdout.contains("finished with failures") && bad.stderr.contains("1 job failed, 1 skipped"),
        "{}",
        bad.text()
    );
    // What is over needs no waiting, and says the same.
    home.wants(0, &["wait", "good"]);
    home.wants(1, &["wait", "s2"]);
    home.wants(1, &["retry", "s2", "--wait"]);
    let one = home.wants(0, &["wait", "j1"]);
    assert!(one.stdout.contains("j1 one seed=0: succeeded"), "{}", one.text());
    home.wants(1, &["wait", "j4"]);
    let document = home.json(&["wait", "s1"]);
    assert_eq!((&document["state"], &document["counts"]["succeeded"]), (&"finished".into(), &2.into()));
}

#[test]
fn waiting_has_an_end_and_a_sweep_goes_on_without_it() {
    let home = Home::new();
    let (_coordinator, _) = serve(&home);
    let (there, gate) = (home.fifo("there"), home.fifo("gate"));
    let run = format!("[/bin/sh, -c, 'echo $$ > {}; exec cat {}']", there.display(), gate.display());
    let sweep = plan(&home, "long", &format!("  hold: {{ command: {{ run: {run} }} }}\n"));
    home.wants(0, &["submit", &sweep]);
    let _agent = Talking::start(home.sweep(&["agent"]));
    fs::read_to_string(&there).unwrap();

    let late = home.wants(130, &["wait", "--timeout", "1ms"]);
    assert!(late.stderr.contains("s1 is not over after 1ms; it goes on"), "{}", late.text());
    let cancelled = Talking::start(home.sweep(&["wait", "long"]));
    home.wants(0, &["cancel", "long"]);
    assert_eq!(cancelled.finish().code, 4);
    home.wants(4, &["wait", "j1"]);
}

#[test]
fn with_nobody_at_work_there_is_nothing_to_wait_for() {
    let home = Home::new();
    let (coordinator, _) = serve(&home);
    home.wants(0, &["submit", &plan(&home, "good", GOOD)]);
    coordinator.signal(Signal::SIGTERM);
    coordinator.finish();
    let refused = home.wants(3, &["wait"]);
    assert!(
        refused.stderr.contains("nobody works on s1") && refused.stderr.contains("sweep serve"),
        "{}",
        refused.text()
    );
}

#[test]
fn names_and_stages_stand_for_ids_where_they_mean_one() {
    let home = Home::new();
    let (_coordinator, _) = serve(&home);
    let matrix = "  many: { command: { run: [echo, '${x}'] }, matrix: { x: [1, 2] } }\n";
    home.wants(0, &["submit", &plan(&home, "cifar-kd", GOOD)]);
    home.wants(0, &["submit", &plan(&home, "cifar-prune", &(GOOD.to_owned() + matrix))]);

    assert_eq!(home.json(&["status", "cifar-kd"])["id"], "s1");
    assert_eq!(home.json(&["status", "cifar-p"])["id"], "s2");
    let several = home.wants(2, &["pause", "cifar"]);
    assert!(several.stderr.contains("s2 cifar-prune and s1 cifar-kd"), "{}", several.text());
    assert_eq!(home.json(&["status", "s1"])["paused"], false, "nothing was paused");
    assert!(home.wants(0, &["explain", "one"]).stdout.starts_with("j3 one"));
    let many = home.wants(2, &["explain", "many"]);
    assert!(many.stderr.contains("j5 (many x=1) and j6 (many x=2)"), "{}", many.text());
    assert!(home.wants(0, &["explain", "many x=2"]).stdout.starts_with("j6 many x=2"));
    let misspelt = home.wants(2, &["logs", "manny"]);
    assert!(misspelt.stderr.contains("did you mean many?"), "{}", misspelt.text());
}

#[test]
fn what_has_run_tells_how_long_it_will_take() {
    let home = Home::new();
    let plan = plan(&home, "good", GOOD);
    let before = home.json(&["check", &plan]);
    assert_eq!(before["expected"]["unknown_jobs"], 2, "nobody knows how long a command takes: {before:#}");
    home.wants(0, &["local", &plan]);
    let after = home.json(&["check", &plan]);
    assert_eq!(after["expected"]["unknown_jobs"], 0, "{after:#}");
    assert_eq!(after["jobs"][0]["expected"]["basis"], "alike");
    let (low, high) = (&after["expected"]["seconds"]["low"], &after["expected"]["seconds"]["high"]);
    assert!(low.as_f64().unwrap() > 0.0 && high.as_f64() > low.as_f64(), "{after:#}");
    assert_eq!(home.json(&["check", &plan, "--offline"])["expected"]["unknown_jobs"], 2);
    let text = home.wants(0, &["check", &plan]).stdout;
    assert!(text.contains("Based on earlier runs of such work for 2 jobs"), "{text}");
}
