//! The database against what it was one step before.

use super::{Checked, Rule, Snapshot, hold};

pub fn nothing_lost(old: &Snapshot, new: &Snapshot) -> Checked {
    for id in old.sweeps.keys() {
        hold(Rule::NothingLost, new.sweeps.contains_key(id), || format!("sweep s{id} is gone"))?;
    }
    for id in old.jobs.keys() {
        hold(Rule::NothingLost, new.jobs.contains_key(id), || format!("job j{id} is gone"))?;
    }
    for (job, number) in old.attempts.keys() {
        let there = new.attempts.contains_key(&(*job, *number));
        hold(Rule::NothingLost, there, || format!("attempt {number} of j{job} is gone"))?;
    }
    Ok(())
}

/// What has ended stays as it is, but for a user's retry; what has succeeded stays whatever users do.
pub fn the_end_is_the_end(old: &Snapshot, new: &Snapshot, calling: bool) -> Checked {
    for (key, was) in old.attempts.iter().filter(|(_, attempt)| attempt.is_finished()) {
        let is = &new.attempts[key];
        hold(Rule::FinishedStays, is == was, || format!("attempt {} of j{}: {was:?} became {is:?}", key.1, key.0))?;
    }
    for (id, was) in old.jobs.iter().filter(|(_, job)| job.is_terminal()) {
        let is = &new.jobs[id];
        let stays = (&was.state, was.attempt, was.failures) == (&is.state, is.attempt, is.failures);
        let what = || format!("j{id} was {} and is {}", was.state, is.state);
        match was.state.as_str() {
            "succeeded" => hold(Rule::RecordedOnce, stays, what)?,
            "cancelled" => hold(Rule::CancelHolds, stays || calling, what)?,
            _ => hold(Rule::FinishedStays, stays || calling, what)?,
        }
    }
    for (key, was) in &old.points {
        let done = old.jobs.get(&key.0).is_some_and(|job| job.state == "succeeded");
        let stays = new.points.get(key) == Some(was);
        hold(Rule::RecordedOnce, stays || !done, || format!("point {:?} of j{} changed", key.1, key.0))?;
    }
    Ok(())
}
