//! What is said, sentence for sentence: of jobs that wait (here; for a place where nobody is: `places`), and of those that run or have ended
//! (`later`).

mod later;
mod memory;
mod places;

use std::time::Duration;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::labels::Placement;
use sweep_shared::resources::{Closed, DeviceClass, DeviceStatus, MissingMemory, OtherProcess};
use sweep_shared::states::{AttemptState, FailureClass, JobState};

use super::*;
use crate::memory::Needs;

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
        place: Placement::default(),
        memory: Promise::default(),
        outgrown_bytes: 0,
        micro_batches: 1,
        batch: Some(128),
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
        dropped: false,
        reused_from: None,
        culprit: None,
    }
}

/// So many GiB of either class, predicted.
fn needs(gib: u64) -> Promise {
    Promise { needs: Needs::alike(gib * GIB), ..Promise::default() }
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
        micro_batches: 1,
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
        spot: Default::default(),
        slots: 1,
        assigned: 0,
        lowest: None,
        free_bytes: 8 * GIB,
        total_bytes: 8 * GIB,
        promised_bytes: 0,
        status: DeviceStatus::default(),
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
        silence: None,
        stuck: String::new(),
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
    let large = JobFacts { memory: needs(10), device: Some(DeviceClass::Cuda), ..ready() };
    said(
        &large,
        &fleet(vec![lab(vec![gpu()])]),
        &["It needs 10.0 GiB of memory (predicted); the largest device for it, GPU 0 of lab-1, has 8.0 GiB in all."],
        &["It waits for an agent with a larger device; or make it smaller (batch size, model) and submit it again."],
    );
}

#[test]
fn each_device_says_what_is_in_the_way() {
    let large = JobFacts { memory: needs(6), ahead: 4, ..ready() };
    let tells = |agent: AgentFacts| explain(&large, &fleet(vec![agent])).reasons.remove(0);
    assert_eq!(
        tells(lab(vec![DeviceFacts { free_bytes: 3 * GIB, ..gpu() }])),
        "It needs 6.0 GiB of memory (predicted); GPU 0 of lab-1 has 3.0 GiB free."
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
fn whoever_holds_a_devices_memory_is_named() {
    let blender =
        || OtherProcess { pid: 4211, name: "blender".to_owned(), user: "anna".to_owned(), bytes: 51 * GIB / 10 };
    let tells = |free_bytes, promised_bytes, status| {
        let on = DeviceFacts { free_bytes, promised_bytes, status, ..gpu() };
        explain(&JobFacts { memory: needs(6), ..ready() }, &fleet(vec![lab(vec![on])])).reasons.remove(0)
    };
    let status = DeviceStatus { others: vec![blender()], ..DeviceStatus::default() };
    assert_eq!(
        tells(12 * GIB / 10, 0, status),
        "It needs 6.0 GiB of memory (predicted); GPU 0 of lab-1 has 1.2 GiB free; blender (pid 4211, anna) holds 5.1 GiB."
    );
    let hidden = OtherProcess { name: String::new(), user: String::new(), bytes: 0, ..blender() };
    let missing = MissingMemory { attempt: "j4.1".to_owned(), bytes: 3 * GIB / 2 };
    let status = DeviceStatus { others: vec![hidden], missing: vec![missing], ..DeviceStatus::default() };
    assert_eq!(
        tells(GIB, 2 * GIB, status),
        "It needs 6.0 GiB of memory (predicted); GPU 0 of lab-1 has 1.0 GiB free; a process (pid 4211) uses it, too, 2.0 GiB are \
         promised to jobs that are still loading and 1.5 GiB did not come back after j4.1 and is not counted."
    );
    let status = DeviceStatus { keep_free_bytes: GIB, ..DeviceStatus::default() };
    assert_eq!(
        tells(GIB, 0, status),
        "It needs 6.0 GiB of memory (predicted); GPU 0 of lab-1 has 1.0 GiB free; 1.0 GiB are kept free by `agent.toml`."
    );
}

#[test]
fn a_device_that_is_smaller_than_it_was_says_why() {
    let missing = MissingMemory { attempt: "j4.1".to_owned(), bytes: 3 * GIB / 2 };
    let tells = |status| {
        let on = DeviceFacts { total_bytes: 4 * GIB, status, ..gpu() };
        explain(&JobFacts { memory: needs(6), ..ready() }, &fleet(vec![lab(vec![on])])).reasons.remove(0)
    };
    assert_eq!(
        tells(DeviceStatus { missing: vec![missing], ..DeviceStatus::default() }),
        "It needs 6.0 GiB of memory (predicted); the largest device for it, GPU 0 of lab-1, has 4.0 GiB in all; 1.5 GiB did not \
         come back after j4.1 and is not counted."
    );
    assert_eq!(
        tells(DeviceStatus { cap_bytes: 4 * GIB, ..DeviceStatus::default() }),
        "It needs 6.0 GiB of memory (predicted); the largest device for it, GPU 0 of lab-1, has 4.0 GiB in all; `agent.toml` lets \
         sweep's jobs have 4.0 GiB together."
    );
}

#[test]
fn a_device_that_takes_no_work_says_why_and_until_when() {
    let tells = |closed| {
        let on = DeviceFacts { slots: 0, status: DeviceStatus { closed, ..DeviceStatus::default() }, ..gpu() };
        explain(&ready(), &fleet(vec![lab(vec![on])])).reasons.remove(0)
    };
    assert_eq!(tells(Some(Closed::Unused)), "`agent.toml` of lab-1 leaves GPU 0 of lab-1 to others (`use = false`).");
    assert_eq!(
        tells(Some(Closed::Quiet("08:00".to_owned()))),
        "GPU 0 of lab-1 has quiet hours until 08:00 by its `agent.toml`: nothing begins there before."
    );
    assert_eq!(
        tells(Some(Closed::Excluded("Xid 79".to_owned()))),
        "GPU 0 of lab-1 is not used until its agent is started again: Xid 79."
    );
    assert_eq!(
        tells(Some(Closed::Silent("the GPU is lost".to_owned()))),
        "GPU 0 of lab-1 is not used until it answers again: the GPU is lost."
    );
    let status = DeviceStatus { releasing: vec!["j4.1".to_owned()], ..DeviceStatus::default() };
    let on = DeviceFacts { slots: 0, status, ..gpu() };
    let told = explain(&ready(), &fleet(vec![lab(vec![on])])).reasons.remove(0);
    assert_eq!(told, "GPU 0 of lab-1 waits for the memory of j4.1 to come back.");
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
