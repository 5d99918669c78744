//! A sweep takes another plan.

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::plan::Budget;
use sweep_shared::states::FailureClass;

use super::super::report::{End, Recorded};
use super::super::submit::Submitted;
use super::super::testing::*;
use super::super::*;

fn amended(sweep: SweepId, jobs: Vec<NewJob>) -> Submit {
    Submit { amend: Some(sweep), ..plan(jobs) }
}

impl Bench {
    async fn amend(&self, sweep: SweepId, jobs: Vec<NewJob>) -> Submitted {
        self.store.write(amended(sweep, jobs)).await.unwrap()
    }

    async fn stages(&self, sweep: SweepId) -> String {
        let rows = read::jobs_of(&self.store, sweep).await.unwrap();
        rows.iter().map(|row| format!("{}:{}", row.stage, row.state)).collect::<Vec<_>>().join(" ")
    }
}

#[tokio::test]
async fn what_both_plans_have_goes_on_what_is_new_is_added_what_is_gone_is_dropped() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a"), job("b"), job("old"), reader("reads old", &[2])]).await;
    bench.run(jobs[0], success("a")).await;
    let (running, dying) = (bench.token(jobs[1]).await, bench.token(jobs[2]).await);
    let mut changes = bench.store.watch();
    let plan =
        vec![job("a"), NewJob { stage: "renamed".to_owned(), ..job("b") }, reader("c", &[0, 1]), reader("d", &[0])];
    let made = bench.amend(sweep, plan).await;
    assert_eq!((made.sweep, made.created, made.jobs), (sweep, false, 4));
    assert_eq!((made.kept, made.added, made.dropped), (2, 2, 2));
    assert_eq!(changes.recv().await.unwrap().cancelled, jobs[2..], "its runner is to be killed");
    assert_eq!(bench.stages(sweep).await, "a:succeeded renamed:running c:blocked d:ready");
    assert_eq!(bench.row(jobs[2]).await.message, "not in the amended plan");
    let counts = bench.store.sweep(sweep).await.unwrap().counts;
    assert_eq!(counts.values().sum::<u32>(), 4, "{counts:?}");
    assert_eq!(bench.finish(dying, success("old")).await, Recorded::Effective, "it is told, and counts for nothing");
    bench.finish(running, success("b")).await;
    let new: Vec<JobId> = bench.ids(sweep).await.split_off(2);
    let granted = bench.grant(&new[..1]).await.remove(0);
    assert_eq!(granted.inputs, [vec![blob("model.onnx", "a")], vec![blob("model.onnx", "b")]]);
    bench.finish(granted.token, success("c")).await;
    bench.run(new[1], success("d")).await;
    assert_eq!(bench.sweep_state(sweep).await, "finished", "dropped jobs do not spoil the end");
    assert_eq!(read::points_of(&bench.store, sweep).await.unwrap().len(), 4);
    assert_eq!(bench.number("SELECT count(*) FROM events WHERE what = 'amend' AND actor = 'alice@laptop'").await, 1);
}

#[tokio::test]
async fn dropped_results_are_neither_shown_nor_retried() {
    let bench = bench().await;
    let once = |stage: &str| NewJob { retries: 0, ..job(stage) };
    let (sweep, jobs) = bench.submit(vec![once("a"), once("b"), once("c")]).await;
    bench.run(jobs[0], success("a")).await;
    bench.run(jobs[1], failure(FailureClass::Internal)).await;
    bench.run(jobs[2], success("c")).await;
    assert_eq!(bench.sweep_state(sweep).await, "finished_with_failures");
    bench.amend(sweep, vec![once("c")]).await;
    assert_eq!(bench.sweep_state(sweep).await, "finished", "what had failed is in no plan any more");
    assert_eq!(read::points_of(&bench.store, sweep).await.unwrap().len(), 1);
    assert_eq!(bench.store.write(retry(sweep)).await.unwrap(), 0);
    let refused = bench.store.write(retry(jobs[1])).await.unwrap_err();
    assert_eq!(refused.to_string(), "job j2 is not in its sweep's amended plan any more");
}

#[tokio::test]
async fn a_finished_sweep_that_gains_jobs_is_active_again() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a")]).await;
    bench.run(jobs[0], success("a")).await;
    bench.amend(sweep, vec![job("a"), reader("b", &[0])]).await;
    assert_eq!(bench.sweep_state(sweep).await, "active");
    assert_eq!(bench.stages(sweep).await, "a:succeeded b:ready");
}

#[tokio::test]
async fn a_later_plan_takes_dropped_jobs_back() {
    let bench = bench().await;
    let first = || vec![job("a"), job("b"), reader("c", &[1]), NewJob { retries: 0, ..job("d") }];
    let (sweep, jobs) = bench.submit(first()).await;
    let token = bench.token(jobs[1]).await;
    bench.run(jobs[3], failure(FailureClass::Internal)).await;
    bench.amend(sweep, vec![job("a")]).await;
    assert_eq!(bench.stages(sweep).await, "a:ready");
    let made = bench.amend(sweep, first()).await;
    assert_eq!((made.kept, made.added, made.dropped), (4, 0, 0));
    assert_eq!(bench.stages(sweep).await, "a:ready b:ready c:blocked d:failed", "a failure is the user's to retry");
    assert_eq!(bench.grant(&jobs[1..2]).await, [], "its old attempt is still being killed");
    bench.finish(token, End::Cancelled).await;
    assert_eq!(bench.run(jobs[1], success("b")).await.attempt, 2);
    assert_eq!(bench.stages(sweep).await, "a:ready b:succeeded c:ready d:failed");
    bench.run(jobs[0], success("a")).await;
    bench.amend(sweep, vec![job("a")]).await;
    assert_eq!(bench.sweep_state(sweep).await, "finished");
    bench.amend(sweep, first()).await;
    assert_eq!(bench.stages(sweep).await, "a:succeeded b:succeeded c:ready d:failed");
    assert_eq!(bench.sweep_state(sweep).await, "active");
}

#[tokio::test]
async fn an_added_reader_of_a_failed_job_is_skipped() {
    let bench = bench().await;
    let once = || NewJob { retries: 0, ..job("a") };
    let (sweep, jobs) = bench.submit(vec![once()]).await;
    bench.run(jobs[0], failure(FailureClass::Internal)).await;
    bench.amend(sweep, vec![once(), reader("b", &[0])]).await;
    assert_eq!(bench.stages(sweep).await, "a:failed b:skipped");
    assert_eq!(bench.sweep_state(sweep).await, "finished_with_failures");
}

#[tokio::test]
async fn added_jobs_are_reused_where_the_bytes_are_the_sweeps_own() {
    let bench = bench().await;
    let both = || vec![job("a"), reader("b", &[0])];
    let (_, old) = bench.submit(both()).await;
    bench.run(old[0], success("a")).await;
    bench.run(old[1], success("b")).await;
    let (sweep, _) = bench.submit(vec![job("a")]).await;
    let made = bench.amend(sweep, both()).await;
    assert_eq!((made.added, made.reused), (1, 1));
    assert_eq!(bench.sweep_state(sweep).await, "finished");
    let fresh = bench.store.write(Submit { reuse: false, ..plan(vec![job("a")]) }).await.unwrap().sweep;
    bench.run(bench.ids(fresh).await[0], success("a, in other bits")).await;
    let made = bench.amend(fresh, both()).await;
    assert_eq!((made.added, made.reused), (1, 0));
    assert_eq!(bench.stages(fresh).await, "a:succeeded b:ready");
}

#[tokio::test]
async fn limits_and_priorities_follow_the_plan() {
    let bench = bench().await;
    let budget = |hours| Budget { gpu_hours: Some(hours), cpu_hours: None };
    let first = Submit { budget: budget(1.0), ..plan(vec![job("a")]) };
    let sweep = bench.store.write(first.clone()).await.unwrap().sweep;
    let jobs = bench.ids(sweep).await;
    let token = bench.grant_on(sweep_shared::resources::DeviceClass::Cuda, jobs[0]).await;
    let spend = || Overspend { held: vec![(token, 3600.0)] };
    assert_eq!(bench.store.write(spend()).await.unwrap(), [sweep]);
    let more = NewJob { max_hours: Some(2.0), retries: 7, priority: 4, ..job("a") };
    let larger = Submit { amend: Some(sweep), budget: budget(2.0), priority: 3, ..plan(vec![more]) };
    bench.store.write(Submit { amend: Some(sweep), ..first }).await.unwrap();
    assert!(bench.store.sweep(sweep).await.unwrap().paused, "the same budget is as spent as before");
    bench.store.write(larger).await.unwrap();
    let row = bench.store.sweep(sweep).await.unwrap();
    assert!(!row.paused && row.budget == budget(2.0) && row.priority == 3);
    assert_eq!(bench.store.write(spend()).await.unwrap(), []);
    let live = read::live(&bench.store).await.unwrap();
    assert_eq!((live[0].priority, live[0].max_hours), (7, Some(2.0)));
    assert_eq!(bench.number("SELECT retries FROM jobs").await, 7);
}

#[tokio::test]
async fn the_same_plan_submitted_again_brings_its_new_limits() {
    let bench = bench().await;
    let again = |hours| Submit { continue_same: true, ..plan(vec![NewJob { max_hours: hours, ..job("a") }]) };
    let first = bench.store.write(again(None)).await.unwrap();
    let second = bench.store.write(again(Some(3.0))).await.unwrap();
    assert_eq!((second.sweep, second.created), (first.sweep, false));
    assert_eq!(bench.number("SELECT max_hours = 3 FROM jobs").await, 1);
}

#[tokio::test]
async fn a_cancelled_sweep_is_not_amended() {
    let bench = bench().await;
    let (sweep, _) = bench.submit(vec![job("a")]).await;
    bench.store.write(cancel(sweep)).await.unwrap();
    let refused = bench.store.write(amended(sweep, vec![job("b")])).await.unwrap_err();
    assert_eq!(refused.to_string(), "sweep s1 is cancelled: bring it back with a retry first");
    let unknown = bench.store.write(amended(SweepId(9), vec![job("b")])).await.unwrap_err();
    assert_eq!(unknown.to_string(), "sweep s9 does not exist");
}
