//! The outbox: a notice is there if and only if what it tells is.

mod property;

use std::time::Duration;

use sweep_shared::notices::Notify;
use sweep_shared::states::FailureClass;

use super::super::testing::*;
use super::super::*;
use super::*;
use crate::notices::Rules;

fn me() -> Address {
    Address::Email("me@x.example".to_owned())
}

fn rules() -> Rules {
    Rules { email: vec!["me@x.example".to_owned()], webhook: vec!["lab".to_owned()], ..Rules::default() }
}

async fn told() -> Bench {
    let bench = bench().await;
    bench.store.set_rules(rules());
    bench
}

fn fragile(stage: &str) -> NewJob {
    NewJob { retries: 0, ..job(stage) }
}

/// Every copy: `occasion×times channel state`, the oldest notice first.
async fn outbox(bench: &Bench) -> Vec<String> {
    let mut all = Vec::new();
    for row in bench.store.copies(false, 1000).await.unwrap().into_iter().rev() {
        let notice = bench.store.notice(row.copy.notice).await.unwrap();
        all.push(format!("{}×{} {} {}", row.occasion, notice.times, row.copy.to.channel(), row.state));
    }
    all
}

async fn due(bench: &Bench) -> Vec<Due> {
    bench.store.due_copies(bench.clock.unix_ms()).await.unwrap()
}

#[tokio::test]
async fn a_sweeps_end_and_its_notice_are_one_commit() {
    let bench = told().await;
    let (sweep, jobs) = bench.submit(vec![job("a")]).await;
    let mut changes = bench.store.watch();
    bench.run(jobs[0], success("x")).await;
    assert_eq!(bench.sweep_state(sweep).await, "finished");
    assert_eq!(outbox(&bench).await, ["finished×1 webhook queued", "finished×1 email queued"]);
    let mut woken = false;
    while let Ok(commit) = changes.try_recv() {
        woken |= commit.notices;
    }
    assert!(woken, "whoever delivers is woken");
    let notice = bench.store.notice(due(&bench).await[0].copy.notice).await.unwrap();
    assert_eq!(notice.sweep, Some(sweep));
    let rows = bench.store.told_events(&notice, "finished", 9).await.unwrap();
    assert_eq!(rows.len(), 1, "it knows the very rows of the audit log");
    assert_eq!(rows[0].sweep, sweep.0);
}

#[tokio::test]
async fn what_is_refused_is_not_told() {
    let bench = told().await;
    let (sweep, jobs) = bench.submit(vec![fragile("a")]).await;
    let token = bench.token(jobs[0]).await;
    bench.store.write(cancel(sweep)).await.unwrap();
    let again = bench.store.write(cancel(sweep)).await;
    assert!(again.is_err() || again.is_ok_and(|changed| changed == 0));
    bench.finish(token, failure(FailureClass::BadInput)).await;
    assert_eq!(
        outbox(&bench).await,
        Vec::<String>::new(),
        "whoever cancels knows, and what it says then counts no more"
    );
}

#[tokio::test]
async fn jobs_that_fail_together_are_one_notice_and_the_end_takes_it_in() {
    let bench = told().await;
    let stages = ["a", "b", "c", "d"];
    let (_, jobs) = bench.submit(stages.iter().map(|stage| fragile(stage)).collect()).await;
    for job in &jobs[..3] {
        bench.run(*job, failure(FailureClass::BadInput)).await;
        bench.clock.advance(Duration::from_secs(20));
    }
    assert_eq!(outbox(&bench).await, ["job_failed×3 webhook queued", "job_failed×3 email queued"]);
    assert!(due(&bench).await.is_empty(), "more is waited for");
    let (next, now) = (bench.store.next_copy_ms(bench.clock.unix_ms()).await.unwrap().unwrap(), bench.clock.unix_ms());
    assert_eq!(next - now, 60_000, "two minutes from the first");
    bench.run(jobs[3], failure(FailureClass::BadInput)).await;
    assert_eq!(
        outbox(&bench).await,
        [
            "job_failed×4 webhook folded",
            "job_failed×4 email folded",
            "failed×1 webhook queued",
            "failed×1 email queued"
        ]
    );
    let ready = due(&bench).await;
    assert_eq!(ready.len(), 2);
    let folded = bench.store.copies(false, 9).await.unwrap();
    assert!(folded.iter().filter(|row| row.state == "folded").all(|row| row.into == Some(ready[0].copy.notice)));
}

#[tokio::test]
async fn a_retry_that_may_come_is_no_failure() {
    let bench = told().await;
    let (_, jobs) = bench.submit(vec![job("a"), job("b")]).await;
    bench.run(jobs[0], failure(FailureClass::Internal)).await;
    assert_eq!(outbox(&bench).await, Vec::<String>::new());
}

#[tokio::test]
async fn failures_that_go_on_are_told_soon_and_then_rarely() {
    let bench = told().await;
    let (_, jobs) = bench.submit((0..4).map(|n| fragile(&format!("s{n}"))).collect()).await;
    bench.run(jobs[0], failure(FailureClass::BadInput)).await;
    bench.clock.advance(Duration::from_mins(3));
    bench.run(jobs[1], failure(FailureClass::BadInput)).await;
    bench.clock.advance(Duration::from_mins(20));
    bench.run(jobs[2], failure(FailureClass::BadInput)).await;
    let times: Vec<String> = outbox(&bench).await.into_iter().filter(|row| row.contains("email")).collect();
    assert_eq!(times, ["job_failed×1 email queued", "job_failed×2 email queued"]);
    assert_eq!(due(&bench).await.len(), 2, "only the first is due");
    bench.clock.advance(Duration::from_mins(10));
    assert_eq!(due(&bench).await.len(), 4);
}

#[tokio::test]
async fn what_has_its_words_takes_in_no_more() {
    let bench = told().await;
    let (_, jobs) = bench.submit(vec![fragile("a"), fragile("b"), fragile("c")]).await;
    bench.run(jobs[0], failure(FailureClass::BadInput)).await;
    let notice = bench.store.copies(true, 1).await.unwrap()[0].copy.notice;
    let words = |times| Worded { notice, times, title: "t".to_owned(), message_json: "{}".to_owned() };
    bench.run(jobs[1], failure(FailureClass::BadInput)).await;
    assert!(!bench.store.write(words(1)).await.unwrap(), "one more has joined since it was read");
    assert!(bench.store.write(words(2)).await.unwrap());
    assert!(!bench.store.write(words(2)).await.unwrap(), "its words stay");
    bench.run(jobs[2], failure(FailureClass::BadInput)).await;
    let all = outbox(&bench).await;
    assert!(
        all.contains(&"job_failed×2 email folded".to_owned()) && all.contains(&"job_failed×1 email folded".to_owned())
    );
}

#[tokio::test]
async fn a_copy_is_marked_once_and_its_words_go_with_the_last() {
    let bench = told().await;
    let (_, jobs) = bench.submit(vec![job("a")]).await;
    bench.run(jobs[0], success("x")).await;
    let ready = due(&bench).await;
    let notice = ready[0].copy.notice;
    let words = Worded { notice, times: 1, title: "t".to_owned(), message_json: "{}".to_owned() };
    bench.store.write(words).await.unwrap();
    let mark = |at: usize, outcome| Mark { copy: ready[at].copy.clone(), outcome };
    let later = Outcome::Later { why: "busy".to_owned(), not_before_ms: bench.clock.unix_ms() + 5 };
    assert!(bench.store.write(mark(0, later)).await.unwrap());
    assert_eq!(due(&bench).await.len(), 1);
    bench.clock.advance(Duration::from_millis(5));
    assert_eq!(due(&bench).await.iter().find(|due| due.copy == ready[0].copy).unwrap().tries, 1);
    let sent = || Outcome::Sent { answer: "250 OK".to_owned() };
    assert!(bench.store.write(mark(0, sent())).await.unwrap());
    assert!(bench.store.notice(notice).await.unwrap().message_json.is_some());
    assert!(!bench.store.write(mark(0, sent())).await.unwrap());
    assert!(bench.store.write(mark(1, Outcome::Failed { why: "550 unknown".to_owned() })).await.unwrap());
    assert_eq!(bench.store.notice(notice).await.unwrap().message_json, None);
    let counts = bench.store.copy_counts().await.unwrap();
    let counts: Vec<_> = counts.iter().map(|c| format!("{} {} {}", c.channel, c.state, c.copies)).collect();
    assert_eq!(counts.len(), 2, "{counts:?}");
    assert_eq!(bench.store.sent_to(&ready[0].copy.to, 0).await.unwrap(), [bench.clock.unix_ms()]);
}

#[tokio::test]
async fn too_many_for_an_address_become_one_and_others_keep_theirs() {
    let bench = told().await;
    for stage in ["a", "b", "c"] {
        let (_, jobs) = bench.submit(vec![job(stage)]).await;
        bench.run(jobs[0], success(stage)).await;
    }
    let notices: Vec<NoticeId> =
        due(&bench).await.iter().filter(|due| due.copy.to == me()).map(|due| due.copy.notice).collect();
    assert_eq!(notices.len(), 3);
    let fold = FoldCopies { to: me(), notices };
    let several = bench.store.write(fold.clone()).await.unwrap().unwrap();
    assert_eq!(bench.store.write(fold).await.unwrap(), None, "nothing of it waits any more");
    let left = due(&bench).await;
    assert_eq!(left.iter().filter(|due| due.copy.to == me()).map(|due| due.copy.notice).collect::<Vec<_>>(), [several]);
    assert_eq!(left.len(), 4, "the hook has its three");
    assert_eq!(bench.store.folded_into(several, 9).await.unwrap().len(), 3);
}

#[tokio::test]
async fn the_plan_says_who_and_an_amended_one_says_it_anew() {
    let bench = told().await;
    let ada = Notify { email: vec!["ada@x.example".to_owned()], ..Notify::default() };
    let first = Submit { notify: ada, ..plan(vec![fragile("a"), fragile("b")]) };
    let sweep = bench.store.write(first).await.unwrap().sweep;
    let jobs = bench.ids(sweep).await;
    bench.run(jobs[0], failure(FailureClass::BadInput)).await;
    let eve = Notify { sms: vec!["+15550100".to_owned()], ..Notify::default() };
    let amended = Submit { notify: eve, amend: Some(sweep), ..plan(vec![fragile("a"), fragile("b")]) };
    bench.store.write(amended).await.unwrap();
    bench.run(jobs[1], success("x")).await;
    let to: Vec<String> =
        bench.store.copies(true, 9).await.unwrap().iter().map(|row| row.copy.to.to_string()).collect();
    assert_eq!(to, ["sms +15550100", "email ada@x.example"], "what ada was to be told of is not taken from her");
}

#[tokio::test]
async fn all_of_it_survives_a_restart() {
    let bench = told().await;
    let (_, jobs) = bench.submit(vec![fragile("a"), job("b")]).await;
    bench.run(jobs[0], failure(FailureClass::BadInput)).await;
    let before = outbox(&bench).await;
    let bench = bench.restart().await;
    bench.store.set_rules(rules());
    assert_eq!(outbox(&bench).await, before);
    bench.run(jobs[1], success("x")).await;
    assert!(outbox(&bench).await.contains(&"failed×1 email queued".to_owned()));
}

#[tokio::test]
async fn a_crash_is_told_at_the_next_start_and_a_stop_is_not() {
    let bench = told().await;
    assert!(!bench.store.write(Arrive).await.unwrap(), "the first start");
    let bench = bench.restart().await;
    bench.store.set_rules(rules());
    assert!(bench.store.write(Arrive).await.unwrap());
    assert_eq!(outbox(&bench).await, ["restarted×1 webhook queued", "restarted×1 email queued"]);
    bench.store.write(Leave).await.unwrap();
    let bench = bench.restart().await;
    assert!(!bench.store.write(Arrive).await.unwrap());
    assert!(bench.store.write(Arrive).await.unwrap(), "that one was not stopped");
}

#[tokio::test]
async fn agents_are_expected_until_they_take_their_leave_or_are_given_up() {
    let bench = told().await;
    bench.hello("agent-2", "spool-2", vec![]).await;
    assert_eq!(bench.store.expected_agents().await.unwrap(), [AGENT, "agent-2"]);
    let leaves = Goodbye { agent: "agent-2".to_owned(), reason: "stopped".to_owned() };
    bench.store.write(leaves).await.unwrap();
    let (_, jobs) = bench.submit(vec![job("a")]).await;
    bench.token(jobs[0]).await;
    let lost = NoteLost { agents: vec![AGENT.to_owned()] };
    assert_eq!(bench.store.write(lost).await.unwrap(), [AGENT]);
    assert!(bench.store.expected_agents().await.unwrap().is_empty());
    assert_eq!(outbox(&bench).await, ["agent_lost×1 webhook queued", "agent_lost×1 email queued"]);
    let notice = bench.store.notice(bench.store.copies(true, 1).await.unwrap()[0].copy.notice).await.unwrap();
    let rows = bench.store.told_events(&notice, "agent_lost", 9).await.unwrap();
    assert_eq!(rows[0].detail, "agent-1 on host; it ran 1 job");
}

#[tokio::test]
async fn a_clock_that_is_set_moves_what_waits() {
    let bench = told().await;
    let (_, jobs) = bench.submit(vec![fragile("a"), job("b")]).await;
    bench.run(jobs[0], failure(FailureClass::BadInput)).await;
    let year_ms = 365 * 24 * 3_600_000;
    bench.clock.set_wall_clock(-year_ms);
    bench.store.write(ClockMoved { by_ms: -year_ms, longest_wait_ms: 0 }).await.unwrap();
    bench.clock.advance(Duration::from_mins(2));
    assert_eq!(due(&bench).await.len(), 2);
}

#[tokio::test]
async fn old_notices_go_and_what_waits_stays() {
    let bench = told().await;
    for stage in ["a", "b"] {
        let (_, jobs) = bench.submit(vec![job(stage)]).await;
        bench.run(jobs[0], success(stage)).await;
    }
    for row in due(&bench).await.into_iter().take(2) {
        let outcome = Outcome::Sent { answer: String::new() };
        bench.store.write(Mark { copy: row.copy, outcome }).await.unwrap();
    }
    let before_ms = bench.clock.unix_ms() + 1;
    assert_eq!(bench.store.write(super::Forget { before_ms }).await.unwrap(), 1);
    assert_eq!(outbox(&bench).await.len(), 2);
}
