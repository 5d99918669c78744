//! Of jobs that run, and of those that have ended.

use super::*;

fn running(state: AttemptState) -> JobFacts {
    JobFacts { last: Some(attempt(state)), epoch: (12, 30), checkpoint: Some((11, s(120))), ..job(JobState::Running) }
}

#[test]
fn a_running_job_says_where_and_how_far() {
    let limited = JobFacts { max_hours: Some(2.0), ..running(AttemptState::Running) };
    said(
        &limited,
        &with_live(LiveFacts { spent: s(3600), ..live() }),
        &[
            "Attempt 2 runs on GPU 0 of lab-1, since 70 min.",
            "It has finished epoch 12 of 30.",
            "The newest checkpoint here is of epoch 11, 2 min old.",
            "lab-1 was heard 2 s ago.",
        ],
        &["Of its max_hours of 2 it has 60 min left; then it fails."],
    );
}

#[test]
fn a_silent_runner_is_told_of_before_it_is_judged() {
    let told =
        explain(&running(AttemptState::Running), &with_live(LiveFacts { silence: Some((s(480), s(120))), ..live() }));
    assert!(told.reasons.contains(&"Its runner has told of no progress for 8 min.".to_owned()), "{told:?}");
    assert!(told.next[0].starts_with("If it stays silent for another 2 min, it is judged hung"), "{told:?}");
    let over = with_live(LiveFacts { silence: Some((s(610), s(0))), ..live() });
    let told = explain(&running(AttemptState::Running), &over);
    assert!(told.next[0].starts_with("It is judged hung, and ended"), "{told:?}");
}

#[test]
fn processes_that_do_not_die_are_told_of_whatever_became_of_their_job() {
    let stuck = || with_live(LiveFacts { stuck: "process 812 (python3) sleeps in the kernel".to_owned(), ..live() });
    for job in [running(AttemptState::Running), job(JobState::Cancelled)] {
        let told = explain(&job, &stuck());
        let said = "Its processes were killed, but are still there: process 812 (python3) sleeps in the kernel.";
        assert!(told.reasons.contains(&said.to_owned()), "{told:?}");
        assert!(told.next.iter().any(|next| next.starts_with("Its slot on lab-1 stays taken")), "{told:?}");
    }
}

#[test]
fn an_attempt_that_waits_at_its_agent_for_the_memory_of_the_one_before_says_so() {
    let status = DeviceStatus { releasing: vec!["j4.1".to_owned()], ..DeviceStatus::default() };
    let full = DeviceFacts { slots: 0, status, ..gpu() };
    let fleet = FleetFacts { live: Some(live()), ..fleet(vec![lab(vec![full])]) };
    let told = explain(&running(AttemptState::Running), &fleet);
    assert_eq!(told.reasons[1], "GPU 0 of lab-1 waits for the memory of j4.1 to come back.");
}

#[test]
fn an_attempt_that_has_not_begun_or_only_uploads() {
    let leased = JobFacts { epoch: (0, 0), checkpoint: None, ..running(AttemptState::Leased) };
    assert_eq!(
        explain(&leased, &with_live(live())).reasons[0],
        "Attempt 2 was granted to GPU 0 of lab-1 70 min ago, and has not begun yet: files are fetched, or others go first."
    );
    assert_eq!(
        explain(&running(AttemptState::Finishing), &with_live(live())).reasons[0],
        "Attempt 2 on GPU 0 of lab-1 is done; what it made is being uploaded, and its slot is free."
    );
}

#[test]
fn an_agent_that_is_away() {
    let away = LiveFacts { connected: false, heard: s(40), lease: Some(s(20)), ..live() };
    let told = explain(&running(AttemptState::Running), &with_live(away.clone()));
    assert_eq!(told.reasons[3], "lab-1 is not connected, and was last heard 40 s ago.");
    assert_eq!(
        told.next,
        [
            "If it is not back in 20 s, another agent may go on from epoch 11.",
            "If lab-1 comes back before, its work counts."
        ]
    );
    let over = explain(&running(AttemptState::Running), &with_live(LiveFacts { lease: None, ..away }));
    assert_eq!(over.reasons[3], "lab-1 is not connected, was last heard 40 s ago, and its lease is over.");
    assert_eq!(
        over.next,
        ["The next agent with room goes on from epoch 11.", "If lab-1 comes back before, its work counts."]
    );
}

#[test]
fn an_attempt_that_gives_way() {
    let told = explain(
        &running(AttemptState::Running),
        &with_live(LiveFacts { stopping: Some("preempted by j9".to_owned()), ..live() }),
    );
    assert!(
        told.reasons.contains(&"It has been told to write a checkpoint and stop (preempted by j9).".to_owned()),
        "{told:?}"
    );
    assert_eq!(told.next, ["It is then ready again, and goes on from there."]);
}

#[test]
fn jobs_that_are_over() {
    let nobody = fleet(vec![]);
    let done =
        JobFacts { ended: Some(s(7200)), last: Some(attempt(AttemptState::Succeeded)), ..job(JobState::Succeeded) };
    said(
        &done,
        &nobody,
        &["It succeeded 2 h ago in attempt 2 on lab-1."],
        &["`sweep results s3` shows what came out."],
    );
    let reused = JobFacts { reused_from: Some((JobId(4), SweepId(1))), ..done };
    assert_eq!(
        explain(&reused, &nobody).reasons,
        ["Its result was taken over from j4 of sweep s1: equal work is done once."]
    );
    let culprit = Culprit {
        job: JobId(2),
        stage: "teacher".to_owned(),
        state: JobState::Failed,
        class: Some(FailureClass::Diverged),
    };
    said(
        &JobFacts { culprit: Some(culprit), ..job(JobState::Skipped) },
        &nobody,
        &["It was skipped: its input j2 (teacher) is failed with diverged."],
        &["`sweep retry j2` brings both back; `sweep explain j2` says what went wrong."],
    );
    let cancelled =
        JobFacts { message: "cancelled by alice".to_owned(), ended: Some(s(5)), ..job(JobState::Cancelled) };
    said(
        &cancelled,
        &with_live(live()),
        &[
            "It was cancelled 5 s ago: cancelled by alice.",
            "Its attempt on lab-1 has been told to stop, and holds its slot until it has.",
        ],
        &["`sweep retry j17` brings it back."],
    );
    let dropped = JobFacts { dropped: true, message: "not in the amended plan".to_owned(), ..cancelled };
    said(
        &dropped,
        &nobody,
        &[
            "It was cancelled 5 s ago: not in the amended plan.",
            "The amended plan of s3 does not have it, so it counts no more.",
        ],
        &["Submit a plan that has it with `--amend` to take it back."],
    );
}

#[test]
fn every_class_of_failure_comes_with_advice() {
    for &class in FailureClass::ALL {
        let failed = JobFacts { class: Some(class), message: "boom".to_owned(), ..job(JobState::Failed) };
        let told = explain(&failed, &fleet(vec![]));
        assert_eq!(told.reasons, [format!("It failed with {class}: boom.")]);
        assert!(told.next[0].contains("`sweep retry j17`"), "{told:?}");
    }
}

#[test]
fn every_state_says_something_in_whole_sentences() {
    for &state in JobState::ALL {
        let told = explain(&JobFacts { last: Some(attempt(AttemptState::Running)), ..job(state) }, &fleet(vec![]));
        assert!(!told.reasons.is_empty(), "{state}");
        for sentence in told.reasons.iter().chain(&told.next) {
            assert!(sentence.ends_with('.') && !sentence.ends_with(".."), "{state}: {sentence}");
        }
    }
}
