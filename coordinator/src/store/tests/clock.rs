//! A wall clock that is set moves what is measured by it, and nothing else.

use std::time::Duration;

use sweep_shared::states::FailureClass;

use super::super::testing::*;
use super::super::*;

const HOUR_MS: i64 = 3_600_000;

async fn moved(bench: &Bench, by_ms: i64) {
    bench.clock.set_wall_clock(by_ms);
    bench.store.write(ClockMoved { by_ms, longest_wait_ms: 60_000 }).await.unwrap();
}

async fn wait_ms(bench: &Bench) -> i64 {
    bench.number("SELECT not_before_ms FROM jobs").await - bench.store.clock.unix_ms()
}

#[tokio::test]
async fn a_wait_moves_with_the_clock_and_is_bounded() {
    let bench = bench().await;
    let (_, jobs) = bench.submit(vec![job("a")]).await;
    bench.run(jobs[0], failure(FailureClass::Internal)).await;
    assert_eq!(wait_ms(&bench).await, 1000);
    for by_ms in [5 * HOUR_MS, -9 * HOUR_MS] {
        moved(&bench, by_ms).await;
        assert_eq!(wait_ms(&bench).await, 1000);
    }
    // Set while nobody looked.
    bench.clock.set_wall_clock(-HOUR_MS);
    bench.store.write(ClockMoved { by_ms: 0, longest_wait_ms: 60_000 }).await.unwrap();
    assert_eq!(wait_ms(&bench).await, 60_000);
    assert_eq!(bench.number("SELECT count(*) FROM events WHERE what = 'clock_set'").await, 2);
}

#[tokio::test]
async fn what_runs_has_run_for_as_long_as_before_and_what_has_ended_stays_as_it_was() {
    let bench = bench().await;
    let (_, jobs) = bench.submit(vec![job("a"), job("b")]).await;
    bench.run(jobs[0], success("a")).await;
    let token = bench.token(jobs[1]).await;
    bench.report(token, report::Body::Accepted).await;
    bench.clock.advance(Duration::from_secs(7));
    let ended = bench.number("SELECT sum(finished_ms) + sum(started_ms) FROM attempts WHERE state = 'succeeded'").await;
    moved(&bench, 30 * HOUR_MS).await;
    let live = read::live(&bench.store).await.unwrap();
    assert_eq!((live.len(), live[0].held_s), (1, 7.0));
    let after = bench.number("SELECT sum(finished_ms) + sum(started_ms) FROM attempts WHERE state = 'succeeded'").await;
    assert_eq!(ended, after);
}
