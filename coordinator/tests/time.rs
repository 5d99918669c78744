//! Clocks that are set, machines that sleep, databases from the past, and connections that come late.

mod support;

use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use support::{Agent, commands, failure, heard, hello, interrupted, open, site, site_with, success};
use sweep_coordinator::Backoff;
use sweep_shared::wire::v1;
use v1::agent_message::Body as Say;
use v1::coordinator_message::Body as Hear;

const HOUR_MS: i64 = 3_600_000;

fn ten_seconds() -> Backoff {
    Backoff { first: Duration::from_secs(10), jitter: 0.0, ..Backoff::default() }
}

#[tokio::test]
async fn a_wait_is_as_long_as_it_should_be_however_the_wall_clock_is_set() {
    for set in [5 * HOUR_MS, -5 * HOUR_MS] {
        let site = site_with(ten_seconds()).await;
        let mut agent = site.agent("a").await;
        let mut user = site.user().await;
        let made = user.submit(&commands(1)).await;
        let token = agent.assigned().await.token;
        let seq = agent.report(failure(token, "internal"));
        agent.acked(seq).await;
        site.clock.set_wall_clock(set);
        site.pass(Duration::from_secs(8)).await;
        assert_eq!(user.status(made.sweep).await.jobs[0].state, "ready", "{set}");
        let next = user.explain(1).await.next;
        assert!(next.contains(&"It is tried again in 2 s.".to_owned()), "{next:?}");
        site.pass(Duration::from_secs(4)).await;
        assert_eq!(agent.assigned().await.token.unwrap().attempt, 2, "{set}");
    }
}

#[tokio::test]
async fn a_clock_set_back_while_no_coordinator_ran_makes_no_wait_longer_than_the_longest() {
    let site = site_with(Backoff { longest: Duration::from_mins(1), ..ten_seconds() }).await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    user.submit(&commands(1)).await;
    let token = agent.assigned().await.token;
    let seq = agent.report(failure(token, "internal"));
    agent.acked(seq).await;
    let clock = site.clock.clone();
    let site = site.restart_after(move |_| clock.set_wall_clock(-5 * HOUR_MS)).await;
    let mut agent = site.agent("a").await;
    site.pass(Duration::from_mins(1)).await;
    agent.beat();
    assert_eq!(agent.assigned().await.token.unwrap().attempt, 2);
}

#[tokio::test]
async fn a_wall_clock_that_is_set_ends_no_lease_and_spends_no_hours() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    let plan = format!("budget: {{ cpu_hours: 1 }}\n{}", commands(1))
        .replace("stages:", "defaults: { max_hours: 1 }\nstages:");
    let made = user.submit(&plan).await;
    let token = agent.assigned().await.token;
    agent.begins(token).await;
    let _other = site.agent("other").await;
    for set in [30 * HOUR_MS, -60 * HOUR_MS] {
        site.clock.set_wall_clock(set);
        site.pass(Duration::from_secs(20)).await;
        let status = user.status(made.sweep).await;
        assert_eq!((status.jobs[0].state.as_str(), status.jobs[0].attempt), ("running", 1));
        assert!(!status.sweep.unwrap().paused);
    }
    agent.report(success(token, vec![]));
    assert_eq!(user.end(made.sweep).await, "finished");
}

#[tokio::test]
async fn a_database_from_a_backup_begins_a_new_generation_and_is_harmless() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    let made = user.submit(&commands(2)).await;
    let (first, second) = (agent.assigned().await.token, agent.assigned().await.token);
    let generation = agent.welcome.generation.clone();
    // A whole copy, as `sqlite3 .backup` makes it: no coordinator has the file open.
    let backup = tempfile::tempdir().unwrap();
    let copy = backup.path().join("sweep.db");
    let site = site
        .restart_after(|home| {
            std::fs::copy(home.join("sweep.db"), &copy).unwrap();
        })
        .await;
    let tokens = vec![first.unwrap(), second.unwrap()];
    let known = v1::Hello { generation: generation.clone(), ..hello("a", tokens.clone()) };
    let mut agent = Agent::with(&site, known.clone()).await;
    assert_eq!(agent.welcome.generation, generation);
    let seq = agent.report(success(first, vec![]));
    agent.acked(seq).await;
    let site = site
        .restart_after(|home| {
            std::fs::copy(&copy, home.join("sweep.db")).unwrap();
        })
        .await;
    // The agent knows of an acknowledgement that this database does not.
    let (_to, mut from) = open(&site, v1::Hello { acked_seq: seq, ..known.clone() }).await.unwrap();
    assert!(matches!(heard(from.message()).await, Ok(None) | Err(_)), "all sessions end");
    let renewed = v1::Hello { spool_id: "another".to_owned(), nth: 2, ..known };
    let mut back = Agent::with(&site, renewed).await;
    assert_ne!(back.welcome.generation, generation);
    assert_eq!((back.welcome.acked_seq, back.welcome.keep.clone()), (0, vec![]), "nothing older is worth anything");
    let mut user = site.user().await;
    let again = [back.assigned().await.token, back.assigned().await.token];
    assert_eq!(again.map(|token| token.unwrap().attempt), [2, 2]);
    // What the old attempts still say has no effect.
    back.report(success(second, vec![]));
    for token in again {
        back.report(success(token, vec![]));
    }
    assert_eq!(user.end(made.sweep).await, "finished");
}

#[tokio::test]
async fn what_an_older_connection_brings_late_frees_nothing() {
    let site = site().await;
    let mut user = site.user().await;
    let mut agent = Agent::with(&site, v1::Hello { nth: 2, ..hello("a", vec![]) }).await;
    let made = user.submit(&commands(1)).await;
    let token = agent.assigned().await.token;
    let (_to, mut from) = open(&site, v1::Hello { nth: 1, ..hello("a", vec![]) }).await.unwrap();
    let Hear::Refused(refused) = heard(from.message()).await.unwrap().unwrap().body.unwrap() else { panic!() };
    assert!(refused.reason.contains("a newer session of agent a"), "{}", refused.reason);
    let seq = agent.report(success(token, vec![]));
    agent.acked(seq).await;
    assert_eq!(user.end(made.sweep).await, "finished");
}

#[tokio::test]
async fn an_agent_is_told_how_much_of_a_log_is_here() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    user.submit(&commands(1)).await;
    let token = agent.assigned().await.token;
    agent.say(Say::Log(v1::LogChunk { token, offset: 0, data: b"hello".to_vec() }));
    let mut log = user.sweeps.logs(v1::LogsRequest { job: 1, attempt: 0, follow: true }).await.unwrap().into_inner();
    assert_eq!(heard(log.message()).await.unwrap().unwrap().data, b"hello");
    agent.cut();
    let back = Agent::connect(&site, "a", vec![token.unwrap()]).await;
    assert_eq!(back.welcome.logs, [v1::LogLength { token, bytes: 5 }]);
}

#[tokio::test]
async fn a_cancelled_attempt_of_an_agent_that_is_gone_for_good_is_let_go() {
    let site = site().await;
    let mut agent = site.agent("a").await;
    let mut user = site.user().await;
    let made = user.submit(&commands(1)).await;
    let token = agent.assigned().await.token;
    agent.cut();
    user.until_gone("a").await;
    user.sweeps.cancel(v1::TargetRequest { sweep: made.sweep, job: 0 }).await.unwrap();
    assert!(user.explain(1).await.reasons[1].contains("will be stopped when the agent is back"));
    site.pass(Duration::from_secs(20)).await;
    assert_eq!(user.explain(1).await.reasons.len(), 1);
    let mut back = Agent::connect(&site, "a", vec![token.unwrap()]).await;
    assert_eq!(back.welcome.keep, []);
    let seq = back.report(interrupted(token));
    back.acked(seq).await;
    assert_eq!(user.status(made.sweep).await.jobs[0].state, "cancelled");
}

#[tokio::test]
async fn who_asks_while_the_database_is_locked_is_answered() {
    let site = site().await;
    let mut user = site.user().await;
    let path = site.folder.path().join("sweep.db");
    let mut other = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    for _ in 0..3 {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        // The next turn has something to record: the one that the question is taken in.
        site.clock.set_wall_clock(HOUR_MS);
        for _ in 0..2 {
            heard(user.sweeps.list_agents(v1::ListRequest { limit: 0 })).await.unwrap();
        }
        sqlx::query("COMMIT").execute(&mut other).await.unwrap();
        site.running.poke().await;
        // A change: the database can be written again.
        user.submit(&commands(1)).await;
    }
}
