//! Which attempt went on from which.

use sweep_shared::event::Epoch;
use sweep_shared::ids::{JobId, Token};

use super::super::report::{Body, End};
use super::super::testing::*;

fn epoch(epoch: u32) -> Epoch {
    Epoch { epoch, epochs: 9, phase: String::new(), metrics: [("loss".to_owned(), 1.0)].into() }
}

impl Bench {
    async fn epochs(&self, token: Token, epochs: &[u32], resumed: Option<(u32, u64)>) {
        let epochs = epochs.iter().map(|at| epoch(*at)).collect();
        self.report(token, Body::Progress { epochs, resumed }).await;
    }

    async fn checkpoint(&self, token: Token, epoch: u32, step: u64) {
        let files = vec![blob("state", &format!("{token} {epoch} {step}"))];
        self.report(token, Body::Checkpoint { epoch, step, files }).await;
    }

    async fn stop(&self, token: Token) {
        self.finish(token, End::Interrupted { reason: "drained".to_owned() }).await;
    }

    /// By attempt: whose checkpoint it went on from.
    async fn lineage(&self) -> Vec<i64> {
        let sql = "SELECT resumed_attempt FROM attempts ORDER BY number";
        sqlx::query_scalar(sql).fetch_all(&self.store.readers).await.unwrap()
    }
}

#[tokio::test]
async fn an_attempt_names_the_one_whose_checkpoint_it_went_on_from() {
    let bench = bench().await;
    let (_, jobs) = bench.submit(vec![job("a")]).await;
    let first = bench.token(jobs[0]).await;
    bench.checkpoint(first, 1, 0).await;
    bench.checkpoint(first, 2, 0).await;
    bench.stop(first).await;
    let second = bench.token(jobs[0]).await;
    // It wrote nothing of its own before it was stopped.
    bench.epochs(second, &[], Some((2, 0))).await;
    bench.stop(second).await;
    let third = bench.token(jobs[0]).await;
    bench.epochs(third, &[], Some((2, 0))).await;
    bench.checkpoint(third, 2, 40).await;
    bench.stop(third).await;
    let fourth = bench.token(jobs[0]).await;
    bench.epochs(fourth, &[], Some((2, 40))).await;
    assert_eq!(bench.lineage().await, [0, 1, 1, 3]);
    assert_eq!(bench.row(jobs[0]).await.resumed_epoch, 2);
}

#[tokio::test]
async fn a_word_that_comes_late_still_finds_whose_checkpoint_it_was() {
    let bench = bench().await;
    let (_, jobs) = bench.submit(vec![job("a")]).await;
    let first = bench.token(jobs[0]).await;
    bench.epochs(first, &[1, 2], None).await;
    bench.checkpoint(first, 2, 0).await;
    bench.stop(first).await;
    let second = bench.token(jobs[0]).await;
    for epoch in 3..=4 {
        bench.checkpoint(second, epoch, 0).await;
    }
    bench.epochs(second, &[3, 4], Some((2, 0))).await;
    assert_eq!(bench.lineage().await, [0, 1]);
}

#[tokio::test]
async fn checkpoints_whose_files_are_gone_are_forgotten_and_the_one_before_is_used() {
    let bench = bench().await;
    let (_, jobs): (_, Vec<JobId>) = bench.submit(vec![job("a"), job("b")]).await;
    for job in &jobs {
        let token = bench.token(*job).await;
        bench.checkpoint(token, 1, 0).await;
        bench.checkpoint(token, 2, 0).await;
        bench.stop(token).await;
    }
    assert_eq!(bench.store.drop_broken_checkpoints(|_| true).await.unwrap(), 0);
    let gone = blob("state", "j1.1 2 0").hash;
    assert_eq!(bench.store.drop_broken_checkpoints(|hash| *hash != gone).await.unwrap(), 1);
    let granted = bench.grant(&jobs).await;
    let epochs = |at: usize| granted[at].checkpoints.iter().map(|c| c.epoch).collect::<Vec<_>>();
    assert_eq!((epochs(0), epochs(1)), (vec![1], vec![2, 1]));
}
