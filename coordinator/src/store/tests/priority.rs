//! Whoever waits at the terminal goes first.

use super::super::testing::*;
use super::super::*;

fn waited_for(stages: &[&str]) -> Submit {
    Submit { continue_same: true, ..plan(stages.iter().map(|stage| job(stage)).collect()) }
}

impl Bench {
    async fn order(&self) -> Vec<String> {
        self.store
            .ready(read::ReadyQuery { cuda_bytes: None, ..any_ready() })
            .await
            .unwrap()
            .into_iter()
            .map(|ready| ready.stage)
            .collect()
    }
}

#[tokio::test]
async fn a_plan_that_is_waited_for_goes_before_what_others_left() {
    let bench = bench().await;
    bench.store.write(waited_for(&["a1", "a2"])).await.unwrap();
    assert_eq!(bench.number("SELECT max(priority) FROM jobs").await, 0, "there was nobody to pass");
    bench.store.write(waited_for(&["b1"])).await.unwrap();
    bench.submit(vec![job("c1")]).await;
    assert_eq!(bench.order().await, ["b1", "a1", "a2", "c1"]);
    let joined = bench.store.write(waited_for(&["a1", "a2"])).await.unwrap();
    assert!(!joined.created);
    assert_eq!(bench.order().await, ["a1", "a2", "b1", "c1"]);
    bench.store.write(waited_for(&["a1", "a2"])).await.unwrap();
    assert_eq!(bench.number("SELECT max(priority) FROM jobs").await, 2, "it is the first already");
}

#[tokio::test]
async fn what_is_over_is_nobody_to_pass() {
    let bench = bench().await;
    bench.store.write(waited_for(&["a1"])).await.unwrap();
    bench.store.write(waited_for(&["b1"])).await.unwrap();
    let jobs = bench.ids(sweep_shared::ids::SweepId(2)).await;
    bench.run(jobs[0], success("b")).await;
    bench.store.write(waited_for(&["a1"])).await.unwrap();
    assert_eq!(bench.number("SELECT priority FROM jobs WHERE sweep = 1").await, 0);
}

#[tokio::test]
async fn live_changes_reorder_the_queue_and_tell_what_runs() {
    let bench = bench().await;
    let ranked = |stage: &str, priority| NewJob { priority, ..job(stage) };
    let (first, one) = bench.submit(vec![ranked("a", 0), ranked("b", 5), ranked("c", -5)]).await;
    let (second, two) = bench.submit(vec![ranked("d", 0)]).await;
    assert_eq!(bench.order().await, ["b", "a", "d", "c"]);
    let set = |target: Target, priority| SetPriority { target, priority, actor: ME.to_owned() };
    assert_eq!(bench.store.write(set(second.into(), 3)).await.unwrap(), 1);
    assert_eq!(bench.order().await, ["b", "d", "a", "c"]);
    assert_eq!(bench.store.write(set(one[2].into(), 9)).await.unwrap(), 1);
    assert_eq!(bench.order().await, ["c", "b", "d", "a"]);
    bench.token(two[0]).await;
    let mut changes = bench.store.watch();
    assert_eq!(bench.store.write(set(second.into(), -1)).await.unwrap(), 1);
    let told = changes.recv().await.unwrap();
    assert_eq!((told.priorities.clone(), told.ready), (vec![(two[0], -1)], true));
    bench.store.write(Pause { target: two[0].into(), actor: ME.to_owned() }).await.unwrap();
    bench.store.write(set(second.into(), -2)).await.unwrap();
    changes.recv().await.unwrap();
    let told = changes.recv().await.unwrap();
    assert_eq!(told.priorities, [(two[0], -2)], "its attempt lives, and may go on with it");
    bench.run(one[0], success("a")).await;
    let refused = bench.store.write(set(one[0].into(), 1)).await.unwrap_err();
    assert_eq!(refused.to_string(), "job j1 is succeeded already");
    assert_eq!(bench.store.write(set(first.into(), i32::MAX)).await.unwrap(), 2);
    assert_eq!(bench.number("SELECT max(priority) FROM jobs").await, i64::from(i32::MAX) + 9);
}
