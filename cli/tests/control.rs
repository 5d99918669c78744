//! What users do to work that runs: pause, resume, priorities, cancel, drain, amend, and the log that remembers it. A real
//! coordinator and real agents, with commands as jobs.

mod support;

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::Value;
use support::{Home, Talking, ordered_marks, serve};

/// A stage whose job appends its name to a file.
fn marks(stage: &str, file: &Path) -> String {
    format!("  {stage}: {{ command: {{ run: [/bin/sh, -c, 'echo {stage} >> {}'] }} }}\n", file.display())
}

/// A stage whose job tells a fifo its process id, and goes on when somebody reads the gate.
fn holds(stage: &str, there: &Path, gate: &Path) -> String {
    let (there, gate) = (there.display(), gate.display());
    format!("  {stage}: {{ command: {{ run: [/bin/sh, -c, 'echo $$ > {there}; exec cat {gate}'] }} }}\n")
}

fn plan(home: &Home, name: &str, stages: &str) -> String {
    let text = format!("name: {name}\nmeasure: false\nstages:\n{stages}");
    home.write(&format!("{name}.yaml"), &text).to_str().unwrap().to_owned()
}

fn submit(home: &Home, plan: &str) -> String {
    home.json(&["submit", plan])["sweep"].as_str().unwrap().to_owned()
}

/// The id of the sweep's job of this stage.
fn job(home: &Home, sweep: &str, stage: &str) -> String {
    let status = home.json(&["status", sweep]);
    let jobs = status["jobs"].as_array().unwrap();
    let job = jobs.iter().find(|job| job["stage"] == stage).unwrap_or_else(|| panic!("no {stage} in {status:#}"));
    job["id"].as_str().unwrap().to_owned()
}

/// What the log says of a target, as `actor what` without the user's name.
fn log(home: &Home, args: &[&str]) -> Vec<String> {
    let rows = home.json(&[&["events", "--limit", "1000"], args].concat());
    let row = |row: &Value| {
        let (actor, what) = (row["actor"].as_str().unwrap(), row["what"].as_str().unwrap());
        format!("{} {what}", if actor == "sweep" { "sweep" } else { "user" })
    };
    rows.as_array().unwrap().iter().map(row).collect()
}

#[test]
fn nothing_of_a_paused_sweep_starts_until_it_is_resumed() {
    let home = Home::new();
    let (_coordinator, _) = serve(&home);
    let file = home.file("marks");
    let first = submit(&home, &plan(&home, "first", &marks("first", &file)));
    let second = submit(&home, &plan(&home, "second", &marks("second", &file)));

    let said = home.wants(0, &["pause", &first]).stdout;
    assert!(said.contains("s1: paused") && said.contains("sweep resume s1"), "{said}");
    assert_eq!(home.json(&["pause", &first])["changed"], 0, "it is paused already");
    assert_eq!(home.json(&["status", &first])["paused"], true);
    let _agent = Talking::start(home.sweep(&["agent"]));
    // The first would go first.
    home.wants(0, &["watch", &second]);
    assert_eq!(ordered_marks(&file), ["second"]);
    let waits = home.json(&["explain", &job(&home, &first, "first")]);
    assert!(waits["reasons"].to_string().contains("paused"), "{waits:#}");

    let mut watch = Talking::start(home.sweep(&["watch", &first]));
    watch.wait_for("s1 is paused; `sweep resume s1` goes on");
    assert_eq!(home.json(&["resume", &first])["changed"], 1);
    watch.wait_for("s1 goes on");
    let ended = watch.finish();
    assert_eq!(ended.code, 0, "{}", ended.text());
    assert_eq!(ordered_marks(&file), ["second", "first"]);
    let refused = home.wants(3, &["pause", &first]);
    assert!(refused.stderr.contains("s1 is finished"), "{}", refused.text());
}

#[test]
fn a_running_job_that_is_paused_stops_and_begins_again_when_it_is_resumed() {
    let home = Home::new();
    let (_coordinator, _) = serve(&home);
    let (there, gate) = (home.fifo("there"), home.fifo("gate"));
    let sweep = submit(&home, &plan(&home, "long", &holds("hold", &there, &gate)));
    let _agent = Talking::start(home.sweep(&["agent"]));
    fs::read_to_string(&there).unwrap();

    let mut events = Talking::start(home.sweep(&["events", "j1", "--follow"]));
    let said = home.wants(0, &["pause", "j1"]).stdout;
    assert!(said.contains("its attempt is told to write a checkpoint and stop"), "{said}");
    events.wait_for("attempt interrupted");
    let status = home.json(&["status", "j1"]);
    let job = &status["jobs"][0];
    assert_eq!((&job["state"], &job["attempts"][0]["state"]), (&"paused".into(), &"interrupted".into()), "{status:#}");
    assert!(home.wants(0, &["status", "j1"]).stdout.contains("interrupted"));

    let resumed = home.wants(0, &["resume", "j1"]).stdout;
    assert!(resumed.contains("j1: no longer paused"), "{resumed}");
    fs::read_to_string(&there).unwrap();
    fs::write(&gate, "").unwrap();
    home.wants(0, &["watch", &sweep]);
    let status = home.json(&["status", "j1"]);
    assert_eq!(status["jobs"][0]["attempts"].as_array().unwrap().len(), 2, "{status:#}");
    events.signal(Signal::SIGINT);
    assert_eq!(events.finish().code, 130);
}

#[test]
fn priorities_change_whose_turn_it_is() {
    let home = Home::new();
    let (_coordinator, _) = serve(&home);
    let (file, there, gate) = (home.file("marks"), home.fifo("there"), home.fifo("gate"));
    submit(&home, &plan(&home, "holder", &holds("hold", &there, &gate)));
    let _agent = Talking::start(home.sweep(&["agent"]));
    fs::read_to_string(&there).unwrap();

    let stages = ["a", "b", "c"].map(|stage| marks(stage, &file)).concat();
    let low = submit(&home, &plan(&home, "low", &stages));
    let high = submit(&home, &plan(&home, "high", &marks("urgent", &file)));
    home.wants(0, &["priority", &job(&home, &low, "c"), "5"]);
    home.wants(0, &["priority", &job(&home, &low, "a"), "-5"]);
    home.wants(0, &["priority", &high, "10"]);
    let status = home.json(&["status", &low]);
    let priorities: Vec<&Value> = status["jobs"].as_array().unwrap().iter().map(|job| &job["priority"]).collect();
    assert_eq!(priorities, [-5, 0, 5], "{status:#}");

    fs::write(&gate, "").unwrap();
    home.wants(0, &["watch", &low]);
    assert_eq!(ordered_marks(&file), ["urgent", "c", "b", "a"]);
}

#[test]
fn the_work_of_a_drained_agent_goes_on_elsewhere() {
    let home = Home::new();
    let (_coordinator, url) = serve(&home);
    let (there, gate) = (home.fifo("there"), home.fifo("gate"));
    let sweep = submit(&home, &plan(&home, "moves", &holds("hold", &there, &gate)));
    let first = Talking::start(home.sweep(&["agent"]));
    fs::read_to_string(&there).unwrap();
    let id = home.json(&["agents"])[0]["id"].as_str().unwrap().to_owned();

    let mistaken = home.wants(2, &["agents", "drain", "nobody"]);
    assert!(mistaken.stderr.contains(&id), "{}", mistaken.text());
    // The beginning is enough.
    let said = home.wants(0, &["agents", "drain", &id[..id.len() - 2]]).stdout;
    assert!(said.contains("its job writes a checkpoint"), "{said}");
    let left = first.finish();
    assert_eq!(left.code, 0, "{}", left.text());

    let elsewhere = Home::new();
    let token = home.path().join("token");
    let second = ["agent", "--coordinator", &url, "--token-file", token.to_str().unwrap()];
    let _second = Talking::start(elsewhere.sweep(&second));
    fs::read_to_string(&there).unwrap();
    fs::write(&gate, "").unwrap();
    home.wants(0, &["watch", &sweep]);
    let status = home.json(&["status", "j1"]);
    let attempts = status["jobs"][0]["attempts"].as_array().unwrap();
    let states: Vec<&Value> = attempts.iter().map(|attempt| &attempt["state"]).collect();
    assert_eq!(states, ["interrupted", "succeeded"], "{status:#}");
    assert_ne!(attempts[0]["agent"], attempts[1]["agent"]);
    assert!(log(&home, &[]).contains(&"user drain".to_owned()));
}

#[test]
fn an_amended_sweep_keeps_its_work_adds_and_drops() {
    let home = Home::new();
    let (_coordinator, _) = serve(&home);
    let (file, there, gate) = (home.file("marks"), home.fifo("there"), home.fifo("gate"));
    let before = plan(&home, "study", &(marks("base", &file) + &holds("slow", &there, &gate)));
    let sweep = submit(&home, &before);
    let _agent = Talking::start(home.sweep(&["agent"]));
    let pid = fs::read_to_string(&there).unwrap();

    let other = plan(&home, "other", &marks("base", &file));
    let refused = home.wants(2, &["submit", &other, "--amend"]);
    assert!(refused.stderr.contains("no sweep is called \"other\"") && refused.stderr.contains("--amend s1"));

    let after = plan(&home, "study", &(marks("base", &file) + &marks("further", &file)));
    let said = home.json(&["submit", &after, "--amend"]);
    assert_eq!((&said["sweep"], &said["created"]), (&sweep.clone().into(), &false.into()), "{said:#}");
    assert_eq!((&said["kept"], &said["added"], &said["dropped"]), (&1.into(), &1.into(), &1.into()), "{said:#}");
    home.wants(0, &["watch", &sweep]);
    assert_eq!(ordered_marks(&file), ["base", "further"]);
    // The only slot was free for `further` once this was gone.
    assert!(!support::alive(&pid), "the dropped job's process is gone");
    let status = home.json(&["status", &sweep]);
    assert_eq!((&status["state"], &status["counts"]), (&"finished".into(), &serde_json::json!({ "succeeded": 2 })));
    assert_eq!(home.json(&["list"]).as_array().unwrap().len(), 1);
}

#[test]
fn the_log_tells_who_did_what_in_order() {
    let home = Home::new();
    let (_coordinator, _) = serve(&home);
    let plan = plan(
        &home,
        "logged",
        "  a: { command: { run: [/bin/true] } }\n  b: { command: { run: [/bin/true], input: a } }\n",
    );
    let sweep = submit(&home, &plan);
    let mut follower = Talking::start(home.sweep(&["events", &sweep, "--follow", "--json"]));
    follower.wait_for("\"submit\"");
    home.wants(0, &["pause"]);
    follower.wait_for("\"pause\"");
    home.wants(0, &["resume"]);
    home.wants(0, &["priority", &sweep, "3"]);
    home.wants(0, &["cancel", "j2"]);
    follower.wait_for("\"cancel\"");

    let users: Vec<String> = log(&home, &[&sweep]).into_iter().filter(|row| row.starts_with("user")).collect();
    assert_eq!(users, ["user submit", "user pause", "user resume", "user priority", "user cancel"]);
    assert_eq!(log(&home, &["j2"]).first().map(String::as_str), Some("user cancel"));
    let actor = home.json(&["events", &sweep])[0]["actor"].as_str().unwrap().to_owned();
    assert!(actor.contains('@'), "{actor} names user and host");
    let newest = home.json(&["events", "--limit", "1"]);
    assert_eq!(newest.as_array().unwrap().len(), 1);

    let text = home.wants(0, &["events", &sweep]).stdout;
    assert!(text.lines().next().unwrap().contains("submit: 2 jobs, 0 reused"), "{text}");
    follower.signal(Signal::SIGINT);
    follower.finish();
    let unknown = home.wants(2, &["events", "j99"]);
    assert!(unknown.stderr.contains("job j99 does not exist"), "{}", unknown.text());
}

#[test]
fn an_explanation_says_what_a_job_waits_for() {
    let home = Home::new();
    let (_coordinator, _) = serve(&home);
    let plan = plan(
        &home,
        "why",
        "  a: { command: { run: [/bin/true] } }\n  b: { command: { run: [/bin/true], input: a } }\n",
    );
    submit(&home, &plan);
    let ready = home.wants(0, &["explain", "j1"]).stdout;
    assert!(ready.starts_with("j1 a seed=0: ready") && ready.contains("No agent"), "{ready}");
    let blocked = home.json(&["explain", "j2"]);
    assert!(blocked["reasons"].to_string().contains("j1"), "{blocked:#}");
    assert_eq!(blocked["job"]["state"], "blocked");
    let unknown = home.wants(2, &["explain", "j99"]);
    assert!(unknown.stderr.contains("job j99 does not exist"), "{}", unknown.text());
}

#[test]
fn sweep_local_says_that_its_sweep_is_paused_and_goes_on_when_it_is_resumed() {
    let home = Home::new();
    let (file, there, gate) = (home.file("marks"), home.fifo("there"), home.fifo("gate"));
    let plan = plan(&home, "here", &(holds("hold", &there, &gate) + &marks("after", &file)));
    let running = Talking::start(home.sweep(&["local", &plan]));
    fs::read_to_string(&there).unwrap();
    running.signal(Signal::SIGINT);
    assert_eq!(running.finish().code, 130);
    // With nobody running, the stored state is changed.
    let said = home.wants(0, &["pause"]);
    assert!(said.stdout.contains("s1: paused"), "{}", said.text());

    let mut running = Talking::start(home.sweep(&["local", &plan]));
    running.wait_for("s1 is paused; `sweep resume s1` goes on");
    home.wants(0, &["resume"]);
    fs::read_to_string(&there).unwrap();
    fs::write(&gate, "").unwrap();
    let ended = running.finish();
    assert_eq!(ended.code, 0, "{}", ended.text());
    assert_eq!(ordered_marks(&file), ["after"]);
}
