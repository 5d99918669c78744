//! Crashes are simulated by what they leave on disk.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use super::*;
use sweep_shared::ids::{JobId, Token};

fn report(job: i64) -> Report {
    Report::finished(Token { job: JobId(job), attempt: 1, lease: 7 }, End::Cancelled, 0.5)
}

fn jobs<'a>(reports: impl Iterator<Item = &'a Report>) -> Vec<i64> {
    reports.map(|report| report.token.job.0).collect()
}

fn unacked_jobs(spool: &Spool) -> Vec<i64> {
    jobs(spool.unacked().map(|(_, report)| report))
}

async fn until_durable(durable: &mut Durable, seq: u64) {
    while durable.recv().await.unwrap() < seq {}
}

/// The only file that holds records.
fn segment_file(folder: &Path) -> PathBuf {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|ext| ext == "seg")).last().unwrap()
}

#[tokio::test]
async fn unacknowledged_reports_return_in_order_after_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let (mut spool, mut durable) = Spool::open(home.path()).unwrap();
    let id = spool.id().to_owned();
    assert_eq!((1..=5).map(|job| spool.push(report(job))).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    until_durable(&mut durable, 5).await;
    assert_eq!(jobs(spool.ack(2).iter()), [1, 2]);
    assert_eq!(spool.push(report(6)), 6);
    until_durable(&mut durable, 6).await;
    drop(spool);

    let (mut spool, _durable) = Spool::open(home.path()).unwrap();
    assert_eq!(spool.id(), id);
    assert_eq!(unacked_jobs(&spool), [3, 4, 5, 6]);
    assert_eq!(spool.push(report(7)), 7);
}

#[tokio::test]
async fn a_torn_record_ends_the_spool_and_its_number_is_given_again() {
    let home = tempfile::tempdir().unwrap();
    let (mut spool, mut durable) = Spool::open(home.path()).unwrap();
    for job in 1..=3 {
        spool.push(report(job));
    }
    until_durable(&mut durable, 3).await;
    drop(spool);

    let path = segment_file(home.path());
    let bytes = std::fs::read(&path).unwrap();
    let needle = b"\"job\":3";
    let at = bytes.windows(needle.len()).position(|window| window == needle).unwrap();
    OpenOptions::new().write(true).open(&path).unwrap().write_all_at(b"X", at as u64).unwrap();

    let (mut spool, mut durable) = Spool::open(home.path()).unwrap();
    assert_eq!(unacked_jobs(&spool), [1, 2]);
    assert_eq!(spool.push(report(9)), 3);
    until_durable(&mut durable, 3).await;
    drop(spool);
    assert_eq!(unacked_jobs(&Spool::open(home.path()).unwrap().0), [1, 2, 9]);
}

#[test]
fn a_file_that_was_cut_short_keeps_the_records_before_the_cut() {
    let home = tempfile::tempdir().unwrap();
    let (mut log, _) = Log::open(home.path()).unwrap();
    log.append(b"first").unwrap();
    log.append(b"second").unwrap();
    log.sync().unwrap();
    drop(log);
    let path = segment_file(home.path());
    OpenOptions::new().write(true).open(&path).unwrap().set_len(4096 + 20 + 5 + 20 + 3).unwrap();
    let (log, records) = Log::open(home.path()).unwrap();
    assert_eq!(records, [(1, b"first".to_vec())]);
    assert_eq!(log.next_seq(), 2);
}

#[test]
fn segments_rotate_and_are_reused_without_old_records_coming_back() {
    let home = tempfile::tempdir().unwrap();
    let (mut log, _) = Log::open(home.path()).unwrap();
    let payload = vec![7; segment::MAX_PAYLOAD_BYTES];
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
    let (log, records) = Log::open(home.path()).unwrap();
    assert_eq!(records.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [20]);
    assert_eq!(log.next_seq(), 21);
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

#[tokio::test]
async fn a_renewed_spool_has_a_new_name_and_counts_from_one() {
    let home = tempfile::tempdir().unwrap();
    let (mut spool, mut durable) = Spool::open(home.path()).unwrap();
    let id = spool.id().to_owned();
    for job in 1..=3 {
        spool.push(report(job));
    }
    until_durable(&mut durable, 3).await;
    spool.ack(1);
    assert!(spool.fits(1) && spool.fits(3) && !spool.fits(0) && !spool.fits(4));
    let _durable = spool.renew().unwrap();
    assert_ne!(spool.id(), id);
    assert_eq!(spool.unacked().map(|(seq, _)| *seq).collect::<Vec<_>>(), [1, 2]);
    drop(spool);
    assert_eq!(unacked_jobs(&Spool::open(home.path()).unwrap().0), [2, 3]);
}

#[tokio::test]
async fn a_report_too_large_to_keep_becomes_a_failure_that_says_so() {
    let home = tempfile::tempdir().unwrap();
    let (mut spool, mut durable) = Spool::open(home.path()).unwrap();
    let huge = "x".repeat(segment::MAX_PAYLOAD_BYTES);
    spool.push(Report::finished(report(1).token, End::Interrupted(huge), 1.0));
    until_durable(&mut durable, 1).await;
    let (_, kept) = spool.unacked().next().unwrap();
    assert!(
        matches!(&kept.body, Body::Finished { end: End::Failure { message, .. }, .. } if message.contains("bytes"))
    );
}
