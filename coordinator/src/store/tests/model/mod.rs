//! The database against a simple model of it.
//!
//! Histories of everything that users, agents and the dispatcher can ask of the store are drawn at random (`draw`), and each
//! command is carried out twice: by the store, and by a few maps in memory (`world`, `attempts`, `users`), written down from
//! the design and sharing no code with `transition` or the SQL. After each command both must have answered the same and
//! hold the same rows; and what may never change must not have changed (`real`). A failing history is shrunk by proptest.
//!
//! `SWEEP_MODEL_CASES=5000 cargo test -p sweep-coordinator --lib model` tries more histories than the few of each run.

mod attempts;
mod draw;
mod memory;
mod real;
mod rows;
mod users;
mod world;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use draw::{Op, ops};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use real::Real;
use world::{Lie, World};

/// Histories of an ordinary run: some twenty seconds.
const CASES: u32 = 400;

#[test]
fn the_store_does_what_the_model_does() {
    let (result, seen) = run(None);
    if let Err(error) = result {
        panic!("{error}");
    }
    for state in EVERY_STATE {
        assert!(seen.contains_key(*state), "no history came to {state}; seen: {seen:?}");
    }
}

#[test]
fn a_model_that_is_wrong_is_found_out() {
    for lie in [Lie::PausesEnd, Lie::CancelsAreForgotten, Lie::LossesAreFree, Lie::DroppedJobsCount, Lie::NoFence] {
        let (result, _) = run(Some(lie));
        let Err(TestError::Fail(why, history)) = result else { panic!("nobody noticed {lie:?}") };
        assert!(history.len() <= 20, "{lie:?}: a history of {} operations shows nothing:\n{why}", history.len());
    }
}

type Seen = BTreeMap<String, u32>;

/// The same histories in each ordinary run; others, where more are asked for.
fn run(lie: Option<Lie>) -> (Result<(), TestError<Vec<Op>>>, Seen) {
    let asked: Option<u32> = std::env::var("SWEEP_MODEL_CASES").ok().and_then(|cases| cases.parse().ok());
    let cases = asked.unwrap_or(CASES);
    let config = Config { cases, max_shrink_iters: 2000, failure_persistence: None, ..Config::default() };
    let mut runner = match asked {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let seen = RefCell::new(Seen::new());
    let result = runner.run(&ops(), |ops| {
        let words = runtime.block_on(agree(ops, lie))?;
        let mut seen = seen.borrow_mut();
        for word in words {
            *seen.entry(word).or_default() += 1;
        }
        Ok(())
    });
    (result, seen.into_inner())
}

/// States that some history must come to, so that the test shows something about them.
const EVERY_STATE: &[&str] = &[
    "job blocked",
    "job ready",
    "job running",
    "job paused",
    "job succeeded",
    "job failed",
    "job cancelled",
    "job skipped",
    "attempt leased",
    "attempt running",
    "attempt finishing",
    "attempt succeeded",
    "attempt failed",
    "attempt interrupted",
    "attempt refused",
    "attempt cancelled",
    "attempt lost",
    "attempt stale",
    "sweep active",
    "sweep finished",
    "sweep finished_with_failures",
    "sweep cancelled",
    "class internal",
    "class bad_input",
    "class lost",
    "class out_of_memory",
    "parts 2",
    "outgrown",
    "class timed_out",
];

/// Carries out a history on both sides. Answers the states that it came to.
async fn agree(ops: Vec<Op>, lie: Option<Lie>) -> Result<BTreeSet<String>, TestCaseError> {
    let (mut world, mut real) = (World { lie, ..World::default() }, Real::open().await);
    let mut words = BTreeSet::new();
    let mut told = Vec::new();
    for op in ops {
        let Some(command) = world.resolve(op) else { continue };
        let expected = world.apply(&command);
        let got = real.apply(&command).await;
        told.push(format!("{command:?}"));
        let history = told.join("\n  ");
        prop_assert_eq!(&got, &expected, "the answer to the last of\n  {}", history);
        let rows = real.rows().await;
        let wanted = world.rows();
        let differ: Vec<String> = difference(&rows, &wanted);
        prop_assert!(differ.is_empty(), "after\n  {history}\n{}", differ.join("\n"));
        if let Err(broken) = real.check(&rows) {
            prop_assert!(false, "after\n  {history}\n{broken}");
        }
        words.extend(world.words());
    }
    Ok(words)
}

fn difference(real: &[String], model: &[String]) -> Vec<String> {
    let only = |of: &[String], other: &[String], who: &str| {
        let rows = of.iter().filter(|row| !other.contains(row));
        rows.map(|row| format!("only {who}: {row}")).collect::<Vec<_>>()
    };
    let mut differ = [only(real, model, "the store"), only(model, real, "the model")].concat();
    if differ.is_empty() && real != model {
        differ.push(format!("the order differs: {real:?} and {model:?}"));
    }
    differ
}
