//! What is learnt from what attempts took, and what helps those that ran out of it.

use sweep_shared::ids::{JobId, Token};
use sweep_shared::resources::{DeviceClass, Usage};
use sweep_shared::states::FailureClass;

use super::super::report::{Body, End, Recorded, Report, Reports};
use super::super::testing::*;
use super::super::*;
use crate::memory::{DeviceSize, Needs, NeedsByParts};
use crate::options::Backoff;

const GIB: u64 = 1 << 30;

/// It is predicted to need 4 GiB of a GPU and 8 of a CPU, and half of that for each halving of its batches.
fn train(stage: &str) -> NewJob {
    let need =
        |parts: u32| (parts, Needs { cpu_bytes: 8 * GIB / u64::from(parts), cuda_bytes: 4 * GIB / u64::from(parts) });
    NewJob {
        kind: "train",
        needs: [1, 2, 4].map(need).into_iter().collect::<NeedsByParts>(),
        likeness: "train net abc".to_owned(),
        spec_json: format!(r#"{{"stage":"{stage}","kind":"train","params":{{"fit":{{"batch":128}}}}}}"#),
        ..job(stage)
    }
}

/// The GPU of the agent, and one of another, larger.
fn fleet(other: Option<u64>) -> Vec<DeviceSize> {
    let gpu = |agent: &str, total_bytes| DeviceSize {
        agent: agent.to_owned(),
        class: DeviceClass::Cuda,
        index: 0,
        total_bytes,
        spot: Default::default(),
    };
    let mut devices = vec![gpu(AGENT, 6 * GIB)];
    devices.extend(other.map(|bytes| gpu("big", bytes)));
    devices
}

impl Bench {
    async fn granted_on(&self, device: DeviceClass, job: JobId) -> Granted {
        let (agent, lease) = (AGENT.to_owned(), rand::random::<u64>() >> 1);
        let request = GrantRequest { job, agent, device, device_index: 0, lease };
        self.store.write(Grant { requests: vec![request], steal: vec![] }).await.unwrap().remove(0)
    }

    async fn ends(&self, token: Token, end: End, peak_bytes: u64, devices: Vec<DeviceSize>) {
        let usage = Usage { run_s: 1.0, peak_memory_bytes: peak_bytes };
        let reports = vec![Report { token, spooled: None, body: Body::Finished { end, usage } }];
        let (backoff, devices) = (Backoff::NONE, devices.into());
        let told = self.store.write(Reports { reports, backoff, luck: 0.5, devices }).await.unwrap();
        assert_eq!(told, [Recorded::Effective]);
    }

    /// One attempt at the job, on the GPU, that ran out of memory.
    async fn runs_out(&self, job: JobId, devices: Vec<DeviceSize>) -> Granted {
        let granted = self.granted_on(DeviceClass::Cuda, job).await;
        self.ends(granted.token, failure(FailureClass::OutOfMemory), 5 * GIB, devices).await;
        granted
    }

    /// Jobs that GPUs of up to this size would be given.
    async fn ready_for(&self, cuda_bytes: u64) -> Vec<JobId> {
        let query = read::ReadyQuery { cpu_bytes: None, cuda_bytes: Some(cuda_bytes), ..any_ready() };
        self.store.ready(query).await.unwrap().into_iter().map(|ready| ready.job).collect()
    }
}

#[tokio::test]
async fn what_one_took_is_what_the_next_like_it_is_promised() {
    let bench = bench().await;
    let other = NewJob { likeness: "train other abc".to_owned(), ..train("other") };
    let (_, jobs) = bench.submit(vec![train("a"), train("b"), train("c"), other, job("command")]).await;
    let first = bench.granted_on(DeviceClass::Cuda, jobs[0]).await;
    assert_eq!((first.memory_bytes, first.needs.cpu_bytes), (4 * GIB, 8 * GIB), "predicted");
    bench.ends(first.token, success("a"), 2 * GIB, vec![]).await;
    let second = bench.granted_on(DeviceClass::Cuda, jobs[1]).await;
    assert!((2 * GIB..5 * GIB / 2).contains(&second.memory_bytes), "{}", second.memory_bytes);
    assert_eq!(second.needs.cpu_bytes, 8 * GIB, "of a CPU nothing was learnt");
    // A larger peak counts at once; a command that took something has nothing to do with it.
    bench.ends(second.token, success("b"), 5 * GIB, vec![]).await;
    let command = bench.granted_on(DeviceClass::Cuda, jobs[4]).await;
    bench.ends(command.token, success("e"), GIB, vec![]).await;
    assert!(bench.granted_on(DeviceClass::Cuda, jobs[2]).await.memory_bytes > 5 * GIB);
    assert_eq!(bench.granted_on(DeviceClass::Cuda, jobs[3]).await.memory_bytes, 4 * GIB);
    assert_eq!(bench.number("SELECT count(*) FROM peaks").await, 1);
    let attempts = read::attempts_of(&bench.store, &jobs[..1]).await.unwrap();
    assert_eq!((attempts[0].peak_memory_bytes as u64, attempts[0].memory_bytes as u64), (2 * GIB, 4 * GIB));
}

#[tokio::test]
async fn beginning_and_going_on_are_learnt_apart() {
    let bench = bench().await;
    let (_, jobs) = bench.submit(vec![train("a"), train("b")]).await;
    let first = bench.granted_on(DeviceClass::Cuda, jobs[0]).await;
    bench.report(first.token, Body::Checkpoint { epoch: 1, step: 0, files: vec![blob("state", "s")] }).await;
    bench.ends(first.token, End::Interrupted { reason: "drained".to_owned() }, 3 * GIB, vec![]).await;
    let again = bench.granted_on(DeviceClass::Cuda, jobs[0]).await;
    assert_eq!(again.memory_bytes, 4 * GIB, "what was interrupted may not have come to its peak");
    bench.report(again.token, Body::Progress { epochs: vec![], resumed: Some((1, 0)) }).await;
    bench.ends(again.token, success("a"), 5 * GIB, vec![]).await;
    assert_eq!(bench.number("SELECT count(*) FROM peaks WHERE resumed = 1").await, 1);
    let fresh = bench.granted_on(DeviceClass::Cuda, jobs[1]).await;
    assert_eq!(fresh.memory_bytes, 4 * GIB);
    bench.report(fresh.token, Body::Checkpoint { epoch: 1, step: 0, files: vec![blob("state", "t")] }).await;
    bench.ends(fresh.token, End::Interrupted { reason: "drained".to_owned() }, 3 * GIB, vec![]).await;
    assert!(bench.granted_on(DeviceClass::Cuda, jobs[1]).await.memory_bytes > 5 * GIB);
}

#[tokio::test]
async fn out_of_memory_is_helped_by_a_larger_device_then_by_smaller_parts_and_spends_no_retry() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![NewJob { retries: 0, ..train("a") }]).await;
    let job = jobs[0];
    bench.runs_out(job, fleet(Some(24 * GIB))).await;
    let row = bench.row(job).await;
    assert_eq!(row.state, "ready");
    let words = "ran out of memory on GPU 0 of agent-1 (peak 5.0 GiB of 6.0 GiB); \
                 the next attempt goes to a larger one: GPU 0 of big has 24.0 GiB";
    assert_eq!(row.message, words);
    assert_eq!((bench.ready_for(6 * GIB).await, bench.ready_for(24 * GIB).await), (vec![], vec![job]));
    // It ran out there, too; now nothing larger is connected.
    let mut devices = fleet(None);
    devices[0].total_bytes = 24 * GIB;
    let second = bench.runs_out(job, devices.clone()).await;
    assert_eq!((second.wants, second.outgrown_bytes, second.micro_batches), (Some(DeviceClass::Cuda), 6 * GIB, 1));
    assert_eq!(bench.ready_for(6 * GIB).await, [job], "in parts it may go anywhere");
    let third = bench.runs_out(job, devices.clone()).await;
    assert_eq!((third.micro_batches, third.memory_bytes), (2, 2 * GIB), "what is predicted for two parts");
    let fourth = bench.runs_out(job, devices.clone()).await;
    assert_eq!(fourth.micro_batches, 4);
    let row = bench.row(job).await;
    assert_eq!((row.state.as_str(), row.failure_class.as_deref()), ("failed", Some("out_of_memory")));
    assert!(row.message.contains("each batch of 128 in 4 parts, which is the most"), "{}", row.message);
    assert_eq!(bench.sweep_state(sweep).await, "finished_with_failures");
    assert_eq!(bench.number("SELECT failures FROM jobs").await, 1, "the last one");
    assert_eq!(
        bench.number("SELECT count(*) FROM events WHERE what = 'ready' AND detail LIKE '%splits each batch%'").await,
        2
    );

    bench.store.write(retry(job)).await.unwrap();
    let anew = bench.granted_on(DeviceClass::Cuda, job).await;
    assert_eq!((anew.micro_batches, anew.outgrown_bytes), (1, 0), "a user's retry begins anew");
    assert_eq!(anew.memory_bytes, 5 * GIB, "but it is known that so much was too little");
}

#[tokio::test]
async fn jobs_like_it_that_have_not_begun_are_split_with_it() {
    let bench = bench().await;
    let other = NewJob { likeness: "train other abc".to_owned(), ..train("other") };
    let on_cpu = NewJob { device: Some(DeviceClass::Cpu), ..train("cpu") };
    let (_, jobs) = bench.submit(vec![train("a"), train("b"), other, on_cpu, train("c")]).await;
    let begun = bench.granted_on(DeviceClass::Cuda, jobs[4]).await;
    bench.runs_out(jobs[0], fleet(None)).await;
    let mut parts = Vec::new();
    for &job in &jobs[..4] {
        let granted = bench.granted_on(DeviceClass::Cuda, job).await;
        parts.push((granted.micro_batches, granted.memory_bytes / GIB));
    }
    assert_eq!(
        parts,
        [(2, 2), (2, 2), (1, 4), (1, 5)],
        "of the device that it asks for, that one knows only what was too little"
    );
    bench.ends(begun.token, End::Interrupted { reason: "drained".to_owned() }, 0, vec![]).await;
    assert_eq!(bench.granted_on(DeviceClass::Cuda, jobs[4]).await.micro_batches, 1);
    let told = "SELECT count(*) FROM events WHERE what = 'split' AND detail LIKE 'jobs like j1 % (1) have each batch in 2 parts%'";
    assert_eq!(bench.number(told).await, 1);
}

#[tokio::test]
async fn what_cannot_be_split_has_its_retries() {
    let bench = bench().await;
    let (_, jobs) = bench.submit(vec![NewJob { retries: 1, ..job("command") }]).await;
    let row = async || {
        let row = bench.row(jobs[0]).await;
        (row.state, bench.number("SELECT failures FROM jobs").await)
    };
    bench.runs_out(jobs[0], fleet(Some(8 * GIB))).await;
    assert_eq!(row().await, ("ready".to_owned(), 0));
    bench.runs_out(jobs[0], fleet(None)).await;
    assert_eq!(row().await, ("ready".to_owned(), 1));
    bench.runs_out(jobs[0], fleet(None)).await;
    assert_eq!(row().await, ("failed".to_owned(), 2));
}

#[tokio::test]
async fn a_paused_job_is_helped_and_stays_paused() {
    let bench = bench().await;
    let (_, jobs) = bench.submit(vec![train("a")]).await;
    let token = bench.granted_on(DeviceClass::Cuda, jobs[0]).await.token;
    bench.store.write(pause(jobs[0])).await.unwrap();
    bench.ends(token, failure(FailureClass::OutOfMemory), 0, fleet(None)).await;
    assert_eq!(bench.row(jobs[0]).await.state, "paused");
    bench.store.write(resume(jobs[0])).await.unwrap();
    assert_eq!(bench.granted_on(DeviceClass::Cuda, jobs[0]).await.micro_batches, 2);
    assert_eq!(bench.number("SELECT count(*) FROM peaks").await, 0, "a peak that nobody saw teaches nothing");
}

#[tokio::test]
async fn larger_devices_that_are_gone_are_not_waited_for() {
    let of = |class, gib: u64, place: &str| (class, gib * GIB, place.to_owned());
    let bench = bench().await;
    let (_, jobs) = bench.submit(vec![train("a"), job("command"), train("b")]).await;
    for &job in &jobs[..2] {
        bench.runs_out(job, fleet(Some(24 * GIB))).await;
    }
    assert_eq!(bench.store.outgrown().await.unwrap(), [of(DeviceClass::Cuda, 6, "")]);
    let others = GiveUpLarger {
        than: vec![of(DeviceClass::Cuda, 8, ""), of(DeviceClass::Cpu, 6, ""), of(DeviceClass::Cuda, 6, "elsewhere")],
    };
    assert_eq!(bench.store.write(others).await.unwrap(), []);
    let gone = bench.store.write(GiveUpLarger { than: vec![of(DeviceClass::Cuda, 6, "")] }).await.unwrap();
    assert_eq!(gone, jobs[..2]);
    assert_eq!(bench.store.outgrown().await.unwrap(), []);
    assert_eq!(bench.granted_on(DeviceClass::Cuda, jobs[0]).await.micro_batches, 2);
    assert_eq!(bench.granted_on(DeviceClass::Cuda, jobs[1]).await.micro_batches, 1);
}

#[tokio::test]
async fn an_amended_plan_finds_the_needs_of_the_parts_that_a_job_has() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![train("a")]).await;
    bench.runs_out(jobs[0], fleet(None)).await;
    let needs = [(1, Needs::alike(9 * GIB)), (2, Needs::alike(7 * GIB))].into();
    let amended = Submit { amend: Some(sweep), ..plan(vec![NewJob { needs, ..train("a") }]) };
    bench.store.write(amended).await.unwrap();
    let granted = bench.granted_on(DeviceClass::Cuda, jobs[0]).await;
    assert_eq!((granted.micro_batches, granted.memory_bytes), (2, 7 * GIB));
}
