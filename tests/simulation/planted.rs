//! Six mistakes, planted one by one into the real code (`coordinator/src/planted.rs`): for each, some seed must break the rule
//! that stands against it.

use sweep_coordinator::simulation::{Bug, plant};

use crate::checks::Rule;
use crate::seeds::{Played, play};

/// A mistake is found within so many seeds.
const SEEDS: u64 = 300;

/// Plays seeds with the mistake until one breaks a rule.
fn found(bug: Bug) -> Played {
    plant(Some(bug));
    let broken = (0..SEEDS).map(play).find(|played| played.broken.is_some());
    plant(None);
    broken.unwrap_or_else(|| panic!("{bug:?} breaks no rule in {SEEDS} seeds"))
}

fn breaks(bug: Bug, rules: &[Rule]) {
    let played = found(bug);
    let (violation, _) = played.broken.expect("it was looked for");
    println!("{bug:?}: seed {} at step {}: {violation}", played.seed, played.steps);
    assert!(rules.contains(&violation.rule), "{bug:?} is found by another rule than {rules:?}: {violation}");
}

#[test]
fn without_a_fence_what_an_older_attempt_says_counts_for_the_new_one() {
    breaks(Bug::NoFence, &[Rule::NothingStale]);
}

#[test]
fn an_acknowledgement_before_the_commit_is_an_empty_promise() {
    breaks(Bug::AcknowledgeBeforeCommit, &[Rule::AcknowledgedIsRecorded]);
}

#[test]
fn a_lease_that_is_void_at_its_expiry_throws_work_away() {
    breaks(Bug::LeaseVoidAtExpiry, &[Rule::WorkOutlivesOutages]);
}

#[test]
fn what_is_told_again_and_not_recognised_is_recorded_again() {
    breaks(Bug::ReplayWithoutDedup, &[Rule::RecordedOnce]);
}

#[test]
fn a_cancel_that_an_absent_agent_never_hears_of_does_not_hold() {
    breaks(Bug::CancelDroppedWhileDisconnected, &[Rule::CancelHolds]);
}

#[test]
fn a_report_recorded_before_its_blobs_are_there_names_nothing() {
    breaks(Bug::ArtifactCommittedBeforeUpload, &[Rule::BlobsAreThere]);
}
