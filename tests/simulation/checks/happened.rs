//! The database against what really happened.

use sweep_shared::ids::{ContentHash, JobId, Token};

use super::{Checked, Rule, Snapshot, Violation, hold};
use crate::world::World;
use crate::world::chain;

/// Every end that was recorded since the last look is this very attempt's.
pub fn ends_happened(world: &World, new: &Snapshot) -> Checked {
    let begun_anew = new.generation != world.checks.seen().generation;
    for (key, is) in new.attempts.iter().filter(|(_, attempt)| attempt.is_finished()) {
        if world.checks.seen().attempts.get(key).is_some_and(|was| was.is_finished()) {
            continue;
        }
        let token = is.token();
        let made = world.truth.get(token);
        let end = made.and_then(|made| made.end);
        let alive = made.is_some_and(|made| made.alive);
        let what = || format!("{token} is recorded as {} ({}); its runner's end: {end:?}", is.state, is.message);
        match is.state.as_str() {
            "succeeded" => hold(Rule::NothingStale, end == Some("succeeded"), what)?,
            "failed" => {
                let told_otherwise = is.message.contains("blob") || is.message.contains("could not be");
                hold(Rule::NothingStale, end == Some("failed") || told_otherwise, what)?;
            }
            "interrupted" | "refused" => hold(Rule::NothingStale, !alive, what)?,
            "lost" => {
                // Of a silent agent what nobody wants any more is let go, since no other attempt would fence it.
                let unwanted = is.message.contains("silent") && world.checks.was_unwanted(key);
                hold(Rule::WorkOutlivesOutages, !alive || begun_anew || unwanted, what)?;
            }
            "stale" => {
                let job = &new.jobs[&key.0];
                let given_up = job.failure_class.as_deref() == Some("lost");
                hold(Rule::WorkOutlivesOutages, job.attempt > key.1 || given_up, what)?;
                let connected = made.is_some_and(|made| made.connected_since.is_some_and(|at| world.now > at + 60_000));
                hold(Rule::WorkOutlivesOutages, !(alive && connected), what)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// A result is what the job's inputs and spec come to, by whatever detours.
pub fn results_are_right(world: &mut World, new: &Snapshot) -> Checked {
    for (id, job) in new.jobs.iter().filter(|(_, job)| job.state == "succeeded") {
        if world.checks.results.contains_key(id) {
            continue;
        }
        let winners: Vec<u32> = new
            .attempts
            .iter()
            .filter(|((of, _), a)| of == id && a.state == "succeeded")
            .map(|((_, n), _)| *n)
            .collect();
        let once = if job.reused_from.is_some() { winners.is_empty() } else { winners == [job.attempt] };
        hold(Rule::RecordedOnce, once, || format!("j{id} has succeeded with the attempts {winners:?}"))?;
        let expected = expected(world, new, *id)?;
        let files: Vec<&str> =
            new.points.iter().filter(|((of, _, _), _)| of == id).map(|(_, file)| file.hash.as_str()).collect();
        let wanted: Vec<String> = expected.iter().map(|bytes| ContentHash::of(bytes).to_string()).collect();
        let what =
            || format!("j{id} has the files {files:?}, and {wanted:?} is what its chain of checkpoints must end in");
        hold(Rule::LineageIsWhole, files == wanted, what)?;
        world.checks.results.insert(*id, expected);
    }
    Ok(())
}

/// What the job must have made; `None`: no file.
fn expected(world: &World, new: &Snapshot, id: i64) -> Result<Option<Vec<u8>>, Violation> {
    let spec = &world.checks.specs[&id];
    if !chain::has_result(spec) {
        return Ok(None);
    }
    let mut inputs = Vec::new();
    for (source, _) in new.inputs.get(&id).map_or(&[][..], Vec::as_slice) {
        let known = world.checks.results.get(source).cloned();
        inputs.extend(match known {
            Some(result) => result,
            // Inputs come before what reads them, but a look may find both finished.
            None => expected(world, new, *source)?,
        });
    }
    let tag = chain::tag(spec);
    let first = chain::first_state(&tag, inputs.iter().map(Vec::as_slice));
    let last = (1..=chain::epochs(spec)).fold(first, |state, epoch| chain::next_state(&tag, state, epoch));
    Ok(Some(chain::result(last)))
}

/// Checkpoints, epochs and what attempts went on from are what their runners made.
pub fn lineage_is_whole(world: &World, new: &Snapshot) -> Checked {
    let token = |job: i64, number: u32| new.attempts.get(&(job, number)).map(|attempt| attempt.token());
    for checkpoint in &new.checkpoints {
        let of = token(checkpoint.job, checkpoint.attempt);
        let made = of.and_then(|of| world.truth.get(of));
        let (job, number, at) = (checkpoint.job, checkpoint.attempt, checkpoint.position());
        let what = || format!("attempt {number} of j{job} has a checkpoint of {at:?} that it never made");
        hold(Rule::NothingStale, made.is_some_and(|made| made.checkpoints.contains(&at)), what)?;
    }
    for (job, number, epoch) in &new.epochs {
        let made = token(*job, *number).and_then(|of| world.truth.get(of));
        let what = || format!("attempt {number} of j{job} has told epoch {epoch}, which it never had");
        hold(Rule::NothingStale, made.is_some_and(|made| made.epochs.contains(epoch)), what)?;
    }
    for ((job, number), attempt) in new.attempts.iter().filter(|(_, attempt)| attempt.resumed_epoch > 0) {
        let resumed = world.truth.get(attempt.token()).and_then(|made| made.resumed);
        let what =
            || format!("attempt {number} of j{job} went on from {resumed:?}, not from {}", attempt.resumed_epoch);
        hold(Rule::LineageIsWhole, resumed.is_some_and(|(epoch, _)| epoch == attempt.resumed_epoch), what)?;
        if attempt.resumed_attempt == 0 {
            continue;
        }
        let source = token(*job, attempt.resumed_attempt).and_then(|of| world.truth.get(of));
        let made = source.is_some_and(|made| made.checkpoints.iter().any(|(epoch, _)| *epoch == attempt.resumed_epoch));
        let what = || {
            format!(
                "attempt {} of j{job} never made the checkpoint that {number} went on from",
                attempt.resumed_attempt
            )
        };
        hold(Rule::LineageIsWhole, made && attempt.resumed_attempt < *number, what)?;
    }
    Ok(())
}

/// A runner may outlive its end in the database by so long, with a good connection all the while: the order has to arrive.
const KILLED_MS: u64 = 15_000;
/// SIGTERM has its grace, too.
const STOPPED_MS: u64 = 45_000;

/// What the coordinator no longer wants to run stops, once it can be told.
pub fn unwanted_runners_die(world: &mut World) -> Checked {
    let alive: Vec<Token> =
        world.truth.attempts.iter().filter(|(_, made)| made.alive).map(|(token, _)| *token).collect();
    for token in alive {
        let connected = world.is_connected(token);
        let unwanted = unwanted(world, token);
        let now = world.now;
        let made = world.truth.of(token);
        made.connected_since = made.connected_since.or(Some(now)).filter(|_| connected);
        made.unwanted_since = made.unwanted_since.or(Some(now)).filter(|_| connected && unwanted.is_some());
        let (Some(rule), Some(since)) = (unwanted, made.unwanted_since) else { continue };
        let what = || format!("{token} still runs, {} s after its agent could have been told", (now - since) / 1000);
        let patience = if rule == Rule::PauseHolds { STOPPED_MS } else { KILLED_MS };
        hold(rule, now <= since + patience, what)?;
    }
    Ok(())
}

/// Which rule wants the runner gone.
fn unwanted(world: &World, token: Token) -> Option<Rule> {
    let seen = world.checks.seen();
    let JobId(id) = token.job;
    let attempt = seen.attempts.get(&(id, token.attempt)).filter(|attempt| attempt.token() == token);
    let Some(attempt) = attempt else {
        // A restored database does not know it, until a new generation begins.
        return (!world.office.restored).then_some(Rule::NothingStale);
    };
    let job = &seen.jobs[&id];
    if attempt.unwanted || attempt.is_finished() || job.attempt != token.attempt || job.is_terminal() {
        return Some(if attempt.state == "stale" { Rule::NothingStale } else { Rule::CancelHolds });
    }
    let paused = job.state == "paused" || seen.sweeps[&job.sweep].paused;
    (paused && world.is_training(token)).then_some(Rule::PauseHolds)
}
