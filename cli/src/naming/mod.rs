//! Sweeps and jobs as users name them.
//!
//! Ids (`s3`, `3`, `j17`) are understood while the command line is read. Everything else is a name and is looked up once there is a
//! coordinator: a sweep by its plan's name or the beginning of it, a job by its stage in the latest sweep. What can mean several is refused with the
//! candidates, what means nothing with the nearest that there is. The choice itself is pure; here is what it is chosen from.

mod job;
mod sweep;
mod which;

pub use job::JobName;
pub use sweep::SweepName;
pub use which::Which;

use sweep_shared::ids::{JobId, SweepId};

use crate::connect::{Client, Target};
use crate::exit::Outcome;

/// Sweeps that are looked through for a name, the newest.
const RECENT: u32 = 1000;

/// The sweep that is meant; `None` where nothing was said, which is the latest.
pub async fn sweep(client: &mut Client, name: Option<&SweepName>) -> Outcome<Option<SweepId>> {
    match name {
        None => Ok(None),
        Some(SweepName::Id(id)) => Ok(Some(*id)),
        Some(SweepName::Name(name)) => sweep::choose(&client.list(RECENT).await?, name).map(Some),
    }
}

pub async fn job(client: &mut Client, name: &JobName) -> Outcome<JobId> {
    match name {
        JobName::Id(id) => Ok(*id),
        JobName::Stage(name) => {
            let (sweep, jobs) = client.status(None).await?;
            job::choose(&sweep, &jobs, name)
        }
    }
}

/// What is meant, where nothing needs to be.
pub async fn some_target(client: &mut Client, which: Option<&Which>) -> Outcome<Option<Target>> {
    match which {
        None => Ok(None),
        Some(Which::Job(id)) => Ok(Some(Target::Job(*id))),
        Some(Which::Sweep(name)) => Ok(sweep(client, Some(name)).await?.map(Target::Sweep)),
    }
}

/// What is meant; the latest sweep where nothing was said.
pub async fn target(client: &mut Client, which: Option<&Which>) -> Outcome<Target> {
    let named = some_target(client, which).await?;
    client.target(named).await
}

/// `a`, `a and b`, `a, b and 3 more`.
fn listed(mut names: Vec<String>, most: usize) -> String {
    let more = names.len().saturating_sub(most);
    names.truncate(most);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    let last = names.pop().unwrap_or_default();
    if names.is_empty() { last } else { format!("{} and {last}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn candidates_are_listed_and_counted() {
        let names = |n: usize| (1..=n).map(|i| format!("j{i}")).collect::<Vec<_>>();
        assert_eq!(super::listed(names(1), 3), "j1");
        assert_eq!(super::listed(names(3), 3), "j1, j2 and j3");
        assert_eq!(super::listed(names(5), 3), "j1, j2, j3 and 2 more");
    }
}
