//! `sweep local` where this process holds the home: coordinator and agent run here.

use std::pin::pin;
use std::time::Duration;

use sweep_coordinator::Running;
use sweep_shared::ids::SweepId;
use sweep_shared::states::{JobState, SweepState};
use sweep_worker::{Agent, AgentError, Options, Shutdown};
use tokio::task::JoinHandle;

use super::Errand;
use crate::answer::Sweep;
use crate::commands::submission::submit;
use crate::commands::{agent, ending};
use crate::connect::{Client, Connection, Target};
use crate::exit::{Exit, Failure, Outcome};
use crate::follow::{Ended, Patience, Until, follow};
use crate::{format, output, progress};

pub async fn run(mut errand: Errand<'_>, running: Running) -> Outcome {
    let agent = agent::options(errand.context, running.local_url(), running.token().to_owned());
    let mut connection = Connection::inside(running).await?;
    let exit = with(&mut errand, &mut connection, agent).await;
    connection.close().await;
    exit
}

async fn with(errand: &mut Errand<'_>, connection: &mut Connection, agent: Options) -> Outcome {
    let id = match errand.sweep {
        Some(sweep) => {
            connection.serve(sweep).await;
            sweep
        }
        None => submit(&mut connection.client, &errand.plan, errand.choice).await?.sweep,
    };
    let (before, _) = connection.client.status(Some(id)).await?;
    if let Some(said) = beginning(&before) {
        output::note_or_print(errand.context.json, &said)?;
    }
    let again = format!("{} --retry-failed", errand.command);
    if before.is_over() {
        return ending::report(errand.context, connection, &before, &again).await;
    }
    if let Some(said) = waiting(id, &connection.client.list(RECENT).await?) {
        output::note(&said);
    }
    let interrupted = work(errand, connection, id, agent).await?;
    let (after, _) = connection.client.status(Some(id)).await?;
    if after.is_over() {
        return ending::report(errand.context, connection, &after, &again).await;
    }
    if !interrupted {
        return Err(Failure::internal(format!("{id} is not over, but its agent stopped")));
    }
    let done = format!("{} of {} done", after.over(), format::plural(after.total(), "job"));
    output::note(&format!("stopped: {done}. To continue: {}", errand.command));
    Ok(Exit::Interrupted)
}

/// What there is to say before the work, if this is not the first run of the plan.
fn beginning(sweep: &Sweep) -> Option<String> {
    let jobs = format::plural(sweep.total(), "job");
    let head = format!("{} {}", sweep.id, sweep.name);
    let how = match sweep.state {
        SweepState::Active => None,
        SweepState::Finished => Some("its work is done already"),
        SweepState::FinishedWithFailures => Some("it ended already, with failures"),
        SweepState::Cancelled => Some("it was cancelled"),
    };
    if let Some(how) = how {
        return Some(format!("{head}: {how} ({jobs}); nothing was run"));
    }
    let reused =
        if sweep.reused > 0 { format!(" ({} reused from earlier sweeps)", sweep.reused) } else { String::new() };
    (sweep.over() > 0).then(|| format!("{head}: {} of {jobs} done already{reused}", sweep.over()))
}

/// Sweeps that are looked through for others' unfinished work.
const RECENT: u32 = 100;

/// What other plans' runs left unfinished here: it stays as it is meanwhile.
fn waiting(own: SweepId, sweeps: &[Sweep]) -> Option<String> {
    let left: Vec<&Sweep> = sweeps.iter().filter(|sweep| sweep.id != own && !sweep.is_over()).collect();
    let first = left.last()?;
    let unfinished = |sweep: &Sweep| sweep.total() - sweep.over();
    let jobs = format::plural(unfinished(first), "unfinished job");
    let waits = if unfinished(first) == 1 { "waits" } else { "wait" };
    let more = match left.len() - 1 {
        0 => String::new(),
        n => format!("; so do those of {}", format::plural(n, "other sweep")),
    };
    Some(format!("{} {} still has {jobs}, which {waits}{more}", first.id, first.name))
}

/// Runs the agent until the sweep is over or the user has had enough; whether the user ended it.
async fn work(errand: &mut Errand<'_>, connection: &mut Connection, id: SweepId, options: Options) -> Outcome<bool> {
    let agent = Agent::new(options).map_err(agent::failure)?;
    let shutdown = Shutdown::new();
    let mut agent = tokio::spawn(agent.run(shutdown.clone()));
    let mut view = progress::view(errand.context.quiet, errand.context.json);
    let mut doubts = pin!(why_idle(connection.client.clone(), id));
    let mut doubting = true;
    let mut following = pin!(follow(connection, id, view.as_mut(), Patience::None, Until::Over));
    let mut asked = 0;
    let ended = loop {
        tokio::select! {
            ended = &mut following => break ended,
            ended = &mut agent => {
                agent_ended(ended)?;
                return Ok(asked > 0);
            }
            why = &mut doubts, if doubting => {
                doubting = false;
                // Whoever cannot be asked now will say so where it matters.
                if let Ok(Some(why)) = why {
                    output::note(&why);
                }
            }
            () = errand.signals.next() => {
                asked += 1;
                agent::ask(&shutdown, asked);
            }
        }
    };
    stop(&shutdown, &mut agent, errand, asked).await?;
    match ended? {
        Ended::Over(_) => Ok(asked > 0),
        Ended::Lost => Err(Failure::internal("the coordinator in this process stopped by itself")),
    }
}

/// An agent of this very process is given work at once.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Why nothing is being done although there is something to do: this machine may not be one that the plan allows, or too small.
async fn why_idle(mut client: Client, sweep: SweepId) -> Outcome<Option<String>> {
    tokio::time::sleep(AT_ONCE).await;
    let (_, jobs) = client.look(Some(Target::Sweep(sweep)), false).await?;
    let begun = jobs.iter().any(|job| job.attempt > 0);
    let Some(first) = jobs.iter().find(|job| !begun && job.state == JobState::Ready) else { return Ok(None) };
    let explanation = client.explain(first.id).await?;
    let reasons = explanation.reasons.join(" ");
    Ok(Some(format!("nothing runs yet: {} ({}) waits. {reasons}", first.id, first.stage)))
}

/// The sweep is over (or lost): the agent lets go of what it still holds.
async fn stop(
    shutdown: &Shutdown,
    agent: &mut JoinHandle<Result<(), AgentError>>,
    errand: &mut Errand<'_>,
    mut asked: u32,
) -> Outcome<()> {
    shutdown.drain();
    loop {
        tokio::select! {
            ended = &mut *agent => return agent_ended(ended),
            () = errand.signals.next() => {
                asked += 1;
                agent::ask(shutdown, asked);
            }
        }
    }
}

fn agent_ended(ended: Result<Result<(), AgentError>, tokio::task::JoinError>) -> Outcome<()> {
    ended?.map_err(agent::failure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::tests_sweep;

    #[test]
    fn what_others_left_is_named() {
        let of = |id, ready| Sweep {
            id: SweepId(id),
            counts: [(JobState::Ready, ready), (JobState::Succeeded, 2)].into(),
            ..tests_sweep()
        };
        let over = Sweep { state: SweepState::Finished, ..of(4, 0) };
        assert_eq!(waiting(SweepId(5), &[of(5, 1), over.clone()]), None);
        let one = waiting(SweepId(5), &[of(5, 1), over.clone(), of(2, 1)]).unwrap();
        assert_eq!(one, "s2 study still has 1 unfinished job, which waits");
        let more = waiting(SweepId(5), &[of(5, 1), of(3, 1), of(2, 7)]).unwrap();
        assert_eq!(more, "s2 study still has 7 unfinished jobs, which wait; so do those of 1 other sweep");
    }

    #[test]
    fn a_second_run_says_what_is_done() {
        let fresh = Sweep { counts: [(JobState::Ready, 3)].into(), ..tests_sweep() };
        assert_eq!(beginning(&fresh), None);
        let half = Sweep { counts: [(JobState::Ready, 1), (JobState::Succeeded, 2)].into(), ..tests_sweep() };
        assert_eq!(beginning(&half).unwrap(), "s1 study: 2 of 3 jobs done already");
        let over = Sweep { state: SweepState::Finished, counts: [(JobState::Succeeded, 3)].into(), ..tests_sweep() };
        assert_eq!(beginning(&over).unwrap(), "s1 study: its work is done already (3 jobs); nothing was run");
        let cancelled = Sweep { state: SweepState::Cancelled, ..over };
        assert_eq!(beginning(&cancelled).unwrap(), "s1 study: it was cancelled (3 jobs); nothing was run");
    }
}
