//! The model: what users do.

use std::collections::BTreeSet;

use super::draw::{KEYS, Plan};
use super::world::{Answer, BAD, Job, Lie, Outcome, REFUSED, Sweep, UNKNOWN, World};
use crate::store::Target;

impl World {
    pub fn pause(&mut self, target: Target) -> Answer {
        let (sweep, open) = self.open(target)?;
        match target {
            Target::Sweep(_) if self.sweeps[&sweep].paused => return Ok("0".to_owned()),
            Target::Sweep(_) => self.sweeps.get_mut(&sweep).expect("it is open").paused = true,
            Target::Job(job) if self.jobs[&job.0].state == "paused" => return Ok("0".to_owned()),
            Target::Job(job) => self.set(job.0, "paused"),
        }
        Ok(open.len().to_string())
    }

    pub fn resume(&mut self, target: Target) -> Answer {
        let (id, open) = self.open(target)?;
        let sweep = self.sweeps.get_mut(&id).expect("it is open");
        match target {
            Target::Sweep(_) if !sweep.paused => return Ok("0".to_owned()),
            Target::Sweep(_) => {
                sweep.waived |= sweep.over_budget;
                (sweep.paused, sweep.over_budget) = (false, false);
            }
            Target::Job(job) if self.jobs[&job.0].state == "paused" => {
                let state = match (self.jobs[&job.0].current(), self.fed(job.0)) {
                    (Some(_), _) => "running",
                    (None, true) => "ready",
                    (None, false) => "blocked",
                };
                self.set(job.0, state);
            }
            Target::Job(_) if sweep.paused => return REFUSED,
            Target::Job(_) => return Ok("0".to_owned()),
        }
        Ok(open.len().to_string())
    }

    pub fn cancel(&mut self, target: Target) -> Answer {
        let (sweep, open) = self.open(target)?;
        for job in &open {
            self.cancel_job(*job, false);
        }
        match target {
            Target::Sweep(_) => self.close(sweep, "cancelled"),
            Target::Job(job) => self.ended(job.0),
        }
        Ok(open.len().to_string())
    }

    fn cancel_job(&mut self, id: i64, by_drop: bool) {
        self.set(id, "cancelled");
        let job = self.jobs.get_mut(&id).expect("it is known");
        job.by_drop = by_drop;
        if self.lie == Some(Lie::CancelsAreForgotten) {
            return;
        }
        if let Some(live) = job.attempts.last_mut().filter(|attempt| attempt.is_live()) {
            live.unwanted = true;
        }
    }

    fn close(&mut self, sweep: i64, state: &'static str) {
        let sweep = self.sweeps.get_mut(&sweep).expect("it is known");
        (sweep.state, sweep.paused, sweep.over_budget) = (state, false, false);
    }

    /// Ends an active sweep with its last job. `anew`: also where it had ended, because its jobs are others now.
    pub fn settle(&mut self, id: i64, anew: bool) {
        let was = self.sweeps[&id].state;
        if was != "active" && !anew {
            return;
        }
        let all = self.lie == Some(Lie::DroppedJobsCount);
        let mut states = self.jobs.values().filter(|job| job.sweep == id && (all || !job.dropped)).map(|job| job.state);
        let now = if self.jobs.values().any(|job| job.sweep == id && job.is_open()) {
            "active"
        } else if states.all(|state| state == "succeeded") {
            "finished"
        } else {
            "finished_with_failures"
        };
        if now != was && now != "active" {
            self.close(id, now);
        }
        self.sweeps.get_mut(&id).expect("it is known").state = now;
    }

    pub fn retry(&mut self, target: Target) -> Answer {
        let (sweep, back) = match target {
            Target::Sweep(sweep) => {
                self.sweeps.get(&sweep.0).ok_or("unknown")?;
                let ended = |job: &Job| job.sweep == sweep.0 && !job.dropped && BAD.contains(&job.state);
                (sweep.0, self.jobs.iter().filter(|(_, job)| ended(job)).map(|(id, _)| *id).collect())
            }
            Target::Job(id) => {
                let Some(job) = self.jobs.get(&id.0) else { return UNKNOWN };
                let hopeless = job.inputs.iter().any(|input| BAD.contains(&self.jobs[input].state));
                if job.dropped || !BAD.contains(&job.state) || hopeless {
                    return REFUSED;
                }
                let mut back = BTreeSet::from([id.0]);
                self.skipped_below(id.0, &mut back);
                (job.sweep, back)
            }
        };
        self.bring_back(sweep, &back);
        Ok(back.len().to_string())
    }

    fn skipped_below(&self, id: i64, found: &mut BTreeSet<i64>) {
        for reader in self.readers(id) {
            if self.jobs[&reader].state == "skipped" && !self.jobs[&reader].dropped {
                found.insert(reader);
            }
            self.skipped_below(reader, found);
        }
    }

    fn bring_back(&mut self, sweep: i64, jobs: &BTreeSet<i64>) {
        for &id in jobs {
            let state = if self.fed(id) { "ready" } else { "blocked" };
            self.set(id, state);
            let job = self.jobs.get_mut(&id).expect("it is known");
            (job.failures, job.losses, job.by_drop) = (0, 0, false);
            (job.parts, job.outgrown) = (1, 0);
        }
        if !jobs.is_empty() {
            self.sweeps.get_mut(&sweep).expect("it is known").state = "active";
            self.skip_hopeless(sweep);
        }
    }

    fn skip_hopeless(&mut self, sweep: i64) {
        let bad = |job: &Job| job.sweep == sweep && BAD.contains(&job.state);
        let bad: Vec<i64> = self.jobs.iter().filter(|(_, job)| bad(job)).map(|(id, _)| *id).collect();
        for id in bad {
            self.skip_below(id);
        }
    }

    pub fn prioritise(&mut self, target: Target, priority: i32) -> Answer {
        let (sweep, open) = self.open(target)?;
        match target {
            Target::Sweep(_) => self.sweeps.get_mut(&sweep).expect("it is open").priority = i64::from(priority),
            Target::Job(job) => self.jobs.get_mut(&job.0).expect("it is open").own_priority = i64::from(priority),
        }
        Ok(open.len().to_string())
    }

    pub fn submit(&mut self, plan: &Plan) -> String {
        let id = self.sweeps.len() as i64 + 1;
        let (priority, budget_s) = (i64::from(plan.priority), plan.budget_s);
        let (state, paused, over_budget, waived) = ("active", false, false, false);
        self.sweeps.insert(id, Sweep { state, paused, over_budget, waived, priority, budget_s });
        let (added, reused) = self.insert(id, plan);
        self.settle(id, false);
        format!("s{id}: {added} added, {reused} reused")
    }

    /// Adds those of the plan's jobs that the sweep does not have. How many, and how many of them are done already.
    fn insert(&mut self, sweep: i64, plan: &Plan) -> (usize, usize) {
        let (mut added, mut reused) = (0, 0);
        // Only what was there before can be taken over.
        let before = self.jobs.len() as i64;
        for key in (0..KEYS.len()).filter(|key| plan.keys[*key]) {
            if self.find(sweep, key).is_some() {
                continue;
            }
            let inputs: Vec<i64> = KEYS[key].iter().map(|source| self.find(sweep, *source).expect("closed")).collect();
            let read: Option<Vec<String>> = inputs.iter().map(|id| self.made(*id)).collect();
            let found =
                self.newest_result(key, before).filter(|(_, made)| plan.reuse && Some(&made.read) == read.as_ref());
            let fed = inputs.iter().all(|input| self.jobs[input].state == "succeeded");
            let state = match (&found, fed) {
                (Some(_), _) => "succeeded",
                (None, true) => "ready",
                (None, false) => "blocked",
            };
            let (from, result) = found.unzip();
            added += 1;
            reused += usize::from(from.is_some());
            let id = self.jobs.len() as i64 + 1;
            self.jobs.insert(id, new_job(sweep, key, state, inputs, from, result));
        }
        self.take_policy(sweep, plan);
        (added, reused)
    }

    fn find(&self, sweep: i64, key: usize) -> Option<i64> {
        self.jobs.iter().find(|(_, job)| job.sweep == sweep && job.key == key).map(|(id, _)| *id)
    }

    fn made(&self, id: i64) -> Option<String> {
        let job = &self.jobs[&id];
        job.result.as_ref().filter(|_| job.state == "succeeded").map(|made| made.text.clone())
    }

    fn newest_result(&self, key: usize, before: i64) -> Option<(i64, Outcome)> {
        let done = |(id, job): &(&i64, &Job)| **id <= before && job.key == key && job.state == "succeeded";
        let (id, job) = self.jobs.iter().rev().find(done)?;
        Some((*id, job.result.clone()?))
    }

    fn take_policy(&mut self, sweep: i64, plan: &Plan) {
        for job in self.jobs.values_mut().filter(|job| job.sweep == sweep && plan.keys[job.key]) {
            (job.retries, job.most_losses, job.limited) = (plan.retries, plan.most_losses, plan.limited);
            job.own_priority = if job.key % 2 == 1 { i64::from(plan.own_priority) } else { 0 };
        }
    }

    pub fn amend(&mut self, id: i64, plan: &Plan) -> Answer {
        let sweep = self.sweeps.get_mut(&id).ok_or("unknown")?;
        if sweep.state == "cancelled" {
            return REFUSED;
        }
        sweep.priority = i64::from(plan.priority);
        if sweep.budget_s != plan.budget_s {
            sweep.paused &= !sweep.over_budget;
            (sweep.budget_s, sweep.over_budget, sweep.waived) = (plan.budget_s, false, false);
        }
        let of_sweep = |job: &&Job| job.sweep == id;
        let kept = self.jobs.values().filter(of_sweep).filter(|job| plan.keys[job.key]).count();
        let gone = |job: &Job| job.sweep == id && !plan.keys[job.key] && !job.dropped;
        let gone: Vec<i64> = self.jobs.iter().filter(|(_, job)| gone(job)).map(|(id, _)| *id).collect();
        for job in &gone {
            if self.jobs[job].is_open() {
                self.cancel_job(*job, true);
            }
            self.jobs.get_mut(job).expect("it is known").dropped = true;
        }
        let (added, reused) = self.insert(id, plan);
        let mut back = BTreeSet::new();
        for (job, row) in self.jobs.iter_mut().filter(|(_, job)| job.sweep == id && job.dropped && plan.keys[job.key]) {
            row.dropped = false;
            if row.by_drop && row.state == "cancelled" {
                back.insert(*job);
            }
        }
        self.bring_back(id, &back);
        self.skip_hopeless(id);
        self.settle(id, true);
        Ok(format!("s{id}: {kept} kept, {added} added, {} dropped, {reused} reused", gone.len()))
    }
}

fn new_job(
    sweep: i64,
    key: usize,
    state: &'static str,
    inputs: Vec<i64>,
    reused_from: Option<i64>,
    result: Option<Outcome>,
) -> Job {
    Job {
        sweep,
        key,
        state,
        class: None,
        own_priority: 0,
        retries: 0,
        most_losses: 0,
        limited: false,
        failures: 0,
        losses: 0,
        waits: false,
        parts: 1,
        outgrown: 0,
        dropped: false,
        by_drop: false,
        inputs,
        attempts: Vec::new(),
        checkpoints: BTreeSet::new(),
        reused_from,
        result,
    }
}
