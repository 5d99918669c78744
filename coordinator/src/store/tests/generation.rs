//! A database restored from a backup, agents that come and go, and what they are asked.

use sweep_shared::ids::Token;
use sweep_shared::resources::Usage;

use super::super::report::{Body, Recorded, Report};
use super::super::testing::*;
use super::super::*;

async fn generation(bench: &Bench) -> String {
    bench.hello("another", "of another", vec![]).await.generation
}

#[tokio::test]
async fn an_agent_that_was_told_more_than_is_recorded_shows_that_the_database_is_old() {
    let bench = bench().await;
    let generation = generation(&bench).await;
    let told = |acked_seq| Hello { generation: generation.clone(), acked_seq, ..hello(AGENT, SPOOL, vec![]) };
    assert!(matches!(bench.store.write(told(0)).await.unwrap(), Greeted::Reconciled(_)));
    let Greeted::Restored(why) = bench.store.write(told(7)).await.unwrap() else { panic!("it was not noticed") };
    assert_eq!(why, "agent agent-1: its report 7 was acknowledged, and 0 is the last recorded");
    let elsewhere = Hello { generation: "of another time".to_owned(), ..told(7) };
    assert!(matches!(bench.store.write(elsewhere).await.unwrap(), Greeted::Reconciled(_)), "that was known before");
}

#[tokio::test]
async fn an_attempt_that_was_never_granted_shows_it_too() {
    let bench = bench().await;
    let generation = generation(&bench).await;
    let (_, jobs) = bench.submit(vec![job("a")]).await;
    let token = bench.token(jobs[0]).await;
    let with = |token| Hello { generation: generation.clone(), ..hello(AGENT, SPOOL, vec![token]) };
    assert!(matches!(bench.store.write(with(token)).await.unwrap(), Greeted::Reconciled(_)));
    bench.finish(token, success("a")).await;
    assert!(matches!(bench.store.write(with(token)).await.unwrap(), Greeted::Reconciled(_)), "it is over, but known");
    let other = Token { lease: token.lease ^ 1, ..token };
    let Greeted::Restored(why) = bench.store.write(with(other)).await.unwrap() else { panic!("it was not noticed") };
    assert_eq!(why, "agent agent-1: it has attempt 1 of job j1, which was never granted here");
}

#[tokio::test]
async fn a_new_generation_makes_every_older_token_worthless_and_counts_no_loss() {
    let bench = bench().await;
    let before = generation(&bench).await;
    let jobs = || vec![job("a"), job("b"), job("c"), job("d"), reader("e", &[0])];
    let (sweep, jobs) = bench.submit(jobs()).await;
    let tokens: Vec<Token> = bench.grant(&jobs[..4]).await.iter().map(|granted| granted.token).collect();
    bench.finish(tokens[3], success("d")).await;
    bench.store.write(pause(jobs[1])).await.unwrap();
    bench.store.write(cancel(jobs[2])).await.unwrap();
    let new = NewGeneration { name: "another generation".to_owned(), why: "it was old".to_owned() };
    assert_eq!(bench.store.write(new).await.unwrap(), tokens[..3]);
    assert_eq!(bench.states(sweep).await, "ready paused cancelled succeeded blocked");
    assert_eq!(bench.number("SELECT sum(losses + failures) FROM jobs").await, 0);
    let back = bench.hello(AGENT, SPOOL, tokens.clone()).await;
    assert_ne!(back.generation, before);
    assert_eq!((back.acked_seq, back.keep), (0, vec![]));
    assert_eq!(bench.finish(tokens[0], success("a")).await, Recorded::Stale);
    assert_eq!(bench.number("SELECT count(*) FROM events WHERE what = 'restored'").await, 1);
    assert_eq!(bench.run(jobs[0], success("a")).await.attempt, 2);
}

#[tokio::test]
async fn a_drain_lasts_until_the_agent_has_left_or_was_started_anew() {
    let bench = bench().await;
    let drain = || Drain { agent: AGENT.to_owned(), actor: ME.to_owned() };
    let unknown = bench.store.write(Drain { agent: "nobody".to_owned(), ..drain() }).await.unwrap_err();
    assert_eq!(unknown.to_string(), "agent nobody does not exist");
    let mut changes = bench.store.watch();
    assert!(bench.store.write(drain()).await.unwrap());
    assert_eq!(changes.recv().await.unwrap().drained, [AGENT]);
    assert!(!bench.store.write(drain()).await.unwrap(), "it knows");
    assert!(bench.hello(AGENT, SPOOL, vec![]).await.draining, "a reconnect is no reason to stay");
    assert!(read::agents(&bench.store, 9).await.unwrap()[0].draining);
    bench.store.write(Goodbye { agent: AGENT.to_owned(), reason: "drained".to_owned() }).await.unwrap();
    assert!(!bench.hello(AGENT, SPOOL, vec![]).await.draining);
    bench.store.write(drain()).await.unwrap();
    let mut anew = hello(AGENT, "spool-2", vec![]);
    anew.agent.incarnation = 2;
    let Greeted::Reconciled(back) = bench.store.write(anew).await.unwrap() else { panic!("it is no backup") };
    assert!(!back.draining);
}

#[tokio::test]
async fn goodbye_frees_what_the_agent_had_and_nothing_else() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a")]).await;
    let token = bench.token(jobs[0]).await;
    let goodbye = |agent: &str| Goodbye { agent: agent.to_owned(), reason: "drained".to_owned() };
    bench.hello("agent-2", "spool-2", vec![]).await;
    assert_eq!(bench.store.write(goodbye("agent-2")).await.unwrap(), []);
    assert_eq!(bench.states(sweep).await, "running");
    assert_eq!(bench.store.write(goodbye(AGENT)).await.unwrap(), [token]);
    assert_eq!(bench.states(sweep).await, "ready");
    assert_eq!(bench.number("SELECT losses + failures FROM jobs").await, 0);
}

#[tokio::test]
async fn a_finishing_attempt_is_live_until_its_files_are_there() {
    let bench = bench().await;
    let (sweep, jobs) = bench.submit(vec![job("a")]).await;
    let token = bench.token(jobs[0]).await;
    bench.report(token, Body::Finishing).await;
    bench.report(token, Body::Accepted).await;
    bench.report(token, Body::Finishing).await;
    assert!(read::live(&bench.store).await.unwrap()[0].finishing);
    assert_eq!(bench.hello(AGENT, SPOOL, vec![token]).await.keep, [token]);
    assert_eq!(bench.states(sweep).await, "running");
    let spooled = Some((SPOOL.to_owned(), 1));
    let end = Report { token, spooled, body: Body::Finished { end: success("a"), usage: Usage::ran(1.0) } };
    assert_eq!(bench.reports(vec![end]).await.unwrap(), [Recorded::Effective]);
    assert_eq!(bench.states(sweep).await, "succeeded");
}
