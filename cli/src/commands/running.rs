//! What is running when a user pauses or cancels.

use sweep_shared::states::JobState;

use crate::connect::{Client, Target};
use crate::exit::Outcome;
use crate::format;

/// How many jobs of the target run now.
pub async fn count(client: &mut Client, target: Target) -> Outcome<usize> {
    let (_, jobs) = client.look(Some(target), false).await?;
    Ok(jobs.iter().filter(|job| job.state == JobState::Running).count())
}

/// `2 running jobs are`, of a single job `its attempt is`: what follows is what happens to them.
pub fn stopping(target: Target, running: usize) -> String {
    match (target, running) {
        (Target::Job(_), _) => "its attempt is".to_owned(),
        (Target::Sweep(_), 1) => "1 running job is".to_owned(),
        (Target::Sweep(_), n) => format!("{} are", format::plural(n, "running job")),
    }
}
