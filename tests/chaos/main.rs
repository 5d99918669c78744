//! `kill -9` of coordinator, agents and runners at random moments of a small real sweep on real SQLite and libtorch, each started
//! again at once; also freezes for longer than the lease, and restarts in good order.
//!
//! Whatever happens, the table must be that of an undisturbed run, accuracies and hashes of all files to the bit; nothing that
//! a client was told may be taken back; no finished job may run again; no process may be left behind; the database and every blob
//! that it names must be whole.
//!
//! `SWEEP_ROUNDS` (20) rounds are run, with the seeds from `SWEEP_SEED` (1) on. A round that fails tells its seed and keeps its
//! folder, logs included. The seed determines the blows and the moments in terms of what a watcher sees; the machine's own timing
//! it does not, so a seed may have to be repeated to fail again.

mod backup;
mod blows;
mod cluster;
mod damage;
mod dice;
mod ledger;
mod marks;
mod processes;
mod round;
mod site;
mod table;
mod witness;

use std::collections::BTreeMap;
use std::time::Instant;

use blows::{KINDS, Planned};
use round::Outcome;

const ROUNDS: u64 = 20;
/// So many that the rare must have happened, too: a blow may come too late to meet anybody, and a frozen agent's job is taken over
/// only where another agent has nothing better to do.
const MANY_ROUNDS: u64 = 100;

#[test]
fn whatever_is_killed_the_table_is_that_of_an_undisturbed_run() {
    let (first, rounds) = (number("SWEEP_SEED", 1), number("SWEEP_ROUNDS", ROUNDS));
    let began = Instant::now();
    let reference = in_folder("undisturbed", |folder| round::run(folder, &[])).unwrap_or_else(|why| panic!("{why}"));
    assert!(reference.attempts.iter().all(|attempt| attempt.number == 1), "the reference was disturbed");
    let mut tally = Tally::default();
    for seed in first..first + rounds {
        let blows = blows::planned(seed, reference.lines, cluster::LEASE);
        let outcome = in_folder(&format!("seed-{seed}"), |folder| {
            let outcome = round::run(folder, &blows)?;
            table::compare(&reference.table, &outcome.table)?;
            Ok(outcome)
        });
        match outcome {
            Ok(outcome) => tally.add(&outcome),
            Err(why) => panic!("{}", failure(seed, &blows, &why)),
        }
    }
    eprintln!("chaos: {rounds} rounds, {tally}; {:.0} s", began.elapsed().as_secs_f64());
    if rounds >= ROUNDS {
        tally.check(&["coordinator", "agent", "runner", "freeze"], &["lost", "failed"]);
    }
    if rounds >= MANY_ROUNDS {
        tally.check(&KINDS, &["lost", "failed", "interrupted", "stale"]);
    }
}

/// Runs it in a folder that stays if it fails.
fn in_folder(name: &str, run: impl FnOnce(&std::path::Path) -> Result<Outcome, String>) -> Result<Outcome, String> {
    let folder = tempfile::Builder::new().prefix(&format!("chaos-{name}-")).tempdir().expect("a temporary folder");
    run(folder.path()).map_err(|why| format!("{why}\neverything of it lies in {}", folder.keep().display()))
}

fn failure(seed: u64, blows: &[Planned], why: &str) -> String {
    let blows: Vec<String> = blows.iter().map(|planned| format!("  {planned}")).collect();
    format!(
        "seed {seed}: {why}\nthe blows:\n{}\nagain: SWEEP_SEED={seed} SWEEP_ROUNDS=1 cargo test -p sweep-tests --test chaos",
        blows.join("\n")
    )
}

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")),
        Err(_) => default,
    }
}

/// What happened in all rounds together: a test that disturbs nothing proves nothing.
#[derive(Default)]
struct Tally {
    blows: BTreeMap<&'static str, u32>,
    attempts: BTreeMap<String, u32>,
    resumed: u32,
}

impl Tally {
    fn add(&mut self, outcome: &Outcome) {
        for planned in &outcome.struck {
            *self.blows.entry(planned.blow.kind()).or_default() += 1;
        }
        for attempt in &outcome.attempts {
            *self.attempts.entry(attempt.state.clone()).or_default() += 1;
            self.resumed += u32::from(attempt.resumed_epoch > 0);
        }
    }

    fn check(&self, kinds: &[&str], ends: &[&str]) {
        for kind in kinds {
            assert!(self.blows.contains_key(kind), "no blow met: {kind}");
        }
        for end in ends {
            assert!(self.attempts.contains_key(*end), "no attempt ended {end}");
        }
        assert!(self.resumed > 0, "no attempt went on from a checkpoint");
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |f: &mut std::fmt::Formatter<'_>, counts: &mut dyn Iterator<Item = (&str, u32)>| {
            counts.enumerate().try_for_each(|(n, (name, count))| {
                let comma = if n > 0 { ", " } else { "" };
                write!(f, "{comma}{name} {count}")
            })
        };
        write!(f, "{} blows (", self.blows.values().sum::<u32>())?;
        list(f, &mut self.blows.iter().map(|(kind, count)| (*kind, *count)))?;
        write!(f, "), {} attempts (", self.attempts.values().sum::<u32>())?;
        list(f, &mut self.attempts.iter().map(|(state, count)| (state.as_str(), *count)))?;
        write!(f, "), {} of them from a checkpoint", self.resumed)
    }
}
