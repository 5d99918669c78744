//! Going on to ask Slurm for what the queue has work for.

use std::collections::BTreeSet;
use std::time::Duration;

use super::fleet::Seen;
use super::launch::Launch;
use crate::connect::Connection;
use crate::exit::{Exit, Failure, Outcome};
use crate::format::plural;
use crate::output;
use crate::signals::Signals;

/// Until a signal: those that run go on.
pub async fn follow(launch: &Launch<'_>, connection: &mut Connection, every: Duration) -> Outcome {
    let mut signals = Signals::listen()?;
    let mut clock = tokio::time::interval(every);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut watch = Watch::default();
    let mut trouble: Option<String> = None;
    loop {
        tokio::select! {
            () = signals.next() => return Ok(Exit::Done),
            _ = clock.tick() => {}
        }
        match round(launch, connection, &mut watch).await {
            Ok(Some(news)) => output::print(&news)?,
            Ok(None) => trouble = None,
            Err(Round::Over(failure)) => return Err(failure),
            // Slurm's controller or the coordinator is away for a while.
            Err(Round::Later(failure)) => {
                let said = format!("{:#}", failure.error);
                if trouble.as_ref() != Some(&said) {
                    output::note(&format!("cannot look at the moment, and goes on trying: {said}"));
                }
                trouble = Some(said);
                let _still_away = connection.reconnect().await;
            }
        }
    }
}

enum Round {
    Later(Failure),
    Over(Failure),
}

async fn round(launch: &Launch<'_>, connection: &mut Connection, watch: &mut Watch) -> Result<Option<String>, Round> {
    let fleet = &launch.fleet;
    let seen = fleet.look(connection).await.map_err(Round::Later)?;
    if let Some(lost) = watch.lost(&seen) {
        let log = fleet.folder.log(&lost, 20).await.map_err(Round::Later)?;
        return Err(Round::Over(never_joined(&lost, &log)));
    }
    let there = fleet.there(&seen, connection).await.map_err(Round::Later)?;
    let more = fleet.spec.size.missing(false, fleet.spec.jobs_each(), there);
    if more.total() == 0 {
        return Ok(None);
    }
    let submitted = launch.submit(more, connection).await.map_err(Round::Over)?;
    Ok(Some(format!(
        "{} for {}: asked Slurm for {} (job {})",
        plural(there.jobs as usize, "job"),
        plural(there.allocations as usize, "allocation"),
        plural(more.total() as usize, "more"),
        submitted.join(", job ")
    )))
}

fn never_joined(allocation: &str, log: &str) -> Failure {
    let log = if log.trim().is_empty() {
        "it wrote no log: the folder may not be on a disk that the nodes share"
    } else {
        log.trim()
    };
    Failure::unreachable(format!("allocation {allocation} ended, and its agent never joined:\n{log}"))
        .hint("more of them would fare no better, so nothing more is asked for; start again once that is mended")
}

/// Notices allocations that end without their agents ever having joined: more of these would only burn through the queue.
#[derive(Debug, Default)]
struct Watch {
    alive: BTreeSet<String>,
    running: BTreeSet<String>,
}

impl Watch {
    /// One that ran, is gone, and never made itself known to the coordinator.
    fn lost(&mut self, seen: &Seen) -> Option<String> {
        let alive: BTreeSet<String> = seen.allocations.iter().map(|allocation| allocation.id.clone()).collect();
        let gone: Vec<String> = self.alive.difference(&alive).cloned().collect();
        let lost = gone.into_iter().find(|id| self.running.contains(id) && seen.agent(id).is_none());
        self.alive = alive;
        self.running.extend(seen.allocations.iter().filter(|one| one.is_running()).map(|one| one.id.clone()));
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Agent;
    use crate::fleet::slurm::queue::Allocation;

    fn seen(allocations: &[(&str, &str)], joined: &[&str]) -> Seen {
        let allocation = |(id, state): &(&str, &str)| Allocation {
            id: (*id).to_owned(),
            stays: false,
            state: (*state).to_owned(),
            reason: String::new(),
            node: String::new(),
            left: String::new(),
        };
        let agent = |id: &&str| Agent {
            id: format!("agent-{id}"),
            host: "n1".to_owned(),
            connected: false,
            devices: Vec::new(),
            running: 0,
            slots: 1,
            last_seen: None,
            draining: false,
            labels: Default::default(),
        };
        Seen {
            allocations: allocations.iter().map(allocation).collect(),
            ids: joined.iter().map(|id| ((*id).to_owned(), format!("agent-{id}"))).collect(),
            agents: joined.iter().map(agent).collect(),
        }
    }

    #[test]
    fn an_allocation_whose_agent_never_joined_is_noticed_at_its_end() {
        let mut watch = Watch::default();
        assert_eq!(watch.lost(&seen(&[("1_1", "PENDING"), ("1_2", "RUNNING")], &[])), None);
        assert_eq!(watch.lost(&seen(&[("1_1", "PENDING"), ("1_2", "RUNNING")], &["1_2"])), None);
        assert_eq!(watch.lost(&seen(&[("1_1", "RUNNING")], &["1_2"])), None, "that one had joined");
        assert_eq!(watch.lost(&seen(&[], &["1_2"])), Some("1_1".to_owned()));
        assert_eq!(watch.lost(&seen(&[], &["1_2"])), None, "once");
    }

    #[test]
    fn one_that_was_cancelled_while_it_waited_is_nobodys_fault() {
        let mut watch = Watch::default();
        assert_eq!(watch.lost(&seen(&[("1_1", "PENDING")], &[])), None);
        assert_eq!(watch.lost(&seen(&[], &[])), None);
    }
}
