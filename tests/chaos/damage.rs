//! Files that are damaged, cut short or gone while nobody runs: what a failing disk, a power cut or a hand may do.
//!
//! Each time coordinator and agent are killed, files are changed, and both are started again. Work may have to be repeated; what
//! comes out is what an undisturbed run comes to.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::blows::Process;
use crate::ledger;
use crate::site::{PLAN, Site, undisturbed};
use crate::table;

/// Other bytes of the same length.
fn scramble(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    replace(path, &bytes);
}

fn cut_short(path: &Path) {
    let bytes = fs::read(path).unwrap();
    replace(path, &bytes[..bytes.len() / 2]);
}

/// In place: blobs are read-only, and hard links to them see the change, as with a disk that fails.
fn replace(path: &Path, bytes: &[u8]) {
    let mut permissions = fs::metadata(path).unwrap().permissions();
    #[allow(clippy::permissions_set_readonly_false, reason = "in a temporary folder")]
    permissions.set_readonly(false);
    fs::set_permissions(path, permissions).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_checkpoint_damaged_at_the_coordinator_is_passed_over_for_the_one_before() {
    let mut site = Site::submit(PLAN);
    let checkpoints = site.killed_in_the_middle();
    let [newest, before, ..] = &checkpoints[..] else { unreachable!() };
    for (n, hash) in newest.hashes.iter().enumerate() {
        if before.hashes.contains(hash) {
            continue;
        }
        if n % 2 == 0 { scramble(&site.stored(hash)) } else { cut_short(&site.stored(hash)) }
    }
    // As if another machine went on with the job.
    fs::remove_dir_all(site.agent().join("cache")).unwrap();
    let (jobs, table) = site.finish();
    assert_eq!(jobs[0]["attempt"], 2, "{jobs:#?}");
    assert_eq!(jobs[0]["resumed_from"], before.epoch, "{jobs:#?}");
    table::compare(undisturbed(), &table).unwrap();
}

#[test]
fn a_checkpoint_damaged_in_the_agents_cache_is_fetched_again() {
    let mut site = Site::submit(PLAN);
    let checkpoints = site.killed_in_the_middle();
    for hash in &checkpoints[0].hashes {
        scramble(&site.cached(hash));
    }
    let newest = checkpoints[0].epoch;
    let (jobs, table) = site.finish();
    assert_eq!((&jobs[0]["attempt"], &jobs[0]["resumed_from"]), (&2.into(), &newest.into()), "{jobs:#?}");
    table::compare(undisturbed(), &table).unwrap();
}

#[test]
fn where_no_checkpoint_can_be_read_the_job_begins_anew() {
    let mut site = Site::submit(PLAN);
    for hash in site.killed_in_the_middle().iter().flat_map(|checkpoint| &checkpoint.hashes) {
        // Files that two checkpoints share are cut twice.
        cut_short(&site.stored(hash));
    }
    fs::remove_dir_all(site.agent().join("cache")).unwrap();
    let (jobs, table) = site.finish();
    assert_eq!((&jobs[0]["attempt"], &jobs[0]["resumed_from"]), (&2.into(), &0.into()), "{jobs:#?}");
    table::compare(undisturbed(), &table).unwrap();
}

#[test]
fn a_bit_flipped_in_the_newest_checkpoint_at_both_ends_costs_an_epoch_and_is_said_in_the_log() {
    let mut site = Site::submit(PLAN);
    let checkpoints = site.killed_in_the_middle();
    let [newest, before, ..] = &checkpoints[..] else { unreachable!() };
    for hash in newest.hashes.iter().filter(|hash| !before.hashes.contains(hash)) {
        for path in [site.stored(hash), site.cached(hash)] {
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            replace(&path, &bytes);
        }
    }
    let said = format!("the checkpoint of epoch {} is left out", newest.epoch);
    let (jobs, table) = site.finish();
    assert_eq!((&jobs[0]["attempt"], &jobs[0]["resumed_from"]), (&2.into(), &before.epoch.into()), "{jobs:#?}");
    table::compare(undisturbed(), &table).unwrap();
    let log = fs::read_to_string(site.home().join("logs/1/2.log")).unwrap();
    assert!(log.contains(&said), "{said:?} is missing in: {log}");
}

/// A command ends while nobody but its agent is there to learn of it; the agent is killed as well, and `harm` done to its spool.
/// `runs`: how often the command ran in all.
#[track_caller]
fn reported_to_nobody(harm: impl FnOnce(&Path), runs: usize) {
    let folder = tempfile::tempdir().unwrap();
    let [go, went, marks] = ["go", "went", "marks"].map(|name| folder.path().join(name));
    assert!(Command::new("mkfifo").arg(&go).status().unwrap().success());
    let mut site = Site::submit_in(
        folder,
        r#"name: spool
stages:
  work:
    command: { run: [/bin/sh, -c, 'echo began >> "$CHAOS_FOLDER/marks"; test -e "$CHAOS_FOLDER/went" || read go < "$CHAOS_FOLDER/go"'] }
"#,
    );
    site.tells(|line| line.contains("running"));
    // Opening a fifo waits for its reader: only then the command runs for certain.
    let mut gate = File::options().write(true).open(&go).unwrap();
    site.cluster.kill(Process::Coordinator);
    gate.write_all(b"go\n").unwrap();
    drop(gate);
    fs::write(went, "").unwrap();
    let spool = site.agent().join("spool");
    while !holds_a_report(&segment(&spool)) {
        thread::sleep(Duration::from_millis(10));
    }
    site.cluster.kill_all();
    harm(&spool);
    let (jobs, _) = site.finish();
    let ran = fs::read_to_string(marks).unwrap().lines().count();
    let told = ledger::ask(&site.home(), EVENTS).unwrap();
    assert_eq!((&jobs[0]["attempt"], ran), (&runs.into(), runs), "{told:#?}\n{}", site.log_of_agent());
}

const EVENTS: &str =
    "SELECT at_ms || ' ' || what || ' ' || coalesce(attempt, '') || ' ' || detail FROM events ORDER BY id";

/// The file that reports are written to.
fn segment(spool: &Path) -> PathBuf {
    let files = fs::read_dir(spool).unwrap().map(|entry| entry.unwrap().path());
    files.into_iter().find(|path| path.extension().is_some_and(|suffix| suffix == "seg")).expect("a segment")
}

/// Where a segment's first record lies, and the length of what comes before its payload (worker/src/spool/segment.rs).
const FIRST_RECORD: u64 = 4096;
const RECORD_HEADER: u64 = 20;

fn holds_a_report(segment: &Path) -> bool {
    let bytes = fs::read(segment).unwrap();
    bytes[FIRST_RECORD as usize..][..RECORD_HEADER as usize].iter().any(|byte| *byte != 0)
}

#[test]
fn a_report_that_only_the_spool_knows_is_delivered_and_one_that_is_gone_costs_another_run() {
    // The spool holds what nobody was there to hear.
    reported_to_nobody(|_| {}, 1);
    let cut_to = |bytes: u64| {
        move |spool: &Path| File::options().write(true).open(segment(spool)).unwrap().set_len(bytes).unwrap()
    };
    // Cut within the report, an empty file, and no spool at all.
    reported_to_nobody(cut_to(FIRST_RECORD + RECORD_HEADER + 1), 2);
    reported_to_nobody(cut_to(0), 2);
    reported_to_nobody(|spool| fs::remove_dir_all(spool).unwrap(), 2);
}
