//! Numbers go in order, without gaps, and nothing is sent that is not on disk.

use sweep_shared::event::FileRef;
use sweep_shared::ids::{ContentHash, JobId, Token};
use sweep_shared::resources::Usage;

use super::delivery::Delivery;
use crate::report::{Body, Checkpoint, End, Report};
use crate::spool::{MAX_PAYLOAD_BYTES, Recovered};

fn token(job: i64) -> Token {
    Token { job: JobId(job), attempt: 1, lease: 7 }
}

fn end(job: i64) -> Report {
    Report::finished(token(job), End::Cancelled, Usage::ran(0.5))
}

fn checkpoint(job: i64, epoch: u32) -> Report {
    let hash = Some(ContentHash::of(&epoch.to_le_bytes()));
    let files = vec![FileRef { name: "state".to_owned(), path: String::new(), hash, size_bytes: 4 }];
    Report { token: token(job), body: Body::Checkpoint(Checkpoint { epoch, step: 0, files }) }
}

fn delivery() -> Delivery {
    let (spool, reports) = ("s".to_owned(), vec![]);
    Delivery::new(Recovered { spool, generation: None, acked: 0, next_seq: 1, reports })
}

/// What is sent now: numbers and jobs.
fn due(delivery: &mut Delivery) -> Vec<(u64, i64)> {
    std::iter::from_fn(|| delivery.next_due().map(|(seq, report)| (seq, report.token.job.0))).collect()
}

#[test]
fn only_what_is_durable_goes_and_goes_once() {
    let mut delivery = delivery();
    assert_eq!((1..=3).map(|job| delivery.push(end(job)).0).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(due(&mut delivery), []);
    delivery.durable(2);
    assert_eq!(due(&mut delivery), [(1, 1), (2, 2)]);
    delivery.durable(3);
    assert_eq!(due(&mut delivery), [(3, 3)]);
    assert_eq!(delivery.ack(2).len(), 2);
    assert_eq!((delivery.acked(), due(&mut delivery)), (2, vec![]));
}

#[test]
fn after_a_reconnect_everything_behind_the_acknowledged_goes_again() {
    let mut delivery = delivery();
    (1..=4).for_each(|job| drop(delivery.push(end(job))));
    delivery.durable(4);
    assert_eq!(due(&mut delivery).len(), 4);
    delivery.ack(1);
    delivery.rewind(3);
    assert_eq!(due(&mut delivery), [(4, 4)], "the database has more than was acknowledged");
    delivery.rewind(1);
    assert_eq!(due(&mut delivery), [(2, 2), (3, 3), (4, 4)]);
}

#[test]
fn a_count_fits_only_between_what_is_forgotten_and_what_exists() {
    let mut delivery = delivery();
    (1..=3).for_each(|job| drop(delivery.push(end(job))));
    assert!(delivery.fits(0) && delivery.fits(3) && !delivery.fits(4));
    delivery.ack(1);
    assert!(!delivery.fits(0) && delivery.fits(1));
    delivery.ack(3);
    assert!(!delivery.fits(2) && delivery.fits(3));
}

#[test]
fn a_renewed_spool_counts_from_one_and_leaves_superseded_checkpoints_behind() {
    let mut delivery = delivery();
    for report in [checkpoint(1, 1), checkpoint(2, 1), checkpoint(1, 2), end(3), checkpoint(1, 3), end(2)] {
        delivery.push(report);
    }
    delivery.durable(6);
    due(&mut delivery);
    assert_eq!(delivery.superseded(), 2);
    let records = delivery.renew("t".to_owned());
    assert_eq!((delivery.spool(), delivery.acked(), delivery.superseded()), ("t", 0, 0));
    let kept = [checkpoint(2, 1), end(3), checkpoint(1, 3), end(2)];
    assert_eq!(records.iter().map(|r| r.payload.clone()).collect::<Vec<_>>(), kept.map(|r| r.encode()));
    assert_eq!(records[0].blobs, [ContentHash::of(&1_u32.to_le_bytes())]);
    assert_eq!(due(&mut delivery), [], "not durable under the new name yet");
    delivery.durable(4);
    assert_eq!(due(&mut delivery), [(1, 2), (2, 3), (3, 1), (4, 2)]);
    assert_eq!(delivery.push(end(9)).0, 5);
}

#[test]
fn a_report_too_large_to_keep_becomes_a_failure_that_says_so() {
    let mut delivery = delivery();
    let huge = "x".repeat(MAX_PAYLOAD_BYTES);
    let (_, record) = delivery.push(Report::finished(token(1), End::Interrupted(huge), Usage::ran(1.0)));
    assert!(record.payload.len() < 1000);
    let kept = Report::decode(&record.payload).unwrap();
    assert!(
        matches!(&kept.body, Body::Finished { end: End::Failure { message, .. }, usage } if message.contains("bytes") && usage.run_s == 1.0)
    );
    assert_eq!(delivery.get(1), Some(&kept));
}
