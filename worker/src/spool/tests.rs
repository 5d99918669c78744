//! Crashes are simulated by what they leave on disk.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::*;
use crate::report::End;
use sweep_shared::ids::{JobId, Token};
use sweep_shared::resources::Usage;

fn report(job: i64) -> Report {
    Report::finished(Token { job: JobId(job), attempt: 1, lease: 7 }, End::Cancelled, Usage::ran(0.5))
}

fn append(spool: &Spool, jobs: impl IntoIterator<Item = i64>) {
    jobs.into_iter().for_each(|job| spool.append(report(job).encode()));
}

/// Numbers and jobs.
fn reports(recovered: &Recovered) -> Vec<(u64, i64)> {
    recovered.reports.iter().map(|(seq, report)| (*seq, report.token.job.0)).collect()
}

async fn until_durable(durable: &mut Durable, spool: &str, seq: u64) {
    while durable.recv().await.unwrap() != (spool.to_owned(), seq) {}
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn with_extension(folder: &Path, extension: &str) -> Vec<PathBuf> {
    files(folder).into_iter().filter(|path| path.extension().is_some_and(|ext| ext == extension)).collect()
}

/// The last file that holds records.
fn segment_file(folder: &Path) -> PathBuf {
    with_extension(folder, "seg").pop().unwrap()
}

/// Damages a file where this text stands.
fn damage(path: &Path, needle: &str) {
    let bytes = fs::read(path).unwrap();
    let at = bytes.windows(needle.len()).position(|window| window == needle.as_bytes()).unwrap();
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(b"X", at as u64).unwrap();
}

/// A spool with these reports, closed.
fn filled(jobs: impl IntoIterator<Item = i64>) -> (tempfile::TempDir, String) {
    let home = tempfile::tempdir().unwrap();
    let (spool, recovered, _durable) = Spool::open(home.path()).unwrap();
    append(&spool, jobs);
    (home, recovered.spool)
}

fn reopen(home: &tempfile::TempDir) -> Recovered {
    Spool::open(home.path()).unwrap().1
}

#[tokio::test]
async fn unacknowledged_reports_return_in_order_after_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let (spool, first, mut durable) = Spool::open(home.path()).unwrap();
    assert_eq!((first.next_seq, first.acked, &first.generation), (1, 0, &None));
    append(&spool, 1..=5);
    until_durable(&mut durable, &first.spool, 5).await;
    spool.acknowledged(2);
    spool.remember("g".to_owned());
    append(&spool, [6]);
    until_durable(&mut durable, &first.spool, 6).await;
    drop(spool);

    let second = reopen(&home);
    assert_eq!(second.spool, first.spool);
    assert_eq!(reports(&second), [(3, 3), (4, 4), (5, 5), (6, 6)]);
    assert_eq!((second.next_seq, second.acked, second.generation), (7, 2, Some("g".to_owned())));
}

#[test]
fn a_torn_record_ends_the_spool_and_its_number_is_given_again() {
    let (home, id) = filled(1..=3);
    damage(&segment_file(home.path()), "\"job\":3");
    let (spool, recovered, _durable) = Spool::open(home.path()).unwrap();
    assert_eq!((reports(&recovered), recovered.next_seq, &recovered.spool), (vec![(1, 1), (2, 2)], 3, &id));
    append(&spool, [9]);
    drop(spool);
    assert_eq!(reports(&reopen(&home)), [(1, 1), (2, 2), (3, 9)]);
}

#[test]
fn a_damaged_record_costs_only_itself_and_the_spool_gets_a_new_name() {
    let (home, id) = filled(1..=4);
    damage(&segment_file(home.path()), "\"job\":2");
    let recovered = reopen(&home);
    assert_eq!(reports(&recovered), [(1, 1), (2, 3), (3, 4)]);
    assert_ne!(recovered.spool, id, "its numbers mean something else now");
    assert_eq!(with_extension(home.path(), "damaged").len(), 1, "somebody may want to look at it");
    assert_eq!(reports(&reopen(&home)), [(1, 1), (2, 3), (3, 4)]);
}

#[test]
fn a_record_that_is_no_report_is_passed_over() {
    let (home, _) = filled([]);
    let (spool, _, _durable) = Spool::open(home.path()).unwrap();
    spool.append(b"of another version".to_vec());
    append(&spool, [2]);
    drop(spool);
    assert_eq!(reports(&reopen(&home)), [(1, 2)]);
}

#[test]
fn a_file_that_is_no_segment_any_more_is_set_aside_and_the_agent_starts() {
    for damage in [&b""[..], b"short", &[b'?'; 8192]] {
        let (home, id) = filled(1..=2);
        fs::write(segment_file(home.path()), damage).unwrap();
        let recovered = reopen(&home);
        assert_eq!(reports(&recovered), []);
        assert_ne!(recovered.spool, id);
        assert_eq!(with_extension(home.path(), "damaged").len(), 1);
        assert_eq!(reopen(&home).spool, recovered.spool);
    }
}

#[test]
fn reports_are_found_though_nobody_knows_the_spools_name() {
    for name in [None, Some("half a na")] {
        let (home, id) = filled(1..=2);
        let current = home.path().join("current");
        match name {
            None => fs::remove_file(current).unwrap(),
            Some(text) => fs::write(current, text).unwrap(),
        }
        let recovered = reopen(&home);
        assert_eq!(reports(&recovered), [(1, 1), (2, 2)]);
        assert_ne!(recovered.spool, id);
    }
}

#[test]
fn a_crash_during_a_renewal_leaves_the_old_spool_or_the_new_one() {
    let (home, id) = filled(1..=3);
    let before: Vec<_> = files(home.path()).into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect();
    let (spool, _, _durable) = Spool::open(home.path()).unwrap();
    let renewed = "0123456789abcdef";
    spool.renew(renewed.to_owned(), Some("h".to_owned()), [2, 3].map(|job| report(job).encode()).to_vec());
    drop(spool);
    let after = reopen(&home);
    assert_eq!((after.spool.as_str(), after.generation.as_deref()), (renewed, Some("h")));
    assert_eq!((reports(&after), after.next_seq, after.acked), (vec![(1, 2), (2, 3)], 3, 0));

    // The new one's files are there, but the old one's name still stands.
    for (bytes, path) in &before {
        fs::write(path, bytes).unwrap();
    }
    let old = reopen(&home);
    assert_eq!((&old.spool, reports(&old).len()), (&id, 3));
}

#[test]
fn a_file_that_was_cut_short_keeps_the_records_before_the_cut() {
    let home = tempfile::tempdir().unwrap();
    let (mut log, _) = Log::open(home.path()).unwrap();
    let first = report(1).encode();
    log.append(&first).unwrap();
    log.append(b"second").unwrap();
    log.sync().unwrap();
    drop(log);
    let path = segment_file(home.path());
    OpenOptions::new().write(true).open(&path).unwrap().set_len(4096 + 20 + first.len() as u64 + 20 + 3).unwrap();
    let (_, recovered) = Log::open(home.path()).unwrap();
    assert_eq!((reports(&recovered), recovered.next_seq), (vec![(1, 1)], 2));
}

#[test]
fn segments_rotate_and_are_reused_without_old_records_coming_back() {
    let home = tempfile::tempdir().unwrap();
    let (mut log, _) = Log::open(home.path()).unwrap();
    let mut payload = report(7).encode();
    payload.resize(MAX_PAYLOAD_BYTES, b' ');
    // Three fit into a segment of 4 MiB beside their headers: this goes round several times.
    for seq in 1..=20 {
        assert_eq!(log.append(&payload).unwrap(), seq);
        log.sync().unwrap();
        if seq % 5 == 0 {
            log.ack(seq - 1).unwrap();
        }
    }
    let files = std::fs::read_dir(home.path()).unwrap().count();
    assert!(files <= 5, "{files} files for one unacknowledged record");
    drop(log);
    let (_, recovered) = Log::open(home.path()).unwrap();
    assert_eq!((reports(&recovered), recovered.next_seq), (vec![(20, 7)], 21));
}

#[test]
fn without_a_spare_segment_reports_still_find_room_in_the_current_one() {
    let home = tempfile::tempdir().unwrap();
    let (mut log, _) = Log::open(home.path()).unwrap();
    std::fs::remove_file(home.path().join("spare")).unwrap();
    assert!(!log.has_spare());
    // What a full disk does to the next allocation: its name cannot be made.
    std::fs::create_dir(home.path().join("spare.new")).unwrap();
    log.ensure_spare();
    assert!(!log.has_spare());
    assert_eq!(log.append(b"an attempt's end").unwrap(), 1);
    log.sync().unwrap();
    std::fs::remove_dir(home.path().join("spare.new")).unwrap();
    log.ensure_spare();
    assert!(log.has_spare());
}
