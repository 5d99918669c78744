//! What is said, sentence for sentence.

use std::time::Duration;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::resources::DeviceClass;
use sweep_shared::states::{AttemptState, FailureClass, JobState};

use super::*;

const GIB: u64 = 1 << 30;

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn job(state: JobState) -> JobFacts {
    JobFacts {
        job: JobId(17),
        state,
        sweep: SweepFacts { id: SweepId(3), paused: None },
        priority: 0,
        device: None,
        memory_bytes: 0,
        exclusive: false,
        inputs: vec![],
        wait: None,
        failures: 0,
        retries: 3,
        losses: 0,
        most_losses: 10,
        max_hours: None,
        ahead: 0,
        last: None,
        checkpoint: None,
        epoch: (0, 0),
        paused: None,
        class: None,
        message: String::new(),
        ended: None,
        reused_from: None,
        culprit: None,
    }
}

fn ready() -> JobFacts {
    job(JobState::Ready)
}

fn attempt(state: AttemptState) -> LastAttempt {
    LastAttempt {
        number: 2,
        state,
        agent: "lab-1".to_owned(),
        device: DeviceClass::Cuda,
        device_index: 0,
        message: String::new(),
        class: None,
        granted: s(4200),
        ended: state.is_terminal().then(|| s(30)),
        resumed_epoch: 0,
    }
}

fn gpu() -> DeviceFacts {
    DeviceFacts {
        class: DeviceClass::Cuda,
        index: 0,
        slots: 1,
        assigned: 0,
        lowest: None,
        free_bytes: 8 * GIB,
        total_bytes: 8 * GIB,
        barred: None,
    }
}

fn lab(devices: Vec<DeviceFacts>) -> AgentFacts {
    AgentFacts { id: "lab-1".to_owned(), connected: true, heard: s(1), leaving: false, measures: None, devices }
}

fn fleet(agents: Vec<AgentFacts>) -> FleetFacts {
    FleetFacts { agents, patience: s(600), ..FleetFacts::default() }
}

fn live() -> LiveFacts {
    LiveFacts {
        agent: "lab-1".to_owned(),
        connected: true,
        heard: s(2),
        lease: Some(s(58)),
        stopping: None,
        finishing: false,
        spent: s(0),
    }
}

fn with_live(live: LiveFacts) -> FleetFacts {
    FleetFacts { live: Some(live), ..fleet(vec![lab(vec![gpu()])]) }
}

#[track_caller]
fn said(job: &JobFacts, fleet: &FleetFacts, reasons: &[&str], next: &[&str]) {
    let said = explain(job, fleet);
    assert_eq!(said.reasons, reasons);
    assert_eq!(said.next, next);
}

fn input(id: i64, state: JobState) -> Input {
    Input { job: JobId(id), stage: "teacher".to_owned(), state }
}

#[test]
fn a_blocked_job_names_what_it_waits_for() {
    let inputs = vec![input(3, JobState::Succeeded), input(4, JobState::Running), input(5, JobState::Paused)];
    said(
        &JobFacts { inputs, ..job(JobState::Blocked) },
        &fleet(vec![]),
        &["It waits for 2 input jobs: j4 (teacher, running) and j5 (teacher, paused)."],
        &[
            "j5 is paused: `sweep resume j5` goes on with it.",
            "It becomes ready when they have succeeded; `sweep explain j4` says how that one stands.",
        ],
    );
}

#[test]
fn without_agents() {
    said(
        &ready(),
        &fleet(vec![]),
        &["No agent is connected."],
        &["Start one with `sweep agent` on a machine with a suitable device; it is given work at once."],
    );
    let away = AgentFacts { connected: false, heard: s(10_800), ..lab(vec![gpu()]) };
    let told = explain(&ready(), &fleet(vec![away]));
    assert_eq!(told.reasons, ["No agent is connected.", "Last heard: lab-1 (3 h ago)."]);
}

#[test]
fn without_such_a_device_or_one_that_is_large_enough() {
    let cpu = DeviceFacts { class: DeviceClass::Cpu, total_bytes: 16 * GIB, ..gpu() };
    let on_gpu = JobFacts { device: Some(DeviceClass::Cuda), ..ready() };
    let told = explain(&on_gpu, &fleet(vec![lab(vec![cpu])]));
    assert_eq!(told.reasons, ["It needs a GPU, and no agent has one (1 agent is connected)."]);
    let large = JobFacts { memory_bytes: 10 * GIB, device: Some(DeviceClass::Cuda), ..ready() };
    said(
        &large,
        &fleet(vec![lab(vec![gpu()])]),
        &["It needs 10.0 GiB of memory; the largest device for it, GPU 0 of lab-1, has 8.0 GiB in all."],
        &["It waits for an agent with a larger device; or make it smaller (batch size, model) and submit it again."],
    );
}

#[test]
fn each_device_says_what_is_in_the_way() {
    let large = JobFacts { memory_bytes: 6 * GIB, ahead: 4, ..ready() };
    let tells = |agent: AgentFacts| explain(&large, &fleet(vec![agent])).reasons.remove(0);
    assert_eq!(
        tells(lab(vec![DeviceFacts { free_bytes: 3 * GIB, ..gpu() }])),
        "It needs 6.0 GiB of memory; GPU 0 of lab-1 has 3.0 GiB free."
    );
    assert_eq!(
        tells(lab(vec![DeviceFacts { assigned: 1, lowest: Some(0), ..gpu() }])),
        "The only slot of GPU 0 of lab-1 is taken, by jobs of equal or higher priority."
    );
    assert_eq!(
        tells(AgentFacts { leaving: true, ..lab(vec![gpu()]) }),
        "lab-1 is about to leave, and gets no more work."
    );
    assert_eq!(
        tells(AgentFacts { measures: Some(JobId(9)), ..lab(vec![gpu()]) }),
        "lab-1 is measuring j9, and runs nothing beside it."
    );
    let refused = Barred::Refused { reason: "only 2 GiB are free.".to_owned(), left: s(20) };
    assert_eq!(
        tells(lab(vec![DeviceFacts { barred: Some(refused), ..gpu() }])),
        "lab-1 refused it, and is asked again in 20 s: only 2 GiB are free."
    );
    let failed = Barred::Failed { left: s(2400) };
    assert_eq!(
        tells(lab(vec![DeviceFacts { barred: Some(failed), ..gpu() }])),
        "GPU 0 of lab-1 failed under it, and is not tried again for 40 min."
    );
    assert_eq!(
        tells(lab(vec![DeviceFacts { slots: 0, ..gpu() }])),
        "lab-1 takes no work at the moment (its disk may be full)."
    );
}

#[test]
fn a_job_in_the_line_says_how_long_the_line_is() {
    let full = || fleet(vec![lab(vec![DeviceFacts { assigned: 1, lowest: Some(0), ..gpu() }])]);
    let next = |job: &JobFacts| explain(job, &full()).next;
    assert_eq!(
        next(&JobFacts { ahead: 4, ..ready() }),
        ["4 jobs go before it in the queue (its priority is 0); `sweep priority j17 N` changes that."]
    );
    assert_eq!(next(&ready()), ["It is the next to be granted."]);
    let urgent = JobFacts { priority: 5, ..ready() };
    let way = FleetFacts { giving_way: vec![JobId(5)], ..full() };
    said(
        &urgent,
        &way,
        &[
            "j5 has been told to make room for it: it writes a checkpoint and stops.",
            "The only slot of GPU 0 of lab-1 is taken, by jobs of lower priority that give way or cannot.",
        ],
        &["It is the next to be granted."],
    );
    let free = explain(&ready(), &fleet(vec![lab(vec![gpu()])]));
    assert_eq!((free.reasons, free.next), (vec![], vec!["It is granted in a moment.".to_owned()]));
}

#[test]
fn a_measurement_waits_for_an_idle_host() {
    said(
        &JobFacts { exclusive: true, ..ready() },
        &fleet(vec![lab(vec![DeviceFacts { assigned: 1, ..gpu() }])]),
        &["It measures, and needs a host with nothing else to do; lab-1 runs 1 job."],
        &["It is granted when a host is idle; after 10 min of waiting one is kept free for it."],
    );
}

#[test]
fn waiting_out_a_failure() {
    let failed = LastAttempt {
        class: Some(FailureClass::OutOfMemory),
        message: "CUDA out of memory".to_owned(),
        ..attempt(AttemptState::Failed)
    };
    let job = JobFacts { failures: 1, wait: Some(s(12)), last: Some(failed), checkpoint: Some((7, s(90))), ..ready() };
    said(
        &job,
        &fleet(vec![lab(vec![gpu()])]),
        &["Attempt 2 on lab-1 failed 30 s ago with out_of_memory, its failure 1 of 4: CUDA out of memory."],
        &["The next attempt goes on from the checkpoint of epoch 7.", "It is tried again in 12 s."],
    );
}

#[test]
fn a_paused_sweep_says_by_whom_or_why() {
    let by = Paused { by: "alice@laptop".to_owned(), ago: Some(s(300)), reason: String::new() };
    let of = |paused| JobFacts { sweep: SweepFacts { id: SweepId(3), paused: Some(paused) }, ..ready() };
    said(
        &of(by),
        &fleet(vec![lab(vec![gpu()])]),
        &["Its sweep s3 is paused, by alice@laptop, since 5 min."],
        &["`sweep resume s3` goes on with it."],
    );
    let spent = Paused { reason: "its budget of 40 GPU-hours is spent".to_owned(), ..Paused::default() };
    said(
        &of(spent),
        &fleet(vec![]),
        &["Its sweep s3 is paused: its budget of 40 GPU-hours is spent."],
        &["`sweep resume s3` goes on regardless; so does submitting the plan with a larger budget and `--amend`."],
    );
}

#[test]
fn a_paused_job() {
    let paused = Paused { by: "alice".to_owned(), ago: Some(s(60)), reason: String::new() };
    said(
        &JobFacts { paused: Some(paused), ..job(JobState::Paused) },
        &with_live(live()),
        &[
            "It is paused, by alice, since 60 s.",
            "Its attempt on lab-1 has been told to write a checkpoint and stop; should it succeed first, that counts.",
        ],
        &["`sweep resume j17` goes on with it."],
    );
}

#[test]
fn a_paused_job_that_is_nearly_done() {
    let told = explain(&job(JobState::Paused), &with_live(LiveFacts { finishing: true, ..live() }));
    assert_eq!(
        told.reasons[1],
        "Its attempt on lab-1 was done before that; what it made is being uploaded, and counts."
    );
}

#[test]
fn a_coordinator_that_serves_another_plan() {
    let told = explain(&ready(), &FleetFacts { unserved: true, ..fleet(vec![]) });
    assert!(told.reasons[0].starts_with("This coordinator was started by `sweep local` for another plan"));
}

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
