//! Whatever happens in whatever order: each occasion is told to each address by exactly one notice, which has not got lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::super::super::read as rows;
use super::*;

#[derive(Debug, Clone)]
enum Step {
    Submit {
        jobs: usize,
    },
    /// Some job that waits ends.
    End {
        which: usize,
        well: bool,
    },
    Advance {
        seconds: u64,
    },
    /// Some copy that is due is tried.
    Try {
        which: usize,
        how: u8,
    },
    /// All that is due for an address becomes one.
    Fold {
        email: bool,
    },
    /// A notice is put into words.
    Word {
        which: usize,
    },
    Retry,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1usize..4).prop_map(|jobs| Step::Submit { jobs }),
        6 => (0usize..8, any::<bool>()).prop_map(|(which, well)| Step::End { which, well }),
        2 => (1u64..200).prop_map(|seconds| Step::Advance { seconds }),
        4 => (0usize..8, 0u8..3).prop_map(|(which, how)| Step::Try { which, how }),
        1 => any::<bool>().prop_map(|email| Step::Fold { email }),
        2 => (0usize..8).prop_map(|which| Step::Word { which }),
        1 => Just(Step::Retry),
        1 => Just(Step::Restart),
    ]
}

async fn take(bench: Bench, step: Step, made: &mut usize) -> Bench {
    match step {
        Step::Submit { jobs } => {
            let new = (0..jobs).map(|_| {
                *made += 1;
                fragile(&format!("s{made}"))
            });
            bench.submit(new.collect()).await;
        }
        Step::End { which, well } => {
            let waiting = jobs_in(&bench, "ready").await;
            if let Some(job) = waiting.get(which % waiting.len().max(1)) {
                let end = if well { success("x") } else { failure(FailureClass::BadInput) };
                bench.run(*job, end).await;
            }
        }
        Step::Advance { seconds } => bench.clock.advance(Duration::from_secs(seconds)),
        Step::Try { which, how } => {
            let ready = due(&bench).await;
            if let Some(copy) = ready.get(which % ready.len().max(1)).map(|due| due.copy.clone()) {
                let outcome = match how {
                    0 => Outcome::Sent { answer: String::new() },
                    1 => Outcome::Later { why: String::new(), not_before_ms: bench.clock.unix_ms() + 30_000 },
                    _ => Outcome::Failed { why: String::new() },
                };
                assert!(bench.store.write(Mark { copy, outcome }).await.unwrap());
            }
        }
        Step::Fold { email } => {
            let to = if email { me() } else { Address::Hook("lab".to_owned()) };
            let ready = due(&bench).await;
            let notices: Vec<NoticeId> =
                ready.iter().filter(|due| due.copy.to == to).map(|due| due.copy.notice).collect();
            let any = !notices.is_empty();
            assert_eq!(bench.store.write(FoldCopies { to, notices }).await.unwrap().is_some(), any);
        }
        Step::Word { which } => {
            let ready = due(&bench).await;
            if let Some(due) = ready.get(which % ready.len().max(1)) {
                let notice = bench.store.notice(due.copy.notice).await.unwrap();
                let (id, times, title) = (notice.id, notice.times, "t".to_owned());
                let worded = Worded { notice: id, times, title, message_json: "{}".to_owned() };
                assert_eq!(bench.store.write(worded).await.unwrap(), notice.message_json.is_none());
            }
        }
        Step::Retry => {
            if let Some(job) = jobs_in(&bench, "failed").await.first() {
                bench.store.write(retry(*job)).await.unwrap();
            }
        }
        Step::Restart => {
            let bench = bench.restart().await;
            bench.store.set_rules(rules());
            return bench;
        }
    }
    bench
}

async fn jobs_in(bench: &Bench, state: &str) -> Vec<sweep_shared::ids::JobId> {
    let mut found = Vec::new();
    for sweep in bench.store.sweeps(100).await.unwrap() {
        let rows = rows::jobs_of(&bench.store, sweep.id).await.unwrap();
        found.extend(rows.iter().filter(|row| row.state == state).map(|row| sweep_shared::ids::JobId(row.id)));
    }
    found
}

/// What the audit log gives occasion to tell: row, occasion, sweep.
async fn occasions(bench: &Bench) -> Vec<(i64, &'static str, i64)> {
    let rows = rows::newest_events(&bench.store, None, 100_000).await.unwrap();
    let occasion = |row: &rows::EventRow| {
        Some(match (row.what.as_str(), row.job) {
            ("finished", 0) => "finished",
            ("finished_with_failures", 0) => "failed",
            ("failed", 1..) => "job_failed",
            _ => return None,
        })
    };
    rows.iter().filter_map(|row| Some((row.id, occasion(row)?, row.sweep))).collect()
}

async fn check(bench: &Bench) {
    let copies = bench.store.copies(false, 10_000).await.unwrap();
    let by_id: BTreeMap<CopyId, &CopyRow> = copies.iter().map(|row| (row.copy.clone(), row)).collect();
    let mut notices = BTreeMap::new();
    for id in copies.iter().map(|row| row.copy.notice).collect::<BTreeSet<_>>() {
        notices.insert(id, bench.store.notice(id).await.unwrap());
    }
    let mut told: BTreeMap<NoticeId, i64> = BTreeMap::new();
    for (row, occasion, sweep) in occasions(bench).await {
        let covers = |notice: &&NoticeRow| {
            notice.occasion == occasion
                && notice.sweep.is_some_and(|of| of.0 == sweep)
                && (notice.first_event..=notice.last_event).contains(&row)
        };
        let found: Vec<&NoticeRow> = notices.values().filter(covers).collect();
        assert_eq!(found.len(), 1, "event {row} ({occasion} of {sweep}) is told by {found:?}");
        *told.entry(found[0].id).or_default() += 1;
        let wants_mail = rules().on.email.contains(&occasion.parse().unwrap());
        for to in [me(), Address::Hook("lab".to_owned())] {
            assert!(wants_mail, "both are told of all three");
            arrives(&by_id, CopyId { notice: found[0].id, to });
        }
    }
    for notice in notices.values().filter(|notice| notice.occasion != "several") {
        assert_eq!(told.get(&notice.id), Some(&notice.times), "{notice:?}");
    }
}

/// A copy is there; or it was folded, and then the notice that took it in is there for the same address, and later.
fn arrives(copies: &BTreeMap<CopyId, &CopyRow>, copy: CopyId) {
    let row = copies.get(&copy).unwrap_or_else(|| panic!("{copy:?} is not there"));
    match (row.state.as_str(), row.into) {
        ("folded", Some(into)) => {
            assert!(into > copy.notice, "{row:?}");
            arrives(copies, CopyId { notice: into, to: copy.to });
        }
        ("queued" | "sent" | "failed", None) => {}
        _ => panic!("{row:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_nothing_is_told_twice(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut bench, mut made) = (told().await, 0);
            for step in steps {
                bench = take(bench, step, &mut made).await;
                check(&bench).await;
            }
        });
    }
}
