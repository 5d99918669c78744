//! The audit log tells who did what, and what became of it, in order.

use sweep_shared::states::FailureClass;

use super::super::report::{Body, End};
use super::super::testing::*;
use super::super::*;

impl Bench {
    /// Actor, what, job and attempt, detail.
    async fn log(&self) -> Vec<String> {
        let sql = "SELECT printf('%s %s%s%s%s', actor, what, coalesce(' j' || job, ''), coalesce('.' || attempt, ''),
                          CASE detail WHEN '' THEN '' ELSE ': ' || detail END) FROM events ORDER BY id";
        sqlx::query_scalar(sql).fetch_all(&self.store.readers).await.unwrap()
    }
}

#[tokio::test]
async fn a_jobs_story_can_be_read_from_it() {
    let bench = bench().await;
    let (_, jobs) = bench.submit(vec![NewJob { retries: 0, ..job("a") }, reader("b", &[0])]).await;
    let first = bench.token(jobs[0]).await;
    bench.report(first, Body::Accepted).await;
    bench.store.write(pause(jobs[0])).await.unwrap();
    bench.finish(first, End::Interrupted { reason: "paused".to_owned() }).await;
    bench.store.write(resume(jobs[0])).await.unwrap();
    let second = bench.token(jobs[0]).await;
    bench.report(second, Body::Finishing).await;
    bench.finish(second, failure(FailureClass::BadInput)).await;
    bench.store.write(Drain { agent: AGENT.to_owned(), actor: "bob@desk".to_owned() }).await.unwrap();
    bench.store.write(Goodbye { agent: AGENT.to_owned(), reason: "drained".to_owned() }).await.unwrap();
    assert_eq!(
        bench.log().await,
        [
            "sweep agent_joined: agent-1 on host, slots: 2",
            "alice@laptop submit: 2 jobs, 0 reused",
            "sweep running j1.1: on agent-1, cpu 0",
            "sweep attempt_running j1.1",
            "alice@laptop pause j1",
            "sweep paused j1.1: paused by alice@laptop",
            "sweep attempt_interrupted j1.1: paused",
            "sweep paused j1.1",
            "alice@laptop resume j1",
            "sweep ready j1.1",
            "sweep running j1.2: on agent-1, cpu 0",
            "sweep attempt_finishing j1.2",
            "sweep attempt_failed j1.2: it was bad_input",
            "sweep failed j1.2: it was bad_input",
            "sweep skipped j2: an input job did not succeed",
            "sweep finished_with_failures",
            "bob@desk drain: agent-1",
            "sweep agent_left: agent-1: drained",
        ]
    );
    assert_eq!(bench.number("SELECT count(*) FROM events WHERE job IS NOT NULL AND sweep IS NULL").await, 0);
}

#[tokio::test]
async fn what_was_refused_is_not_in_it() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a")]).await;
    bench.run(jobs[0], success("a")).await;
    let before = bench.log().await;
    assert!(bench.store.write(cancel(sweep)).await.is_err());
    assert!(bench.store.write(pause(jobs[0])).await.is_err());
    assert_eq!(bench.log().await, before);
}

#[tokio::test]
async fn watchers_hear_of_every_row() {
    let bench = bench().await;
    let mut changes = bench.store.watch();
    bench.store.write(Drain { agent: AGENT.to_owned(), actor: ME.to_owned() }).await.unwrap();
    assert_eq!(changes.recv().await.unwrap().events, 1);
    bench.store.write(Goodbye { agent: AGENT.to_owned(), reason: String::new() }).await.unwrap();
    assert_eq!(changes.recv().await.unwrap().events, 1);
}
