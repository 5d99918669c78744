//! The rules that must hold after every step, whatever went wrong. `snapshot` is the database as it is; the other files
//! compare it with what it was before (`history`), with what really happened (`happened`), and with itself (`state`).

mod happened;
mod history;
mod policy;
mod snapshot;
mod state;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use sqlx::SqliteConnection;
use sweep_shared::spec::JobSpec;

pub use snapshot::Snapshot;

use crate::world::World;

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    NothingLost,
    RecordedOnce,
    FinishedStays,
    OneLiveAttempt,
    NothingStale,
    CancelHolds,
    AcknowledgedIsRecorded,
    BlobsAreThere,
    SlotsHold,
    PriorityGoesFirst,
    LineageIsWhole,
    WorkOutlivesOutages,
    CountersAreRight,
    LimitsHold,
    PauseHolds,
    EverythingEnds,
    NothingStumbles,
    CheckupFindsNothing,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NothingLost => "nothing that was accepted is lost",
            Self::RecordedOnce => "a result is recorded once and stays",
            Self::FinishedStays => "what has finished never changes",
            Self::OneLiveAttempt => "a job has at most one live attempt",
            Self::NothingStale => "nothing counts for an attempt but what it did itself",
            Self::CancelHolds => "a cancel holds, and its runner dies",
            Self::AcknowledgedIsRecorded => "what was acknowledged is in the database",
            Self::BlobsAreThere => "what is recorded has all its blobs",
            Self::SlotsHold => "slots are never over-committed",
            Self::PriorityGoesFirst => "of two jobs that fit the one of higher priority is granted",
            Self::LineageIsWhole => "an attempt goes on from a checkpoint that was made, to the same end",
            Self::WorkOutlivesOutages => "work that outlived an outage counts where nobody else began",
            Self::CountersAreRight => "failures and losses are counted right",
            Self::LimitsHold => "budgets and hours hold",
            Self::PauseHolds => "what is paused stands still",
            Self::EverythingEnds => "everything ends once nothing goes wrong any more",
            Self::NothingStumbles => "neither side refuses or misreads what the other rightly says",
            Self::CheckupFindsNothing => "`sweep db check` finds a sound database",
        })
    }
}

/// A rule that did not hold.
#[derive(Debug, Clone)]
pub struct Violation {
    pub rule: Rule,
    pub what: String,
}

impl Violation {
    pub fn new(rule: Rule, what: impl Into<String>) -> Self {
        Self { rule, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.what)
    }
}

type Checked = Result<(), Violation>;

/// Says what is wrong where something is.
fn hold(rule: Rule, holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Violation::new(rule, what())) }
}

/// What the checks remember.
#[derive(Default)]
pub struct Checks {
    conn: Option<SqliteConnection>,
    seen: Snapshot,
    /// Nothing was seen yet of this database.
    anew: bool,
    found: Option<Violation>,
    /// A user's call is being carried out: what has ended may be taken up again.
    pub calling: bool,
    specs: BTreeMap<i64, JobSpec>,
    results: BTreeMap<i64, Option<Vec<u8>>>,
    counters: BTreeMap<i64, policy::Base>,
    /// The reports that had an effect, by generation, spool and number.
    pub recorded: std::collections::BTreeSet<(String, String, u64)>,
    /// Since when a limit has been overstepped.
    over: BTreeMap<(&'static str, i64), u64>,
}

impl Checks {
    /// Reads this database from now on.
    pub async fn open(&mut self, database: &Path) {
        if self.conn.is_none() {
            self.conn = Some(snapshot::connect(database).await);
        }
    }

    pub async fn close(&mut self) {
        if let Some(conn) = self.conn.take() {
            snapshot::disconnect(conn).await;
        }
    }

    pub async fn read(&mut self) -> Snapshot {
        let Some(conn) = &mut self.conn else { return Snapshot::default() };
        let snapshot = snapshot::read(conn).await;
        let unknown: Vec<i64> = snapshot.jobs.keys().copied().filter(|id| !self.specs.contains_key(id)).collect();
        if !unknown.is_empty() {
            self.specs.extend(snapshot::specs(conn, &unknown).await);
        }
        snapshot
    }

    pub async fn copy_database(&mut self, path: &Path) {
        if let Some(conn) = &mut self.conn {
            snapshot::copy(conn, path).await;
        }
    }

    /// Whether the attempt's job had ended or been set aside under it.
    fn was_unwanted(&self, key: &(i64, u32)) -> bool {
        let paused = self.seen.jobs.get(&key.0).is_some_and(|job| job.state == "paused");
        paused || self.seen.attempts.get(key).is_some_and(|attempt| attempt.unwanted)
    }

    pub fn seen(&self) -> &Snapshot {
        &self.seen
    }

    pub fn keep(&mut self, seen: Snapshot) {
        self.seen = seen;
        self.anew = false;
    }

    /// The database is another.
    pub fn forget(&mut self) {
        self.anew = true;
        self.specs.clear();
        self.results.clear();
        self.counters.clear();
        self.over.clear();
        self.recorded.clear();
    }

    pub fn is_new_generation(&self, seen: &Snapshot) -> bool {
        !self.anew && seen.generation != self.seen.generation
    }

    /// Something is wrong that was noticed in the middle of a step.
    pub fn found(&mut self, rule: Rule, what: String) {
        self.found.get_or_insert(Violation::new(rule, what));
    }

    /// The coordinator told a user that this was done: it must be so now.
    pub fn promised(&self, word: &str, sweep: i64, job: i64) -> Checked {
        let wrong = |what: String| Err(Violation::new(Rule::AcknowledgedIsRecorded, what));
        if let Some(state) = self.seen.jobs.get(&job).map(|job| job.state.as_str()) {
            let is_so = match word {
                "pause" => state == "paused",
                "resume" => state != "paused",
                "cancel" => state == "cancelled",
                _ => true,
            };
            return if is_so { Ok(()) } else { wrong(format!("{word} of j{job} was done, and it is {state}")) };
        }
        let Some(row) = self.seen.sweeps.get(&sweep) else { return Ok(()) };
        let is_so = match word {
            "pause" => row.paused,
            "resume" => !row.paused,
            "cancel" => row.state == "cancelled",
            _ => true,
        };
        if is_so {
            Ok(())
        } else {
            wrong(format!("{word} of s{sweep} was done, and it is {} ({})", row.state, row.paused))
        }
    }
}

/// Compares the database with what it was and with what happened.
pub fn compare(world: &mut World, new: &Snapshot) -> Checked {
    if !world.checks.anew && !world.checks.seen.generation.is_empty() {
        history::nothing_lost(&world.checks.seen, new)?;
        history::the_end_is_the_end(&world.checks.seen, new, world.checks.calling)?;
        happened::ends_happened(world, new)?;
        policy::priority_goes_first(world, new)?;
    }
    state::attempts_fit_jobs(new)?;
    state::sweeps_fit_jobs(new)?;
    state::acknowledged_is_recorded(world, new)?;
    state::blobs_are_there(world, new)?;
    state::slots_hold(world, new)?;
    happened::results_are_right(world, new)?;
    happened::lineage_is_whole(world, new)?;
    policy::counters_are_right(world, new)
}

impl World {
    /// What is looked at after every step, whether or not the database changed.
    pub fn check(&mut self) -> Checked {
        if let Some(found) = self.checks.found.take() {
            return Err(found);
        }
        self.check_slots_of_agents()?;
        policy::limits_hold(self)?;
        happened::unwanted_runners_die(self)
    }
}
