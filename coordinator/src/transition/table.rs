//! The (state × event) tables of ARCHITECTURE.md, made from the code. `SWEEP_WRITE_TABLES=1 cargo test -p sweep-coordinator
//! table` rewrites them there.

use std::fmt::Write as _;
use std::path::Path;

use sweep_shared::states::{AttemptState, JobState};

use super::{Job, To, attempt, job, next_attempt, next_job};

const BEGIN: &str = "<!-- tables: made by coordinator/src/transition/table.rs -->\n";
const END: &str = "<!-- end of tables -->";

/// A row per event, a column per state from which any event leads on.
fn table(states: &[&str], rows: &[(String, Vec<String>)]) -> String {
    let mut text = format!("| event \\ state | {} |\n|{}\n", states.join(" | "), " --- |".repeat(states.len() + 1));
    for (event, cells) in rows {
        let _ = writeln!(text, "| {event} | {} |", cells.join(" | "));
    }
    text
}

fn jobs() -> String {
    let states: Vec<JobState> = JobState::ALL.iter().copied().filter(|&s| s != JobState::Succeeded).collect();
    let cell = |state: JobState, event: job::JobEvent| {
        let fresh = Job { state, failures: 0, losses: 0, retries: 1, most_losses: 1 };
        next_job(fresh, event).map_or(String::new(), |step| match step.to {
            To::ReadyLater => "ready, after a wait".to_owned(),
            to => to.state().to_string(),
        })
    };
    let row = |&event: &job::JobEvent| (event.name(), states.iter().map(|&state| cell(state, event)).collect());
    let rows: Vec<_> = job::EVENTS.iter().map(row).collect();
    table(&states.iter().map(|s| s.as_str()).collect::<Vec<_>>(), &rows)
}

fn attempts() -> String {
    let states: Vec<AttemptState> = AttemptState::ALL.iter().copied().filter(|s| !s.is_terminal()).collect();
    let cell = |state, event| next_attempt(state, event).map_or(String::new(), |next| next.to_string());
    let row = |&event: &attempt::AttemptEvent| {
        (event.word().to_owned(), states.iter().map(|&state| cell(state, event)).collect())
    };
    let rows: Vec<_> = attempt::EVENTS.iter().map(row).collect();
    table(&states.iter().map(|s| s.as_str()).collect::<Vec<_>>(), &rows)
}

#[test]
fn architecture_shows_the_tables_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the tables' beginning is marked");
    let (shown, after) = rest.split_once(END).expect("the tables' end is marked");
    let made = format!(
        "\nJobs (a retry and a loss left; from `succeeded` nothing leads on):\n\n{}\nAttempts (from every other state nothing leads on):\n\n{}\n",
        jobs(),
        attempts()
    );
    if std::env::var_os("SWEEP_WRITE_TABLES").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{made}{END}{after}")).unwrap();
    } else {
        assert_eq!(shown, made, "run SWEEP_WRITE_TABLES=1 cargo test -p sweep-coordinator table");
    }
}
