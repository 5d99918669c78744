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

/// Until a signal: those that run go on. `asked`: what Slurm has been asked for just before, by its numbers.
pub async fn follow(launch: &Launch<'_>, connection: &mut Connection, every: Duration, asked: Vec<String>) -> Outcome {
    let mut signals = Signals::listen()?;
    let mut clock = tokio::time::interval(every);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut watch = Watch { asked: asked.into_iter().collect(), ..Watch::default() };
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
    for job in watch.barren(&seen) {
        let first = format!("{job}_1");
        let log = fleet.folder.log(&first, 20).await.map_err(Round::Later)?;
        if watch.is_hopeless(&job, !log.trim().is_empty()) {
            return Err(Round::Over(never_joined(&first, &log)));
        }
    }
    let there = fleet.there(&seen, connection).await.map_err(Round::Later)?;
    let more = fleet.spec.size.missing(false, fleet.spec.jobs_each(), there);
    if more.total() == 0 {
        return Ok(None);
    }
    let submitted = launch.submit(more, connection).await.map_err(Round::Over)?;
    watch.asked.extend(submitted.iter().cloned());
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
    /// Slurm's numbers of what was asked for and is not known to be over.
    asked: BTreeSet<String>,
    /// In a row, of which nobody came and nothing was heard.
    silent: u32,
}

/// So many are taken back by somebody, or find no disk to write on, before nothing more is asked for.
const MOST_SILENT: u32 = 3;

impl Watch {
    /// Those asked for that are over, and none of whose agents ever joined. Some are over before anybody has seen them run.
    fn barren(&mut self, seen: &Seen) -> Vec<String> {
        let of = |job: &str, allocation: &str| allocation.split_once('_').is_some_and(|(number, _)| number == job);
        let is_there = |job: &String| seen.allocations.iter().any(|allocation| of(job, &allocation.id));
        let has_joined = |job: &String| seen.ids.keys().any(|id| of(job, id) && seen.agent(id).is_some());
        let (fruitful, barren): (Vec<String>, Vec<String>) =
            self.asked.iter().filter(|job| !is_there(job)).cloned().partition(has_joined);
        if !fruitful.is_empty() {
            self.silent = 0;
        }
        self.asked.retain(|job| !fruitful.contains(job));
        barren
    }

    /// Whether there is no point in asking for more, now that one of these said something before it ended, or nothing.
    fn is_hopeless(&mut self, job: &str, has_spoken: bool) -> bool {
        self.asked.remove(job);
        self.silent += 1;
        has_spoken || self.silent >= MOST_SILENT
    }

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
    fn one_that_is_over_before_it_was_seen_is_noticed_too() {
        let asked = |jobs: &[&str]| jobs.iter().map(|job| (*job).to_owned()).collect();
        let mut watch = Watch { asked: asked(&["1", "12", "2"]), ..Watch::default() };
        assert_eq!(watch.barren(&seen(&[("12_1", "PENDING"), ("2_1", "RUNNING")], &["2_1"])), ["1"]);
        assert!(watch.is_hopeless("1", true), "it has said why");
        watch.silent = 0;
        assert_eq!(watch.barren(&seen(&[("12_1", "PENDING")], &["2_1"])), [""; 0], "2 has had its agent");
        for (job, hopeless) in [("3", false), ("4", false), ("5", true)] {
            watch.asked.insert(job.to_owned());
            assert_eq!(watch.barren(&seen(&[("12_1", "PENDING")], &["2_1"])), [job]);
            assert_eq!(watch.is_hopeless(job, false), hopeless, "{job}");
        }
    }

    #[test]
    fn one_that_was_cancelled_while_it_waited_is_nobodys_fault() {
        let mut watch = Watch::default();
        assert_eq!(watch.lost(&seen(&[("1_1", "PENDING")], &[])), None);
        assert_eq!(watch.lost(&seen(&[], &[])), None);
    }
}
