//! Seeds, one after the other or many at once, and what is said of one that fails.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use sweep_coordinator::simulation::edges;

use crate::checks::Violation;
use crate::coverage::Coverage;
use crate::world::{World, faults};

/// What a seed came to.
pub struct Played {
    pub seed: u64,
    pub coverage: Coverage,
    /// Of all that happened.
    pub hash: String,
    pub steps: u64,
    /// The rule that did not hold, and what happened before.
    pub broken: Option<(Violation, String)>,
}

/// Plays one seed to its end.
pub fn play(seed: u64) -> Played {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut world = World::new(seed).await;
        let broken = world.run().await.err();
        let last = if broken.is_some() { world.trace.shown() } else { String::new() };
        let (coverage, hash, steps) = (std::mem::take(&mut world.coverage), world.trace.hash(), world.trace.steps);
        world.end().await;
        Played { seed, coverage, hash, steps, broken: broken.map(|broken| (broken, last)) }
    })
}

/// What to tell of a seed that failed.
pub fn report(played: &Played) -> String {
    let Some((broken, last)) = &played.broken else { return String::new() };
    let mut text = String::new();
    let _ = writeln!(
        text,
        "seed {} broke a rule at step {}:\n  {broken}\n\nthe last steps:\n{last}",
        played.seed, played.steps
    );
    let _ = writeln!(
        text,
        "again: SWEEP_SEED={} cargo test -p sweep-tests --test simulation seeds::replay -- --nocapture",
        played.seed
    );
    text
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Plays the seeds from `first` on, on all processors. The first that fails ends it.
fn play_all(first: u64, count: u64) -> (Coverage, u64, Option<Played>) {
    let next = AtomicU64::new(first);
    let sum = Mutex::new((Coverage::default(), 0, None::<Played>));
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    let mut played = play(seed);
                    let mut sum = sum.lock().expect("no holder panics");
                    sum.0.absorb(std::mem::take(&mut played.coverage));
                    sum.1 += played.steps;
                    if played.broken.is_some() {
                        next.store(first + count, Ordering::Relaxed);
                        sum.2 = sum.2.take().filter(|other| other.seed < played.seed).or(Some(played));
                    }
                }
            });
        }
    });
    sum.into_inner().expect("no holder panics")
}

/// A thousand seeds, or as many as `SWEEP_SEEDS` says, from `SWEEP_FIRST_SEED` on.
#[test]
fn seeds() {
    let (first, count) = (number("SWEEP_FIRST_SEED").unwrap_or(0), number("SWEEP_SEEDS").unwrap_or(1000));
    let (coverage, steps, broken) = play_all(first, count);
    if let Some(played) = broken {
        panic!("{}", report(&played));
    }
    println!("{count} seeds, {steps} steps, {} faults\n{coverage}", coverage.total("fault"));
    if count >= ENOUGH {
        let missed = missed(&coverage);
        assert!(missed.is_empty(), "in {count} seeds there was no\n  {}", missed.join("\n  "));
    }
}

/// After so many seeds everything must have happened.
const ENOUGH: u64 = 1000;

/// What can be reached, and was not come across.
fn missed(coverage: &Coverage) -> Vec<String> {
    let faults = faults::all().filter(|name| coverage.count("fault", name) == 0).map(str::to_owned);
    let reachable = edges::all().into_iter().filter(|edge| !UNREACHABLE.contains(&(edge.state, edge.event.as_str())));
    let edges = reachable.map(|edge| (edge.what, format!("{} + {}", edge.state, edge.event)));
    let edges =
        edges.filter(|(what, name)| coverage.count(what, name) == 0).map(|(what, name)| format!("{what}: {name}"));
    faults.chain(edges).collect()
}

/// Edges that nothing leads to.
const UNREACHABLE: &[(&str, &str)] = &[
    // No search stops jobs yet.
    ("stopped", "retry (inputs succeeded)"),
    ("stopped", "retry (inputs open)"),
    // What has run had all its inputs, and they have succeeded for ever.
    ("failed", "retry (inputs open)"),
    // What was skipped is taken up again together with the input that spoilt it.
    ("skipped", "retry (inputs succeeded)"),
];

#[test]
fn what_was_not_come_across_is_named() {
    let missed = missed(&Coverage::default());
    assert!(missed.iter().any(|name| name == "partition") && missed.iter().any(|name| name == "job: ready + granted"));
}

/// Which rules break in how many seeds, and the first seed of each: for those who look for a cause.
#[test]
#[ignore = "a tool"]
fn survey() {
    let (first, count) = (number("SWEEP_FIRST_SEED").unwrap_or(0), number("SWEEP_SEEDS").unwrap_or(100));
    let mut broken: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    let mut coverage = Coverage::default();
    for seed in first..first + count {
        let mut played = play(seed);
        coverage.absorb(std::mem::take(&mut played.coverage));
        if let Some((violation, _)) = played.broken {
            broken.entry(violation.rule.to_string()).or_default().push(format!("seed {seed}: {}", violation.what));
        }
    }
    println!("{coverage}");
    for (rule, seeds) in broken {
        println!("{} × {rule}", seeds.len());
        seeds.iter().take(5).for_each(|seed| println!("    {}", seed.chars().take(300).collect::<String>()));
    }
}

/// Plays the seed that `SWEEP_SEED` names.
#[test]
fn replay() {
    let played = play(number("SWEEP_SEED").unwrap_or(0));
    assert!(played.broken.is_none(), "{}", report(&played));
    println!("seed {}: {} steps, trace {}\n{}", played.seed, played.steps, played.hash, played.coverage);
}

#[test]
fn a_seed_played_twice_is_the_same() {
    for seed in [1, 2, 3] {
        let (once, again) = (play(seed), play(seed));
        assert_eq!((once.steps, once.hash), (again.steps, again.hash), "seed {seed}");
    }
}
