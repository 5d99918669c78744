use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use sweep_shared::ids::{ContentHash, JobId, SweepId};
use sweep_shared::states::{FailureClass, JobState};

use super::carry_out::Outcome;
use super::*;
use crate::artifacts::Artifacts;
use crate::home::Home;
use crate::store::read;
use crate::store::report::Body;
use crate::store::testing::*;

const DAY_MS: i64 = 86_400_000;
const NOW: i64 = 100 * DAY_MS;

fn file(hash: &str, bytes: u64) -> FileFacts {
    FileFacts { name: "state".to_owned(), hash: hash.to_owned(), bytes }
}

fn checkpoint(epoch: u32, files: Vec<FileFacts>) -> Checkpoint {
    Checkpoint { attempt: 1, epoch, position: i64::from(epoch) << 32, files }
}

/// A job that ended so many days ago, with something of everything.
fn ended(job: i64, state: JobState, days: i64) -> JobFacts {
    JobFacts {
        job: JobId(job),
        sweep: SweepId(1),
        name: "base".to_owned(),
        state,
        finished_ms: Some(NOW - days * DAY_MS),
        is_live: false,
        unread: 0,
        checkpoints: vec![checkpoint(3, vec![file(&format!("c{job}"), 100)])],
        points: vec![Point { name: "main".to_owned(), files: vec![file(&format!("p{job}"), 10)] }],
        logs: vec![Log { attempt: 1, bytes: 1 }, Log { attempt: 2, bytes: 1 }],
    }
}

fn goes(jobs: Vec<JobFacts>, retention: &Retention) -> Vec<(i64, &'static str, u64)> {
    let facts = Facts { now_ms: NOW, jobs, shared: BTreeMap::new() };
    decide(&facts, retention).iter().map(|v| (v.job.0, v.thing.word(), v.bytes)).collect()
}

#[test]
fn checkpoints_go_a_week_after_a_failure_and_logs_a_month_after_a_success() {
    let jobs = vec![
        ended(1, JobState::Failed, 6),
        ended(2, JobState::Failed, 7),
        ended(3, JobState::Cancelled, 8),
        ended(4, JobState::Skipped, 8),
        ended(5, JobState::Stopped, 8),
        ended(6, JobState::Succeeded, 29),
        ended(7, JobState::Succeeded, 30),
        ended(8, JobState::Failed, 99),
    ];
    let expected = [
        (2, "checkpoints", 100),
        (3, "checkpoints", 100),
        (4, "checkpoints", 100),
        (5, "checkpoints", 100),
        (7, "logs", 2),
        (8, "checkpoints", 100),
    ];
    assert_eq!(goes(jobs, &Retention::default()), expected, "logs of failures stay, and networks");
}

#[test]
fn nothing_goes_of_what_is_not_over_or_still_lives() {
    let all = Retention { checkpoints: Some(Duration::ZERO), logs: Some(Duration::ZERO), points: Some(Duration::ZERO) };
    let open = [JobState::Blocked, JobState::Ready, JobState::Running, JobState::Paused];
    let open = open.map(|state| JobFacts { finished_ms: None, ..ended(1, state, 99) }).to_vec();
    assert_eq!(goes(open, &all), []);
    let live = JobFacts { is_live: true, ..ended(1, JobState::Cancelled, 99) };
    assert_eq!(goes(vec![live], &all), [], "its runner may still write");
    // A clock that was set back is no reason either.
    assert_eq!(goes(vec![ended(1, JobState::Failed, -1)], &Retention::default()), []);
}

#[test]
fn networks_go_only_where_that_is_set_and_nobody_has_yet_to_read_them() {
    let retention = Retention { points: Some(Duration::from_hours(24)), logs: None, checkpoints: None };
    let unread = JobFacts { unread: 1, ..ended(1, JobState::Succeeded, 9) };
    let read = ended(2, JobState::Succeeded, 9);
    assert_eq!(goes(vec![unread, read.clone()], &retention), [(2, "points", 10)]);
    assert_eq!(goes(vec![read], &Retention { points: None, ..retention }), []);
}

#[test]
fn what_comes_free_counts_a_shared_file_with_the_last_that_goes() {
    let shared = |job| JobFacts {
        checkpoints: vec![checkpoint(1, vec![file("same", 50), file(&format!("own{job}"), 1)])],
        ..ended(job, JobState::Failed, 9)
    };
    let facts = |users| Facts {
        now_ms: NOW,
        jobs: vec![shared(1), shared(2)],
        shared: BTreeMap::from([("same".to_owned(), users)]),
    };
    let freed = |users| decide(&facts(users), &Retention::default()).iter().map(|v| v.bytes).collect::<Vec<_>>();
    assert_eq!(freed(2), [1, 51]);
    assert_eq!(freed(3), [1, 1], "a third still names it");
}

#[test]
fn why_is_told_in_words() {
    let facts = Facts { now_ms: NOW, jobs: vec![ended(1, JobState::Failed, 9)], shared: BTreeMap::new() };
    assert_eq!(decide(&facts, &Retention::default())[0].why, "failed 9 days ago");
}

/// A home whose jobs ended in every way, with a blob for each file, and logs.
async fn used() -> (Bench, Home, Artifacts) {
    let bench = bench().await;
    let home = Home::new(bench.folder.path());
    let artifacts = Artifacts::new(home.clone(), 1 << 20);
    let (_, jobs) = bench.submit(vec![job("a"), job("b"), reader("c", &[0]), job("d")]).await;
    bench.run(jobs[0], success("model of a")).await;
    let failing = bench.token(jobs[1]).await;
    let files = vec![blob("state", "state of b")];
    bench.report(failing, Body::Checkpoint { epoch: 1, step: 0, files }).await;
    bench.finish(failing, failure(FailureClass::BadInput)).await;
    bench.run(jobs[3], success("model of d")).await;
    for text in ["model of a", "state of b", "model of d"] {
        let path = home.blob(&ContentHash::of(text.as_bytes()));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        // Nobody has asked for it lately.
        fs::File::open(&path).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    }
    for job in &jobs {
        let log = home.log(*job, 1);
        fs::create_dir_all(log.parent().unwrap()).unwrap();
        fs::write(log, "said").unwrap();
    }
    (bench, home, artifacts)
}

fn everything(dry_run: bool) -> Order {
    let at_once = Some(Duration::ZERO);
    let retention = Retention { checkpoints: at_once, logs: at_once, points: at_once };
    Order { retention, sweep: None, dry_run, actor: ME.to_owned() }
}

fn told(outcome: &Outcome) -> Vec<(i64, &'static str, usize, u64)> {
    outcome.verdicts.iter().map(|v| (v.job.0, v.thing.word(), v.thing.count(), v.bytes)).collect()
}

#[tokio::test]
async fn a_look_changes_nothing_and_then_exactly_that_goes() {
    let (bench, home, artifacts) = used().await;
    let there = |text: &str| home.blob(&ContentHash::of(text.as_bytes())).exists();
    let run = async |order| carry_out(&bench.store, &artifacts, &home, NOW, &order).await.unwrap();
    let expected = vec![(1, "logs", 1, 4), (2, "checkpoints", 1, 10), (4, "points", 1, 10), (4, "logs", 1, 4)];
    assert_eq!(told(&run(everything(true)).await), expected, "c has yet to read a");
    assert!(there("state of b") && home.log(JobId(1), 1).exists());
    assert_eq!(told(&run(everything(false)).await), expected);
    assert!(there("model of a") && !there("state of b") && !there("model of d"));
    let left: Vec<bool> = (1..=4).map(|job| home.log(JobId(job), 1).exists()).collect();
    assert_eq!(left, [false, true, true, false], "logs of failures and of what is not over stay");
    assert_eq!(bench.number("SELECT count(*) FROM events WHERE what = 'gc' AND actor = 'alice@laptop'").await, 3);
    assert_eq!(bench.number("SELECT count(*) FROM points WHERE job = 4").await, 1, "its numbers stay");
    assert_eq!(told(&run(everything(false)).await), []);
    let sound =
        crate::store::upkeep::check(&home, crate::store::upkeep::Depth::Full, &crate::artifacts::ArtifactsIn::Unsaid)
            .await
            .unwrap();
    assert!(sound.is_sound(), "{sound:#?}");
    // What has lost its files stands for no other job.
    let (sweep, _) = bench.submit(vec![job("d")]).await;
    assert_eq!(bench.states(sweep).await, "ready");
}

#[tokio::test]
async fn what_was_retried_meanwhile_stays() {
    let (bench, home, _) = used().await;
    let facts = read::retention_facts(&bench.store, NOW, None).await.unwrap();
    let verdicts = decide(&facts, &everything(false).retention);
    bench.store.write(retry(JobId(2))).await.unwrap();
    let retired = bench.store.write(crate::store::Retire { verdicts, actor: ME.to_owned() }).await.unwrap();
    assert!(retired.iter().all(|verdict| verdict.job != JobId(2)), "{retired:?}");
    assert_eq!(bench.number("SELECT count(*) FROM checkpoints WHERE job = 2").await, 1);
    assert!(home.blob(&ContentHash::of(b"state of b")).exists());
}
