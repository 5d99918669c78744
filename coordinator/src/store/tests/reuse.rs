//! Equal work is done once.

use sweep_shared::resources::{DeviceClass, Usage};
use sweep_shared::states::FailureClass;

use super::super::report::Body;
use super::super::testing::*;
use super::super::*;

#[tokio::test]
async fn finished_work_is_taken_over_with_its_points() {
    let bench = bench().await;
    let jobs = || vec![job("a"), reader("b", &[0])];
    let (_, first) = bench.submit(jobs()).await;
    bench.run(first[0], success("a")).await;
    bench.run(first[1], success("b")).await;
    let made = bench.store.write(plan([jobs(), vec![reader("c", &[1])]].concat())).await.unwrap();
    assert_eq!((made.jobs, made.reused), (3, 2));
    assert_eq!(bench.states(made.sweep).await, "succeeded succeeded ready", "what reads them can begin");
    let ids = bench.ids(made.sweep).await;
    let granted = bench.grant(&ids[2..]).await.remove(0);
    assert_eq!(granted.inputs, [vec![blob("model.onnx", "b")]]);
    let points = read::points_of(&bench.store, made.sweep).await.unwrap();
    assert_eq!(points.len(), 2);
    assert!(points[0].reused && points[0].agent.as_deref() == Some(AGENT));
    assert_eq!(
        read::newest_attempt(&bench.store, ids[0]).await.unwrap(),
        (first[0], 1, true),
        "its log is the old one's"
    );
}

#[tokio::test]
async fn a_sweep_of_finished_work_is_over_at_once() {
    let bench = bench().await;
    let (_, first) = bench.submit(vec![job("a")]).await;
    bench.run(first[0], success("a")).await;
    let made = bench.store.write(plan(vec![job("a")])).await.unwrap();
    assert_eq!(bench.sweep_state(made.sweep).await, "finished");
}

#[tokio::test]
async fn the_hours_of_reused_work_are_saved() {
    let bench = bench().await;
    let (first, jobs) = bench.submit(vec![job("a"), job("b")]).await;
    for (job, device) in jobs.iter().zip([DeviceClass::Cuda, DeviceClass::Cpu]) {
        let token = bench.grant_on(device, *job).await;
        let usage = Usage::ran(7200.0);
        bench.report(token, Body::Finished { end: success("a"), usage }).await;
    }
    let made = bench.store.write(plan(vec![job("a"), job("b"), job("c")])).await.unwrap();
    let (before, after) = (bench.store.sweep(first).await.unwrap(), bench.store.sweep(made.sweep).await.unwrap());
    assert_eq!((before.gpu_hours, before.gpu_hours_saved, before.cpu_hours_saved), (2.0, 0.0, 0.0));
    assert_eq!((after.gpu_hours, after.gpu_hours_saved, after.cpu_hours_saved), (0.0, 2.0, 2.0));
}

#[tokio::test]
async fn what_may_not_be_reused_runs_again() {
    let bench = bench().await;
    let (_, first) = bench.submit(vec![job("a"), NewJob { reusable: false, ..job("b") }]).await;
    bench.run(first[0], success("a")).await;
    bench.run(first[1], success("b")).await;
    let fresh = bench.store.write(Submit { reuse: false, ..plan(vec![job("a")]) }).await.unwrap();
    assert_eq!((fresh.created, fresh.reused), (true, 0));
    let own = bench.store.write(plan(vec![NewJob { reusable: false, ..job("b") }])).await.unwrap();
    assert_eq!(own.reused, 0);
}

#[tokio::test]
async fn a_result_made_from_other_bytes_does_not_stand_for_this_one() {
    let bench = bench().await;
    let jobs = || vec![job("a"), reader("b", &[0])];
    let (_, first) = bench.submit(jobs()).await;
    bench.run(first[0], success("a")).await;
    bench.run(first[1], success("b")).await;
    // The same key, run again: on a GPU its bytes may differ.
    let (_, second) = bench.submit_fresh(vec![job("a")]).await;
    bench.run(second[0], success("a, in other bits")).await;
    let made = bench.store.write(plan(jobs())).await.unwrap();
    assert_eq!(made.reused, 1);
    assert_eq!(bench.states(made.sweep).await, "succeeded ready");
}

#[tokio::test]
async fn the_same_plan_is_continued() {
    let bench = bench().await;
    let again = || Submit { continue_same: true, ..plan(vec![NewJob { retries: 0, ..job("a") }, job("b")]) };
    let first = bench.store.write(again()).await.unwrap();
    let ids = bench.ids(first.sweep).await;
    bench.run(ids[0], failure(FailureClass::Internal)).await;
    bench.run(ids[1], success("b")).await;
    let second = bench.store.write(again()).await.unwrap();
    assert_eq!((second.sweep, second.created, second.jobs), (first.sweep, false, 2));
    assert_eq!(bench.sweep_state(first.sweep).await, "finished_with_failures");
    bench.store.write(Submit { retry_failed: true, ..again() }).await.unwrap();
    assert_eq!(bench.states(first.sweep).await, "ready succeeded");
    assert_eq!(bench.sweep_state(first.sweep).await, "active");
}

impl Bench {
    async fn submit_fresh(&self, jobs: Vec<NewJob>) -> (sweep_shared::ids::SweepId, Vec<sweep_shared::ids::JobId>) {
        let made = self.store.write(Submit { reuse: false, ..plan(jobs) }).await.unwrap();
        (made.sweep, self.ids(made.sweep).await)
    }
}
