//! Whoever waits at the terminal goes first.

use super::super::testing::*;
use super::super::*;

fn waited_for(stages: &[&str]) -> Submit {
    Submit { continue_same: true, ..plan(stages.iter().map(|stage| job(stage)).collect()) }
}

impl Bench {
    async fn order(&self) -> Vec<String> {
        let (cpu_bytes, cuda_bytes, served) = (Some(u64::MAX), None, None);
        let query = read::ReadyQuery { now_ms: i64::MAX, exclusive: false, cpu_bytes, cuda_bytes, limit: 100, served };
        self.store.ready(query).await.unwrap().into_iter().map(|ready| ready.stage).collect()
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
