//! Who goes first, how often, and for how long.

use super::{Checked, Rule, Snapshot, hold};
use crate::world::World;

/// What a job's counters began with when a user took it up again.
#[derive(Debug, Clone, Copy)]
pub struct Base {
    failed: u32,
    terminal: bool,
}

/// A job was granted while one of higher priority, ready before this step and still now, would have fitted the same device.
pub fn priority_goes_first(world: &World, new: &Snapshot) -> Checked {
    let old = world.checks.seen();
    let granted = new.live().filter(|(key, _)| !old.attempts.contains_key(key));
    for ((id, _), attempt) in granted {
        let job = &new.jobs[id];
        let passed_over = new.jobs.iter().find(|(other, is)| {
            let Some(was) = old.jobs.get(other) else { return false };
            let waits = is.state == "ready" && was.state == "ready" && was.not_before_ms == 0 && is.not_before_ms == 0;
            let first = is.priority.min(was.priority) > job.priority;
            // Work for any device goes to a GPU where the host has one.
            let suits = match &is.device {
                Some(device) => *device == attempt.device,
                None => attempt.device == "cuda" || world.slots(&attempt.agent, "cuda", 0) == 0,
            };
            let fits = suits && is.exclusive == job.exclusive;
            let free =
                |s: &Snapshot| s.sweeps.get(&is.sweep).is_some_and(|sweep| sweep.state == "active" && !sweep.paused);
            waits && first && fits && free(old) && free(new) && !was_turned_down(new, **other)
        });
        let what = || {
            let (other, waits) = passed_over.expect("there is one");
            let was = old.jobs.get(id);
            format!("{attempt:?} was granted to j{id}, {job:?} (it was {was:?}), while j{other} waited: {waits:?}")
        };
        hold(Rule::PriorityGoesFirst, passed_over.is_none(), what)?;
    }
    Ok(())
}

/// Whether an agent may have a reason not to be offered the job (it failed there, or has outgrown what is there), or an old
/// attempt still stands in its way.
fn was_turned_down(new: &Snapshot, job: i64) -> bool {
    let mut attempts = new.attempts.range((job, 0)..=(job, u32::MAX));
    attempts.any(|(_, a)| {
        let failed_there = matches!(a.failure_class.as_deref(), Some("device_error" | "out_of_memory"));
        !a.is_finished() || a.state == "refused" || failed_there
    })
}

/// Failures are those of the attempts since the job was last taken up; losses and retries keep their bounds.
pub fn counters_are_right(world: &mut World, new: &Snapshot) -> Checked {
    for (id, job) in &new.jobs {
        let of_job = || new.attempts.range((*id, 0)..=(*id, u32::MAX)).map(|(_, attempt)| attempt);
        let failed = of_job().filter(|attempt| attempt.state == "failed").count() as u32;
        // Of a job from before, as after a restored backup, only what it counts now is known.
        let counted = job.failures + job.remedies;
        let unknown = Base { failed: failed.saturating_sub(counted), terminal: job.is_terminal() };
        let base = world.checks.counters.entry(*id).or_insert(unknown);
        if base.terminal && !job.is_terminal() {
            base.failed = failed;
        }
        base.terminal = job.is_terminal();
        let what = || {
            format!(
                "j{id} counts {counted} failures with those that were helped, and {} attempts failed",
                failed - base.failed
            )
        };
        hold(Rule::CountersAreRight, counted == failed - base.failed, what)?;
        let gone = of_job().filter(|attempt| matches!(attempt.state.as_str(), "lost" | "stale")).count() as u32;
        hold(Rule::CountersAreRight, job.losses <= gone, || format!("j{id} counts {} losses of {gone}", job.losses))?;
        let bounded = job.failures <= job.retries + 1 && job.losses <= job.most_losses + 1;
        let what = || format!("j{id} goes on after {} failures and {} losses", job.failures, job.losses);
        hold(Rule::CountersAreRight, bounded || job.is_terminal(), what)?;
    }
    Ok(())
}

/// How long a limit may be overstepped before the coordinator, which is there, has noticed.
const PATIENCE_MS: u64 = 60_000;

/// A job that ran for too long ends, and a sweep that has spent its budget stands still.
pub fn limits_hold(world: &mut World) -> Checked {
    let (present, now) = (world.office.site.is_some() && world.office.asleep(world.now).is_none(), world.now);
    for (what, rule_of, id, over) in overstepped(world) {
        let since = world.checks.since(what, id, over && present, now);
        hold(Rule::LimitsHold, since <= PATIENCE_MS, || format!("{rule_of}{id} goes on, its {what} overstepped"))?;
    }
    Ok(())
}

/// Everything with a limit, and whether it is beyond.
fn overstepped(world: &World) -> Vec<(&'static str, &'static str, i64, bool)> {
    let seen = world.checks.seen();
    let mut all = Vec::new();
    for (id, job) in seen.jobs.iter().filter(|(_, job)| job.max_hours.is_some()) {
        // Attempts before a user's retry do not count, so only what runs now is sure to. What the coordinator slept through
        // it has not counted.
        let counted_s = world.running_s(seen, *id) - world.office.slept_ms as f64 / 1e3;
        let over = job.max_hours.is_some_and(|hours| counted_s > hours * 3600.0);
        all.push(("max_hours", "j", *id, over && job.state == "running" && world.is_connected_for(seen, *id)));
    }
    for (id, sweep) in &seen.sweeps {
        if sweep.budget_gpu_hours.is_none() && sweep.budget_cpu_hours.is_none() {
            continue;
        }
        let used = |class: &str| -> f64 {
            let of_sweep =
                seen.attempts.iter().filter(|((job, _), a)| seen.jobs[job].sweep == *id && a.device == class);
            of_sweep.filter_map(|(_, attempt)| attempt.run_s).sum::<f64>() / 3600.0
        };
        let over = sweep.budget_gpu_hours.is_some_and(|budget| used("cuda") > budget)
            || sweep.budget_cpu_hours.is_some_and(|budget| used("cpu") > budget);
        // Only a sweep of which something runs spends.
        let runs = seen.live().any(|((job, _), a)| seen.jobs[job].sweep == *id && !a.unwanted);
        let free = sweep.state == "active" && !sweep.paused && !sweep.budget_waived;
        all.push(("budget", "s", *id, over && free && runs));
    }
    all
}

impl super::Checks {
    /// For how long something has been so.
    fn since(&mut self, what: &'static str, id: i64, is_so: bool, now: u64) -> u64 {
        if !is_so {
            self.over.remove(&(what, id));
            return 0;
        }
        now - *self.over.entry((what, id)).or_insert(now)
    }
}
