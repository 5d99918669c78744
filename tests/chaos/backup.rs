//! A backup of the database that is put back while the world has moved on: agents know more than it does.
//!
//! Whatever the database has forgotten is done again; nothing that it never heard of is recorded; and the table is that of
//! a sweep to which nothing happened.

use std::path::PathBuf;
use std::process::Output;

use sweep_tests::{PATIENCE, text};

use crate::blows::Process;
use crate::ledger;
use crate::site::{PLAN, Site, undisturbed};
use crate::table;
use crate::witness::News;

impl Site {
    fn back_up(&self) -> PathBuf {
        let copy = self.folder.path().join("backup.db");
        ledger::back_up(&self.home(), &copy).unwrap();
        copy
    }

    /// The coordinator alone is stopped for it: its agent goes on.
    fn restore(&mut self, copy: &std::path::Path) {
        self.cluster.end_coordinator().unwrap();
        ledger::restore(&self.home(), copy);
        self.cluster.restart(Process::Coordinator);
        self.cluster.wait_until_it_serves().unwrap();
    }

    /// `sweep db …`, as a user runs it on the coordinator's machine.
    fn db(&self, args: &[&str]) -> Output {
        self.cluster.user().arg("db").args(args).output().unwrap()
    }

    fn ask(&self, query: &'static str) -> Vec<String> {
        ledger::ask(&self.home(), query).unwrap()
    }
}

/// All that ran when the backup was put back is lost, without a loss being counted, and one attempt succeeds. (In between there may
/// be a grant that does not reach the agent while it learns of the new generation.)
fn check_attempts(site: &Site) {
    let attempts = site.ask(ATTEMPTS);
    let (last, before) = attempts.split_last().unwrap();
    assert!(last.ends_with("succeeded") && before.iter().all(|attempt| attempt.ends_with("lost")), "{attempts:?}");
    assert_eq!(before.first().map(String::as_str), Some("1 lost"), "{attempts:?}");
    assert_eq!(site.ask(LOSSES), ["0"]);
    assert_eq!(site.ask(RESTORED), ["1"], "one backup is one new generation");
}

const GENERATION: &str = "SELECT name FROM generation";
const ATTEMPTS: &str = "SELECT number || ' ' || state FROM attempts ORDER BY job, number";
const LOSSES: &str = "SELECT CAST(losses + failures AS TEXT) FROM jobs";
const RESTORED: &str = "SELECT CAST(count(*) AS TEXT) FROM events WHERE what = 'restored'";

#[test]
fn put_back_while_a_job_runs_the_job_goes_on_from_a_checkpoint_that_the_backup_knows() {
    let mut site = Site::submit(PLAN);
    site.reaches(3);
    let copy = site.back_up();
    let generation = site.ask(GENERATION);
    site.reaches(5);
    site.restore(&copy);
    let (jobs, table) = site.end();
    table::compare(undisturbed(), &table).unwrap();
    assert_ne!(site.ask(GENERATION), generation, "older tokens are worth nothing");
    check_attempts(&site);
    assert!(jobs[0]["resumed_from"].as_u64() >= Some(1), "{jobs:#?}");
}

#[test]
fn put_back_after_the_end_the_work_that_it_forgot_is_done_again() {
    let mut site = Site::submit(PLAN);
    site.reaches(2);
    let copy = site.back_up();
    assert_eq!(site.witness.wait(u64::MAX, PATIENCE), News::Over);
    site.restore(&copy);
    site.watch_again();
    let (_, table) = site.end();
    table::compare(undisturbed(), &table).unwrap();
    check_attempts(&site);
}

#[test]
fn put_back_from_before_the_sweep_its_attempt_is_killed_and_leaves_nothing() {
    let mut site = Site::submit("name: before\nstages:\n  first: { command: { run: [/bin/true] } }\n");
    assert_eq!(site.witness.wait(u64::MAX, PATIENCE), News::Over);
    let copy = site.back_up();
    std::fs::write(site.folder.path().join("plan.yaml"), PLAN).unwrap();
    site.submit_again();
    site.reaches(3);
    site.restore(&copy);
    // The same number as the sweep that is forgotten: what is left of that must not be taken for this one's.
    site.submit_again();
    let (jobs, table) = site.end();
    table::compare(undisturbed(), &table).unwrap();
    assert_eq!(jobs[0]["resumed_from"], 0, "{jobs:#?}");
    assert_eq!(site.ask(RESTORED), ["1"]);
    assert!(site.cluster.runners().is_empty());
}

#[test]
fn backed_up_and_put_back_by_sweep_itself() {
    let mut site = Site::submit(PLAN);
    site.reaches(3);
    let copy = site.folder.path().join("backup.db");
    let copy = copy.to_str().unwrap();
    let done = |output: Output, words: &str| {
        assert!(output.status.success() && text(&output).contains(words), "{words}: {}", text(&output));
    };
    done(site.db(&["backup", copy]), "1 sweep with 1 job");
    done(site.db(&["check", "--full"]), ": sound");
    let refused = site.db(&["restore", copy]);
    assert_eq!(refused.status.code(), Some(3), "a coordinator runs: {}", text(&refused));
    assert_eq!(site.db(&["backup", copy]).status.code(), Some(2), "the file is there");
    let generation = site.ask(GENERATION);
    site.reaches(5);
    site.cluster.end_coordinator().unwrap();
    done(site.db(&["restore", copy]), "kept as");
    // Before any agent could show that the database is old.
    assert_ne!(site.ask(GENERATION), generation);
    site.cluster.restart(Process::Coordinator);
    site.cluster.wait_until_it_serves().unwrap();
    let (jobs, table) = site.end();
    table::compare(undisturbed(), &table).unwrap();
    check_attempts(&site);
    assert!(jobs[0]["resumed_from"].as_u64() >= Some(1), "{jobs:#?}");
    done(site.db(&["check", "--full"]), ": sound");
}
