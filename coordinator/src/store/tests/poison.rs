//! Reports that cannot be recorded.

use sweep_shared::ids::Token;
use sweep_shared::resources::Usage;

use super::super::report::{Body, Recorded, Report};
use super::super::testing::*;
use super::super::*;

fn spooled(seq: u64, token: Token, body: Body) -> Report {
    Report { token, spooled: Some((SPOOL.to_owned(), seq)), body }
}

#[tokio::test]
async fn a_report_that_makes_no_sense_is_acknowledged_with_its_attempt_failed_and_spoils_no_other() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a"), job("b"), NewJob { retries: 0, ..job("c") }]).await;
    let tokens: Vec<Token> = bench.grant(&jobs).await.iter().map(|granted| granted.token).collect();
    bench.report(tokens[2], Body::Finishing).await;
    let finished = |text: &str| Body::Finished { end: success(text), usage: Usage::ran(1.0) };
    let reports = vec![
        spooled(1, tokens[0], finished("a")),
        // Its processes ran and are gone: it is too late to refuse.
        spooled(2, tokens[2], Body::Refused { reason: "no memory".to_owned() }),
        spooled(3, tokens[1], finished("b")),
    ];
    let mut changes = bench.store.watch();
    let answers = bench.reports(reports).await.unwrap();
    assert_eq!(answers, [Recorded::Effective, Recorded::Stale, Recorded::Effective]);
    assert_eq!(bench.states(sweep).await, "succeeded succeeded failed");
    let message = bench.row(jobs[2]).await.message;
    assert_eq!(message, "its report could not be recorded: the attempt is finishing: refused is not possible");
    assert_eq!(bench.hello(AGENT, SPOOL, vec![]).await.acked_seq, 3, "it does not come again");
    assert_eq!(bench.number("SELECT count(*) FROM events WHERE what = 'report_refused'").await, 1);
    assert_eq!(changes.recv().await.unwrap().published, jobs[..2], "and nothing is told twice");
}

#[tokio::test]
async fn what_a_refused_report_had_begun_is_undone() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a")]).await;
    let token = bench.token(jobs[0]).await;
    // The same point's file twice with hashes of which the schema forbids one.
    bench.store.write(Forbid).await.unwrap();
    let answers =
        bench.reports(vec![spooled(1, token, Body::Finished { end: success("a"), usage: Usage::ran(1.0) })]).await;
    assert_eq!(answers.unwrap(), [Recorded::Stale]);
    assert_eq!(bench.states(sweep).await, "ready", "it may be tried again");
    assert_eq!(bench.row(jobs[0]).await.failure_class.as_deref(), Some("internal"));
    assert_eq!(bench.number("SELECT (SELECT count(*) FROM points) + (SELECT count(*) FROM blobs)").await, 0);
}

/// A mistake in the schema, as a later version may have one.
struct Forbid;

impl Command for Forbid {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let trigger = "CREATE TRIGGER no BEFORE INSERT ON point_files BEGIN SELECT raise(ABORT, 'not today'); END";
        sqlx::query(trigger).execute(&mut *tx.conn).await?;
        Ok(())
    }
}
