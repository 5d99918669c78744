//! The model: what becomes of attempts, and of jobs by them.

use sweep_shared::ids::{JobId, Token};

use super::draw::{Say, most_parts};
use super::memory::is_helped;
use super::world::{Answer, Attempt, BAD, Command, Lie, Outcome, REFUSED, Said, UNKNOWN, World, budget_seconds};
use crate::store::Target;

/// How an attempt that counts for its job ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Success(u8),
    Failure(&'static str),
    /// No counter is touched.
    Interrupted,
    Refused,
    NeverArrived,
    Restored,
    Lost,
}

impl World {
    pub fn apply(&mut self, command: &Command) -> Answer {
        match command {
            Command::Submit(plan, None) => Ok(self.submit(plan)),
            Command::Submit(plan, Some(sweep)) => self.amend(sweep.0, plan),
            Command::Grant { jobs, agent, steal } => Ok(self.grant_all(jobs, agent, steal)),
            Command::Reports(reports) => self.record(reports),
            Command::Resumed(token, epoch, step) => Ok(self.resumed(*token, *epoch, *step)),
            Command::Hello { .. } => Ok(self.greet(command)),
            Command::Goodbye(agent) => Ok(self.goodbye(agent)),
            Command::Pause(target) => self.pause(*target),
            Command::Resume(target) => self.resume(*target),
            Command::Cancel(target) => self.cancel(*target),
            Command::Retry(target) => self.retry(*target),
            Command::Priority(target, priority) => self.prioritise(*target, *priority),
            Command::Drain(agent) => match self.agents.get_mut(agent) {
                None => UNKNOWN,
                Some(agent) => Ok((!std::mem::replace(&mut agent.draining, true)).to_string()),
            },
            Command::Expire(token) => Ok(self.expire(*token)),
            Command::Release(token) => {
                self.end(*token, End::Lost, None);
                Ok(String::new())
            }
            Command::Overspend(held) => Ok(self.overspend(held)),
            Command::NewGeneration => Ok(self.new_generation()),
            Command::Pass(ms) => {
                self.now_ms += i64::from(*ms);
                Ok(String::new())
            }
            Command::SetClock(ms) => {
                self.now_ms += i64::from(*ms);
                Ok(String::new())
            }
        }
    }

    fn grant_all(&mut self, jobs: &[(JobId, u64)], agent: &str, steal: &[Token]) -> String {
        let mut granted = Vec::new();
        for (job, lease) in jobs {
            granted.extend(self.grant_one(job.0, *lease, agent, steal));
        }
        granted.join(" ")
    }

    fn grant_one(&mut self, id: i64, lease: u64, agent: &str, steal: &[Token]) -> Option<String> {
        let job = self.jobs.get(&id)?;
        if self.sweeps[&job.sweep].paused || !matches!(job.state, "ready" | "running") {
            return None;
        }
        let running = job.state == "running";
        let newest = Token { job: JobId(id), attempt: job.attempts.len() as u32, lease: 0 };
        if let Some(live) = job.attempts.last().filter(|attempt| attempt.is_live()) {
            if !steal.contains(&Token { lease: live.lease, ..newest }) {
                return None;
            }
            if self.lie != Some(Lie::NoFence) {
                self.finish(id, newest.attempt, "stale", None, None);
            }
        }
        let read = self.texts_of(id);
        let (job, number) = (self.jobs.get_mut(&id)?, newest.attempt + 1);
        job.losses += u32::from(running);
        if running && job.losses > job.most_losses {
            (job.state, job.class) = ("failed", Some("lost"));
            self.ended(id);
            return None;
        }
        (job.state, job.class, job.waits) = ("running", None, false);
        let from: Vec<String> =
            job.checkpoints.iter().rev().map(|(epoch, step, _)| format!("{epoch}.{step}")).collect();
        let told = format!("{id}.{number} reads {read:?} from {from:?}");
        job.attempts.push(Attempt {
            lease,
            agent: agent.to_owned(),
            state: "leased",
            class: None,
            unwanted: false,
            parts: job.parts,
            resumed: (0, 0),
            newest_epoch: None,
            read,
            started_ms: None,
            finished_ms: None,
            run_s: None,
        });
        self.tokens.push((Token { attempt: number, lease, ..newest }, agent.to_owned()));
        Some(told)
    }

    /// What the job's inputs made.
    fn texts_of(&self, job: i64) -> Vec<String> {
        let made = |input: &i64| self.jobs[input].result.as_ref().map(|made| made.text.clone()).unwrap_or_default();
        self.jobs[&job].inputs.iter().map(made).collect()
    }

    fn record(&mut self, reports: &[Said]) -> Answer {
        if let Some((spool, first)) = reports.first().and_then(|(_, _, spooled)| spooled.as_ref()) {
            match self.spools.get_mut(spool) {
                Some((_, acked)) if *first == *acked + 1 => *acked += reports.len() as u64,
                _ => return REFUSED,
            }
        }
        let answers: Vec<&str> = reports.iter().map(|(token, say, _)| self.say(*token, *say)).collect();
        Ok(answers.join(" "))
    }

    fn say(&mut self, token: Token, say: Say) -> &'static str {
        let Some(attempt) = self.attempt(token).filter(|attempt| attempt.is_live()) else { return "stale" };
        let counts = self.jobs[&token.job.0].current() == Some(token.attempt as usize);
        let too_late = attempt.state == "finishing" && counts;
        let run_s = Some(f64::from(token.attempt) + 0.25);
        match say {
            Say::Accepted => self.accept(token),
            Say::Finishing => {
                self.accept(token);
                self.attempt_mut(token).state = "finishing";
            }
            Say::Epoch(epoch) => {
                self.accept(token);
                let newest = &mut self.attempt_mut(token).newest_epoch;
                *newest = (*newest).max(Some(epoch));
            }
            Say::Checkpoint(epoch, step) => {
                self.accept(token);
                let kept = &mut self.jobs.get_mut(&token.job.0).expect("it has an attempt").checkpoints;
                kept.insert((epoch, step, token.attempt));
                while kept.len() > 2 {
                    kept.pop_first();
                }
            }
            // It ran, so it cannot be refused any more: a report that makes no sense fails its attempt.
            Say::Refused if too_late => {
                self.end(token, End::Failure("internal"), None);
                return "stale";
            }
            Say::Refused => self.end(token, End::Refused, None),
            Say::Success(files) => self.end(token, End::Success(files), run_s),
            Say::Failure(class) => self.end(token, End::Failure(class), run_s),
            Say::Interrupted | Say::Cancelled => self.end(token, End::Interrupted, run_s),
        }
        "effective"
    }

    fn attempt_mut(&mut self, token: Token) -> &mut Attempt {
        let job = self.jobs.get_mut(&token.job.0).expect("tokens are of jobs");
        &mut job.attempts[token.attempt as usize - 1]
    }

    fn accept(&mut self, token: Token) {
        let now_ms = self.now_ms;
        let attempt = self.attempt_mut(token);
        if attempt.state == "leased" {
            attempt.state = "running";
        }
        attempt.started_ms.get_or_insert(now_ms);
    }

    fn resumed(&mut self, token: Token, epoch: u32, step: u64) -> String {
        if !self.attempt(token).is_some_and(Attempt::is_live) {
            return "stale".to_owned();
        }
        self.accept(token);
        let job = &self.jobs[&token.job.0];
        let earlier = |number: &u32| *number < token.attempt;
        let exact = job.checkpoints.iter().filter(|at| (at.0, at.1) == (epoch, step)).map(|at| at.2).filter(earlier);
        let told = (1..token.attempt).filter(|at| job.attempts[*at as usize - 1].newest_epoch >= Some(epoch));
        let from = exact.max().or(told.max()).unwrap_or(0);
        self.attempt_mut(token).resumed = (from, epoch);
        "effective".to_owned()
    }

    /// Ends an attempt, and moves its job on where it counts for that. An attempt that is over stays as it is.
    fn end(&mut self, token: Token, end: End, run_s: Option<f64>) {
        if !self.attempt(token).is_some_and(Attempt::is_live) {
            return;
        }
        let (id, number) = (token.job.0, token.attempt);
        if self.jobs[&id].current() != Some(number as usize) {
            self.finish(id, number, "cancelled", None, run_s);
            return;
        }
        let (state, class) = match end {
            End::Success(_) => ("succeeded", None),
            End::Failure(class) => ("failed", Some(class)),
            End::Interrupted => ("interrupted", None),
            End::Refused => ("refused", None),
            End::NeverArrived | End::Restored | End::Lost => ("lost", None),
        };
        self.finish(id, number, state, class, run_s);
        let read = self.jobs[&id].attempts[number as usize - 1].read.clone();
        let job = self.jobs.get_mut(&id).expect("it has an attempt");
        let paused = job.state == "paused";
        let waits = if paused { "paused" } else { "ready" };
        let (failed, lost) = (matches!(end, End::Failure(_)), matches!(end, End::Lost));
        if matches!(end, End::Failure("out_of_memory")) && is_helped(job, number as usize, waits) {
            return;
        }
        let again = match end {
            // Parts that cannot be halved again are final; a job that has none is tried as it is.
            End::Failure("out_of_memory") if most_parts(job.key) > 1 => false,
            End::Failure(class) => class != "bad_input" && job.failures < job.retries,
            End::Lost => job.losses < job.most_losses,
            _ => true,
        };
        let (waits, lost) = match self.lie {
            Some(Lie::PausesEnd) => ("ready", lost),
            Some(Lie::LossesAreFree) => (waits, false),
            _ => (waits, lost),
        };
        job.failures += u32::from(failed);
        job.losses += u32::from(lost);
        job.class = if lost && !again { Some("lost") } else { class };
        job.state = match end {
            End::Success(files) => {
                let text = format!("made {files}");
                job.result = Some(Outcome { text, attempt: number, read });
                job.checkpoints.clear();
                "succeeded"
            }
            _ if again => waits,
            _ => "failed",
        };
        job.waits = failed && again && !paused;
        self.ended(id);
    }

    fn finish(&mut self, job: i64, number: u32, state: &'static str, class: Option<&'static str>, run_s: Option<f64>) {
        let now_ms = self.now_ms;
        let attempt = &mut self.jobs.get_mut(&job).expect("it has an attempt").attempts[number as usize - 1];
        (attempt.state, attempt.class, attempt.finished_ms, attempt.run_s) = (state, class, Some(now_ms), run_s);
        if !matches!(state, "refused" | "lost" | "stale") {
            attempt.started_ms.get_or_insert(now_ms - (run_s.unwrap_or(0.0) * 1000.0) as i64);
        }
    }

    /// What follows for others when a job has ended: readers, and the sweep.
    pub fn ended(&mut self, id: i64) {
        let state = self.jobs[&id].state;
        if state == "succeeded" {
            let readers: Vec<i64> = self.readers(id);
            for reader in readers {
                if self.jobs[&reader].state == "blocked" && self.fed(reader) {
                    self.set(reader, "ready");
                }
            }
        } else if BAD.contains(&state) {
            self.skip_below(id);
        }
        self.settle(self.jobs[&id].sweep, false);
    }

    pub fn readers(&self, id: i64) -> Vec<i64> {
        self.jobs.iter().filter(|(_, job)| job.inputs.contains(&id)).map(|(id, _)| *id).collect()
    }

    pub fn skip_below(&mut self, id: i64) {
        for reader in self.readers(id) {
            if matches!(self.jobs[&reader].state, "blocked" | "paused") {
                self.set(reader, "skipped");
            }
            self.skip_below(reader);
        }
    }

    /// Into a state that has nothing to do with an attempt's end.
    pub fn set(&mut self, id: i64, state: &'static str) {
        let job = self.jobs.get_mut(&id).expect("it is known");
        (job.state, job.class, job.waits) = (state, None, false);
    }

    fn greet(&mut self, command: &Command) -> String {
        let Command::Hello { agent, spool, incarnation, here, knows, acked_seq } = command else { unreachable!() };
        let recorded = self.spools.get(spool).map_or(0, |(_, acked)| *acked);
        if *knows && (*acked_seq > recorded || here.iter().any(|token| self.attempt(*token).is_none())) {
            return "restored".to_owned();
        }
        let known = self.agents.entry(agent.clone()).or_default();
        known.draining &= known.incarnation == *incarnation;
        known.incarnation = *incarnation;
        let draining = known.draining;
        known.spool = spool.rsplit(' ').next().and_then(|number| number.parse().ok()).expect("its name ends so");
        self.spools.retain(|name, (of, _)| of != agent || name == spool);
        self.spools.entry(spool.clone()).or_insert_with(|| (agent.clone(), 0));
        let (mut keep, mut stop) = (Vec::new(), Vec::new());
        for token in self.live_tokens(Some(agent)) {
            let job = &self.jobs[&token.job.0];
            let counts = job.current() == Some(token.attempt as usize);
            if !here.contains(&token) {
                let arrived = self.attempt(token).is_some_and(|attempt| attempt.state != "leased");
                self.end(token, if arrived { End::Lost } else { End::NeverArrived }, None);
            } else if counts {
                keep.push(token.to_string());
                let paused = job.state == "paused" || self.sweeps[&job.sweep].paused;
                stop.extend(paused.then(|| token.to_string()));
                self.accept(token);
            } else {
                self.end(token, End::Interrupted, None);
            }
        }
        keep.sort();
        stop.sort();
        format!("{recorded} keep {keep:?} stop {stop:?} {draining}")
    }

    fn goodbye(&mut self, agent: &str) -> String {
        let tokens = self.live_tokens(Some(agent));
        for token in &tokens {
            self.end(*token, End::Interrupted, None);
        }
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.draining = false;
        }
        tokens.len().to_string()
    }

    fn new_generation(&mut self) -> String {
        self.spools.clear();
        let live = self.live_tokens(None);
        for token in &live {
            self.end(*token, End::Restored, None);
        }
        live.len().to_string()
    }

    fn expire(&mut self, token: Token) -> String {
        let job = &self.jobs[&token.job.0];
        let counts = self.attempt(token).is_some_and(Attempt::is_live) && job.current() == Some(token.attempt as usize);
        if !counts || !job.limited {
            return "[]".to_owned();
        }
        self.attempt_mut(token).unwanted = true;
        self.set(token.job.0, "failed");
        self.jobs.get_mut(&token.job.0).expect("it is known").class = Some("timed_out");
        self.ended(token.job.0);
        format!("{:?}", [token.job])
    }

    fn overspend(&mut self, held: &[(Token, f64)]) -> String {
        let mut paused = Vec::new();
        let ids: Vec<i64> = self.sweeps.keys().copied().collect();
        for id in ids {
            let mut spent = 0.0;
            for (job_id, job) in self.jobs.iter().filter(|(_, job)| job.sweep == id) {
                for (at, attempt) in job.attempts.iter().enumerate() {
                    let now = held.iter().find(|(t, _)| t.job.0 == *job_id && t.attempt as usize == at + 1);
                    let between = attempt.started_ms.zip(attempt.finished_ms).map(|(from, to)| (to - from).max(0));
                    let seconds = attempt.run_s.or(now.map(|(_, s)| *s)).or(between.map(|ms| ms as f64 / 1000.0));
                    spent += seconds.unwrap_or(0.0);
                }
            }
            let sweep = self.sweeps.get_mut(&id).expect("it is known");
            let over = sweep.budget_s.is_some_and(|budget| spent >= budget_seconds(budget));
            if over && sweep.state == "active" && !sweep.paused && !sweep.waived {
                (sweep.paused, sweep.over_budget) = (true, true);
                paused.push(id);
            }
        }
        format!("{paused:?}")
    }

    /// The sweeps and open jobs that a target means.
    pub fn open(&self, target: Target) -> Result<(i64, Vec<i64>), &'static str> {
        match target {
            Target::Sweep(sweep) => {
                let state = self.sweeps.get(&sweep.0).ok_or("unknown")?.state;
                let open = self.jobs.iter().filter(|(_, job)| job.sweep == sweep.0 && job.is_open());
                if state == "active" { Ok((sweep.0, open.map(|(id, _)| *id).collect())) } else { Err("refused") }
            }
            Target::Job(job) => {
                let found = self.jobs.get(&job.0).ok_or("unknown")?;
                if found.is_open() { Ok((found.sweep, vec![job.0])) } else { Err("refused") }
            }
        }
    }
}
