//! Waiting for scripts: nothing is drawn, the exit code tells how it ended.

use sweep_shared::ids::SweepId;
use sweep_shared::states::{JobState, SweepState};

use super::ending;
use super::status::{document, job_object};
use crate::answer::{Job, Sweep};
use crate::connect::{Connection, Target};
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::follow::{Ended, Patience, Until, follow, lost};
use crate::settings::Span;
use crate::signals::Signals;
use crate::{format, output, progress};

/// What commands take that can wait.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(skip)]
pub struct Waits {
    /// Wait until it is over; the exit code tells how it ended
    #[arg(long)]
    pub wait: bool,
    /// With --wait: no longer than this, then end with 130 (it goes on by itself)
    #[arg(long, value_name = "TIME", requires = "wait")]
    pub timeout: Option<Span>,
}

/// Waits until the target is over, and says in a line (or, with `--json`, in a document) how it ended.
pub async fn wait(context: &Context, connection: &mut Connection, target: Target, timeout: Option<Span>) -> Outcome {
    let (sweep, jobs) = connection.client.look(Some(target), false).await?;
    if !is_over(target, &sweep, &jobs) {
        if connection.is_inside() {
            return Err(Failure::unreachable(format!("nobody works on {target} now, so there is nothing to wait for"))
                .hint("run `sweep local PLAN` again, or start `sweep serve` and `sweep agent`"));
        }
        if let Some(exit) = until_over(context, connection, sweep.id, target, timeout).await? {
            return Ok(exit);
        }
    }
    report(context, connection, target).await
}

fn is_over(target: Target, sweep: &Sweep, jobs: &[Job]) -> bool {
    match target {
        Target::Sweep(_) => sweep.is_over(),
        Target::Job(_) => jobs.iter().all(|job| job.state.is_terminal()),
    }
}

/// `Some` where something else came first: the time ran out, or a signal.
async fn until_over(
    context: &Context,
    connection: &mut Connection,
    sweep: SweepId,
    target: Target,
    timeout: Option<Span>,
) -> Outcome<Option<Exit>> {
    let mut signals = Signals::listen()?;
    let mut view = progress::remarks(context.quiet);
    let until = match target {
        Target::Sweep(_) => Until::Over,
        Target::Job(job) => Until::JobOver(job),
    };
    let expired = async {
        match timeout {
            Some(span) => tokio::time::sleep(span.0).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = follow(connection, sweep, view.as_mut(), Patience::Endless, until) => match ended? {
            Ended::Over(_) => Ok(None),
            Ended::Lost => Err(lost()),
        },
        () = expired => {
            let after = timeout.map(|span| span.to_string()).unwrap_or_default();
            output::note(&format!("{target} is not over after {after}; it goes on"));
            Ok(Some(Exit::Interrupted))
        }
        () = signals.next() => {
            output::note(&format!("{target} goes on; `sweep wait {target}` waits for it again"));
            Ok(Some(Exit::Interrupted))
        }
    }
}

async fn report(context: &Context, connection: &mut Connection, target: Target) -> Outcome {
    let (sweep, jobs) = connection.client.look(Some(target), context.json).await?;
    let halted = connection.client.halted();
    let (line, exit) = match (target, jobs.as_slice()) {
        (Target::Job(_), [job]) => (of_job(job), exit_of(job.state)),
        _ => (of_sweep(&sweep), Exit::of_sweep(sweep.state)),
    };
    match (context.json, target, jobs.as_slice()) {
        (true, Target::Job(_), [job]) => output::json(&job_object(job))?,
        (true, ..) => output::json(&document(&sweep, &jobs, halted.as_ref()))?,
        (false, ..) => output::print(&line)?,
    }
    if sweep.state == SweepState::FinishedWithFailures && matches!(target, Target::Sweep(_)) {
        output::note(&ending::failures(&jobs, &format!("sweep retry {}", sweep.id)));
    }
    Ok(exit)
}

fn of_sweep(sweep: &Sweep) -> String {
    let state = sweep.state.as_str().replace('_', " ");
    let time = sweep.age().map(|age| format!(" in {}", format::duration(age))).unwrap_or_default();
    let jobs = format::plural(sweep.total(), "job");
    format!("{} {}: {state}{time}, {} of {jobs} succeeded", sweep.id, sweep.name, sweep.count(JobState::Succeeded))
}

fn of_job(job: &Job) -> String {
    let time = job.run_time().map(|time| format!(" in {}", format::duration(time))).unwrap_or_default();
    let why = format::one_line(&job.message, 200);
    let why = if why.is_empty() { why } else { format!(": {why}") };
    format!("{} {}: {}{time}{why}", job.id, job.name(true), job.state)
}

/// What a job's end means for the caller.
fn exit_of(state: JobState) -> Exit {
    match state {
        JobState::Succeeded | JobState::Stopped => Exit::Done,
        JobState::Failed | JobState::Skipped => Exit::FailedJobs,
        JobState::Cancelled => Exit::Cancelled,
        JobState::Blocked | JobState::Ready | JobState::Running | JobState::Paused => Exit::Interrupted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::{tests_job, tests_sweep};

    #[test]
    fn the_line_and_the_exit_code_tell_how_it_ended() {
        let counts = [(JobState::Succeeded, 2), (JobState::Failed, 1)].into();
        let sweep = Sweep { counts, state: SweepState::FinishedWithFailures, ..tests_sweep() };
        assert_eq!(of_sweep(&sweep), "s1 study: finished with failures, 2 of 3 jobs succeeded");
        let job = Job { message: "no\nsuch file".into(), ..tests_job(7, JobState::Failed) };
        assert_eq!(of_job(&job), "j7 base seed=0: failed: no such file");
        let codes = [JobState::Succeeded, JobState::Failed, JobState::Skipped, JobState::Cancelled].map(exit_of);
        assert_eq!(codes, [Exit::Done, Exit::FailedJobs, Exit::FailedJobs, Exit::Cancelled]);
    }

    #[test]
    fn a_job_is_over_before_its_sweep_is() {
        let (sweep, job) = (Target::Sweep(SweepId(1)), Target::Job(sweep_shared::ids::JobId(7)));
        let jobs = [tests_job(7, JobState::Succeeded)];
        assert!(!is_over(sweep, &tests_sweep(), &jobs) && is_over(job, &tests_sweep(), &jobs));
    }
}
