//! What is said, as whoever is woken by it reads it.

use std::time::Duration;

use sweep_shared::metrics::Metrics;
use sweep_shared::states::FailureClass;

use super::*;
use crate::notices::{Mood, Rules};
use crate::store::agents::{DeviceNews, NoteDevices};
use crate::store::notices::{Arrive, NoteLost};
use crate::store::report::{End, NewPoint};
use crate::store::testing::{AGENT, Bench, bench, failure, job, plan};
use crate::store::{NewJob, Overspend, Submit};

async fn town() -> Bench {
    let bench = bench().await;
    bench.store.set_rules(Rules { email: vec!["me@x.example".to_owned()], ..Rules::default() });
    bench
}

fn measured(accuracy: f64, size_bytes: f64) -> End {
    let values = [("accuracy", accuracy), ("size_onnx_bytes", size_bytes), ("latency_ms_b1", 1.5), ("training_s", 4.0)];
    let metrics: Metrics = values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    End::Success { points: vec![NewPoint { name: "main".to_owned(), metrics, files: vec![] }], artifacts: vec![] }
}

fn fragile(stage: &str) -> NewJob {
    NewJob { retries: 0, ..job(stage) }
}

/// The newest notice in words.
async fn newest(bench: &Bench) -> Message {
    let row = bench.store.copies(false, 1).await.unwrap().remove(0);
    let notice = bench.store.notice(row.copy.notice).await.unwrap();
    compose(&bench.store, "https://desk:7433/", &notice).await.unwrap()
}

#[tokio::test]
async fn a_finished_sweep_comes_with_its_best_rows_and_its_front() {
    let bench = town().await;
    let seeds = [0, 1].map(|seed| NewJob { seed, key: format!("large {seed}"), ..job("large") });
    let (sweep, jobs) = bench.submit([seeds.to_vec(), vec![job("small"), job("beaten")]].concat()).await;
    bench.clock.advance(Duration::from_mins(125));
    bench.run(jobs[0], measured(0.93, 2e6)).await;
    bench.run(jobs[1], measured(0.91, 2e6)).await;
    bench.run(jobs[3], measured(0.80, 3e6)).await;
    bench.run(jobs[2], measured(0.90, 5e5)).await;
    let message = newest(&bench).await;
    assert_eq!((message.event.as_str(), message.mood), ("sweep_finished", Mood::Good));
    assert_eq!(message.title, "test is finished: 4 jobs, best 92.00 %");
    assert_eq!(message.link.as_deref(), Some(format!("https://desk:7433/sweeps/{sweep}").as_str()));
    assert_eq!(message.lines[..2], ["All 4 jobs succeeded.", "Best: 92.00 %, large."]);
    assert_eq!(message.lines[2], "It took 2 h 05 min.", "seconds of a machine are worth no word");
    let table = message.table.unwrap();
    assert_eq!(table.head, ["", "accuracy", "size of the ONNX file", "latency (batch 1)"]);
    let names: Vec<&str> = table.rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(names, ["large", "small", "beaten"], "the front first, the best of it first");
    assert!(table.rows[0][1].starts_with("92.00 % ± 1.4"), "{:?}", table.rows[0]);
    let plot = message.plot.unwrap();
    assert!(plot.starts_with("<svg") && plot.contains("test: accuracy against"), "{}", &plot[..200]);
    let facts = message.facts;
    assert_eq!((&facts["state"], &facts["best"]["metric"]), (&"finished".into(), &"accuracy".into()));
    assert_eq!(facts["jobs"]["succeeded"], 4);
}

#[tokio::test]
async fn a_failed_sweep_says_which_why_and_what_to_do() {
    let bench = town().await;
    let stages = ["a", "b", "c", "d", "e", "f", "g"];
    let (sweep, jobs) = bench.submit(stages.iter().map(|stage| fragile(stage)).collect()).await;
    bench.run(jobs[0], measured(0.5, 1e6)).await;
    for job in &jobs[1..] {
        bench.run(*job, failure(FailureClass::Diverged)).await;
    }
    let message = newest(&bench).await;
    assert_eq!((message.event.as_str(), message.mood), ("sweep_failed", Mood::Trouble));
    assert_eq!(message.title, "test ended: 6 of 7 jobs failed, best 50.00 %");
    assert_eq!(message.lines[0], "Of 7 jobs: 1 succeeded, 6 failed.");
    assert_eq!(message.lines[1], "j2 b failed, diverged: it was diverged");
    assert_eq!(message.lines[6], "… and 1 more failed job.");
    assert!(message.lines[7].contains("learning rate") && message.lines[7].contains("--amend"), "{:?}", message.lines);
    assert_eq!(message.facts["failed"].as_array().unwrap().len(), 5);
    assert_eq!((message.facts["sweep"].as_str(), message.plot), (Some(sweep.to_string().as_str()), None));
}

#[tokio::test]
async fn one_failed_job_leads_to_that_job() {
    let bench = town().await;
    let (_, jobs) = bench.submit(vec![fragile("a"), fragile("b")]).await;
    bench.run(jobs[1], failure(FailureClass::BadInput)).await;
    let message = newest(&bench).await;
    assert_eq!(message.title, "test: b failed (bad input)");
    assert_eq!(message.link.as_deref(), Some("https://desk:7433/jobs/j2"));
    assert!(message.lines.iter().any(|line| line.contains("`sweep retry j2`")), "{:?}", message.lines);
    bench.store.write(crate::store::testing::retry(jobs[1])).await.unwrap();
    let message = newest(&bench).await;
    assert_eq!(message.title, "test: 1 job failed");
    assert_eq!(message.lines[0], "1 was tried again meanwhile.");
}

#[tokio::test]
async fn a_sweep_without_measurements_is_told_without_a_table() {
    let bench = town().await;
    let (_, jobs) = bench.submit(vec![job("a")]).await;
    bench.run(jobs[0], End::Success { points: vec![], artifacts: vec![] }).await;
    let message = newest(&bench).await;
    assert_eq!((message.title.as_str(), message.table, message.plot), ("test is finished: 1 job", None, None));
    assert_eq!(message.lines[0], "Its job succeeded.");
}

#[tokio::test]
async fn a_spent_budget_says_how_to_go_on() {
    let bench = town().await;
    let budget = sweep_shared::plan::Budget { cpu_hours: Some(0.5), gpu_hours: None };
    let sweep = bench.store.write(Submit { budget, ..plan(vec![job("a"), job("b")]) }).await.unwrap().sweep;
    let token = bench.token(bench.ids(sweep).await[0]).await;
    bench.store.write(Overspend { held: vec![(token, 3600.0)] }).await.unwrap();
    let message = newest(&bench).await;
    assert_eq!(message.title, "test is paused: its budget is spent");
    assert!(message.lines.iter().any(|line| line.contains("`sweep resume s1`")), "{:?}", message.lines);
    assert!(message.lines.last().unwrap().ends_with("and it is paused."), "{:?}", message.lines);
}

#[tokio::test]
async fn what_concerns_no_sweep_is_told_with_what_to_do() {
    let bench = town().await;
    bench.store.write(NoteLost { agents: vec![AGENT.to_owned()] }).await.unwrap();
    let message = newest(&bench).await;
    assert_eq!(message.title, "Agent agent-1 on host is lost");
    assert_eq!(message.lines[0], "2023-11-14 22:13 UTC: agent-1 on host; it ran nothing.");
    assert_eq!(message.link.as_deref(), Some("https://desk:7433/agents"));

    let news = |gpu: u32| DeviceNews { what: "device_excluded", detail: format!("lab-1, GPU {gpu}: Xid 79") };
    bench.store.write(NoteDevices { news: vec![news(0), news(1)] }).await.unwrap();
    let message = newest(&bench).await;
    assert_eq!((message.title.as_str(), message.event.as_str()), ("2 GPUs are out of use", "device_failed"));
    assert!(message.lines[1].ends_with("lab-1, GPU 1: Xid 79."), "{:?}", message.lines);

    bench.store.write(Arrive).await.unwrap();
    bench.store.write(Arrive).await.unwrap();
    let message = newest(&bench).await;
    assert_eq!((message.event.as_str(), message.mood), ("coordinator_restarted", Mood::Trouble));
    assert!(message.lines[0].contains("It had not been stopped"), "{:?}", message.lines);
}
