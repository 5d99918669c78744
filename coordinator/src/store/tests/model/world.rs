//! The model: what the database should hold, as plain maps.

use std::collections::{BTreeMap, BTreeSet};

use sweep_shared::ids::{JobId, SweepId, Token};

use super::draw::{AGENTS, Aim, Heard, Op, Plan, Say, Seq};
use crate::store::Target;

/// What a command answers, in words; or why it was not carried out.
pub type Answer = Result<String, &'static str>;
pub const REFUSED: Answer = Err("refused");
pub const UNKNOWN: Answer = Err("unknown");

/// An operation with everything named that it is about.
#[derive(Debug, Clone)]
pub enum Command {
    Submit(Plan, Option<SweepId>),
    /// Jobs with the leases that they would get.
    Grant {
        jobs: Vec<(JobId, u64)>,
        agent: String,
        steal: Vec<Token>,
    },
    Reports(Vec<Said>),
    Resumed(Token, u32, u64),
    Hello {
        agent: String,
        spool: String,
        incarnation: u64,
        here: Vec<Token>,
        knows: bool,
        acked_seq: u64,
    },
    Goodbye(String),
    Pause(Target),
    Resume(Target),
    Cancel(Target),
    Retry(Target),
    Priority(Target, i32),
    Drain(String),
    Expire(Token),
    Release(Token),
    Overspend(Vec<(Token, f64)>),
    NewGeneration,
    Pass(u32),
    SetClock(i32),
}

/// Of which attempt, what, and under which number of which spool.
pub type Said = (Token, Say, Option<(String, u64)>);

#[derive(Debug, Default)]
pub struct World {
    pub now_ms: i64,
    pub sweeps: BTreeMap<i64, Sweep>,
    pub jobs: BTreeMap<i64, Job>,
    pub agents: BTreeMap<String, Agent>,
    /// Agent and last number by spool.
    pub spools: BTreeMap<String, (String, u64)>,
    /// What the model is wrong about, to see whether that is noticed.
    pub lie: Option<Lie>,
    /// Every token that was ever granted, and its agent.
    pub tokens: Vec<(Token, String)>,
    pub leases: u64,
}

/// A mistake, as the store might make one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lie {
    /// A paused job's interrupted attempt brings it back to the queue.
    PausesEnd,
    /// What a cancelled job's attempt still does counts again after a retry.
    CancelsAreForgotten,
    /// An agent that vanishes costs the job nothing.
    LossesAreFree,
    /// What an amended plan dropped still decides how the sweep ends.
    DroppedJobsCount,
    /// Another attempt does not make the old one stale.
    NoFence,
}

#[derive(Debug)]
pub struct Sweep {
    pub state: &'static str,
    pub paused: bool,
    pub over_budget: bool,
    pub waived: bool,
    pub priority: i64,
    pub budget_s: Option<u32>,
}

#[derive(Debug)]
pub struct Job {
    pub sweep: i64,
    pub key: usize,
    pub state: &'static str,
    pub class: Option<&'static str>,
    pub own_priority: i64,
    pub retries: u32,
    pub most_losses: u32,
    pub limited: bool,
    pub failures: u32,
    pub losses: u32,
    pub waits: bool,
    /// Into how many parts its batches are split, and the memory that was too little for it.
    pub parts: u32,
    pub outgrown: u64,
    pub dropped: bool,
    /// Cancelled by an amended plan.
    pub by_drop: bool,
    pub inputs: Vec<i64>,
    pub attempts: Vec<Attempt>,
    /// Epoch, step, attempt.
    pub checkpoints: BTreeSet<(u32, u64, u32)>,
    pub reused_from: Option<i64>,
    /// What it made, by which attempt, and what that had read.
    pub result: Option<Outcome>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub text: String,
    pub attempt: u32,
    pub read: Vec<String>,
}

#[derive(Debug)]
pub struct Attempt {
    pub lease: u64,
    pub agent: String,
    pub state: &'static str,
    pub class: Option<&'static str>,
    pub unwanted: bool,
    pub parts: u32,
    pub resumed: (u32, u32),
    pub newest_epoch: Option<u32>,
    pub read: Vec<String>,
    pub started_ms: Option<i64>,
    pub finished_ms: Option<i64>,
    pub run_s: Option<f64>,
}

#[derive(Debug, Default)]
pub struct Agent {
    pub incarnation: u64,
    pub draining: bool,
    pub spool: u32,
}

pub fn agent_name(at: usize) -> String {
    format!("agent-{at}")
}

pub const OPEN: [&str; 4] = ["blocked", "ready", "running", "paused"];
pub const BAD: [&str; 4] = ["failed", "cancelled", "skipped", "stopped"];
pub const LIVE: [&str; 3] = ["leased", "running", "finishing"];

impl Job {
    pub fn is_open(&self) -> bool {
        OPEN.contains(&self.state)
    }

    /// The number of its newest attempt, where that lives and counts.
    pub fn current(&self) -> Option<usize> {
        let newest = self.attempts.last()?;
        let counts = newest.is_live() && !newest.unwanted && matches!(self.state, "running" | "paused");
        counts.then_some(self.attempts.len())
    }
}

impl Attempt {
    pub fn is_live(&self) -> bool {
        LIVE.contains(&self.state)
    }
}

impl World {
    pub fn attempt(&self, token: Token) -> Option<&Attempt> {
        let attempt = self.jobs.get(&token.job.0)?.attempts.get(token.attempt as usize - 1)?;
        (attempt.lease == token.lease).then_some(attempt)
    }

    pub fn live_tokens(&self, agent: Option<&str>) -> Vec<Token> {
        let of = self.tokens.iter().filter(|(_, at)| agent.is_none_or(|agent| agent == at)).map(|(token, _)| *token);
        of.filter(|token| self.attempt(*token).is_some_and(Attempt::is_live)).collect()
    }

    pub fn fed(&self, job: i64) -> bool {
        self.jobs[&job].inputs.iter().all(|input| self.jobs[input].state == "succeeded")
    }

    /// Names what the operation is about; `None` where there is nothing of the kind.
    pub fn resolve(&mut self, op: Op) -> Option<Command> {
        Some(match op {
            Op::Submit(plan) => Command::Submit(plan, None),
            Op::Amend(sweep, plan) => Command::Submit(plan, Some(SweepId(self.sweep(sweep)))),
            Op::Grant { jobs, agent, steal } => self.grant(jobs, agent, steal)?,
            Op::Reports { reports, spool } => self.reports(reports, spool)?,
            Op::Resumed(who, from) => {
                let token = self.token(who)?;
                let found = &self.jobs[&token.job.0].checkpoints;
                let (epoch, step, _) = *found.iter().rev().nth(from.min(found.len().checked_sub(1)?))?;
                Command::Resumed(token, epoch, step)
            }
            Op::Hello { agent, here, anew, other_spool, heard } => {
                self.hello(&agent_name(agent), here, (anew, other_spool), heard)
            }
            Op::Goodbye(agent) => Command::Goodbye(agent_name(agent)),
            Op::Pause(aim) => Command::Pause(self.target(aim)),
            Op::Resume(aim) => Command::Resume(self.target(aim)),
            Op::Cancel(aim) => Command::Cancel(self.target(aim)),
            Op::Retry(aim) => Command::Retry(self.target(aim)),
            Op::Priority(aim, priority) => Command::Priority(self.target(aim), priority),
            Op::Drain(agent) => Command::Drain(agent_name(agent)),
            Op::Expire(who) => Command::Expire(self.token(who)?),
            Op::Release(who) => Command::Release(self.token(who)?),
            Op::Overspend(seconds) => {
                let seconds = f64::from(seconds) + 0.1;
                Command::Overspend(self.live_tokens(None).into_iter().map(|token| (token, seconds)).collect())
            }
            Op::NewGeneration => Command::NewGeneration,
            Op::Pass(ms) => Command::Pass(ms),
            Op::SetClock(ms) => Command::SetClock(ms),
        })
    }

    fn sweep(&self, at: usize) -> i64 {
        (at % (self.sweeps.len() + 1)) as i64 + 1
    }

    fn target(&self, aim: Aim) -> Target {
        match aim {
            Aim::Sweep(at) => Target::Sweep(SweepId(self.sweep(at))),
            Aim::Job(at) => Target::Job(JobId((at % (self.jobs.len() + 1)) as i64 + 1)),
        }
    }

    /// Mostly one of those that live.
    fn token(&self, at: usize) -> Option<Token> {
        let live = self.live_tokens(None);
        if !at.is_multiple_of(4) && !live.is_empty() {
            return Some(live[at / 4 % live.len()]);
        }
        let (token, _) = self.tokens.get(at / 4 % self.tokens.len().max(1))?;
        Some(*token)
    }

    fn grant(&mut self, jobs: Vec<usize>, agent: usize, steal: bool) -> Option<Command> {
        let agent = agent_name(agent);
        self.agents.get(&agent)?;
        // Mostly such as can be granted.
        let candidates = |job: &&i64| matches!(self.jobs[*job].state, "ready" | "running");
        let likely: Vec<i64> = self.jobs.keys().filter(candidates).copied().collect();
        let pick = |at: usize| if likely.is_empty() { at as i64 } else { likely[at % likely.len()] };
        let ids: BTreeSet<i64> = jobs.into_iter().map(pick).collect();
        let mut leases = self.leases;
        let jobs = ids.iter().map(|job| {
            leases += 1;
            (JobId(*job), leases)
        });
        let jobs: Vec<(JobId, u64)> = jobs.collect();
        self.leases = leases;
        let live = self.live_tokens(None);
        let steal = if steal { live.into_iter().filter(|token| ids.contains(&token.job.0)).collect() } else { vec![] };
        Some(Command::Grant { jobs, agent, steal })
    }

    fn reports(&self, reports: Vec<(usize, Say)>, spool: Option<(usize, Seq)>) -> Option<Command> {
        let spool = spool.and_then(|(agent, seq)| {
            let agent = agent_name(agent);
            let name = spool_name(&agent, self.agents.get(&agent)?.spool);
            let due = self.spools.get(&name).map_or(1, |(_, acked)| acked + 1);
            let first = match seq {
                Seq::Due => due,
                Seq::Again => (due - 1).max(1),
                Seq::Gap => due + 1,
            };
            Some((name, first))
        });
        let said = reports.into_iter().enumerate().map(|(at, (who, say))| {
            let spooled = spool.clone().map(|(name, first)| (name, first + at as u64));
            Some((self.token(who)?, say, spooled))
        });
        Some(Command::Reports(said.collect::<Option<_>>()?))
    }

    fn hello(&self, agent: &str, here: u8, (anew, other_spool): (bool, bool), heard: Heard) -> Command {
        let known = self.agents.get(agent);
        let incarnation = known.map_or(1, |known| known.incarnation + u64::from(anew));
        let spool = spool_name(agent, known.map_or(0, |known| known.spool + u32::from(other_spool)));
        let recorded = self.spools.get(&spool).map_or(0, |(_, acked)| *acked);
        let live = self.live_tokens(Some(agent)).into_iter().enumerate();
        let mut here: Vec<Token> = live.filter(|(at, _)| here >> (at % 8) & 1 == 1).map(|(_, token)| token).collect();
        if heard == Heard::Forged {
            here.push(Token { job: JobId(1), attempt: 1, lease: u64::MAX >> 1 });
        }
        let (knows, acked_seq) = match heard {
            Heard::Nothing => (false, 0),
            Heard::All | Heard::Forged => (true, recorded),
            Heard::More => (true, recorded + 1),
        };
        Command::Hello { agent: agent.to_owned(), spool, incarnation, here, knows, acked_seq }
    }

    /// All that can be seen of it, in a form that the database can be brought into as well.
    pub fn rows(&self) -> Vec<String> {
        let mut rows: Vec<String> = self.sweeps.iter().map(|(id, sweep)| sweep.row(*id)).collect();
        for (id, job) in &self.jobs {
            rows.push(job.row(*id, self.sweeps[&job.sweep].priority));
            rows.extend(job.attempts.iter().enumerate().map(|(at, attempt)| attempt.row(*id, at + 1)));
            rows.extend(job.checkpoints.iter().map(|(e, s, a)| format!("checkpoint {id} {a} {e} {s}")));
            let made = job.result.as_ref().filter(|_| job.state == "succeeded");
            rows.extend(made.map(|made| format!("point {id} {} {}", made.attempt, made.text)));
        }
        rows.extend(
            self.agents
                .iter()
                .map(|(id, agent)| format!("agent {id} {} {}", agent.incarnation, i64::from(agent.draining))),
        );
        rows.extend(self.spools.iter().map(|(id, (agent, acked))| format!("spool {id} {agent} {acked}")));
        rows.extend(self.live_rows());
        rows.push(self.queue());
        rows.sort();
        rows
    }

    fn live_rows(&self) -> Vec<String> {
        let row = |(id, job): (&i64, &Job)| {
            let attempt = job.attempts.last().filter(|attempt| attempt.is_live())?;
            let sweep = &self.sweeps[&job.sweep];
            let stop = !attempt.unwanted && (job.state == "paused" || sweep.paused);
            let (number, priority) = (job.attempts.len(), sweep.priority + job.own_priority);
            let finishing = attempt.state == "finishing";
            Some(format!("live {id}.{number} {} {stop} {finishing} {priority}", !attempt.unwanted))
        };
        self.jobs.iter().filter_map(row).collect()
    }

    /// What waits for an agent, in its order.
    fn queue(&self) -> String {
        let mut ready: Vec<(i64, i64, i64)> = Vec::new();
        for (id, job) in self.jobs.iter().filter(|(_, job)| job.state == "ready") {
            let sweep = &self.sweeps[&job.sweep];
            if !sweep.paused {
                ready.push((-(sweep.priority + job.own_priority), job.sweep, *id));
            }
        }
        ready.sort_unstable();
        format!("queue {:?}", ready.iter().map(|(_, _, id)| *id).collect::<Vec<_>>())
    }

    /// The states that it holds.
    pub fn words(&self) -> BTreeSet<String> {
        let mut words: BTreeSet<String> = self.sweeps.values().map(|sweep| format!("sweep {}", sweep.state)).collect();
        for job in self.jobs.values() {
            words.insert(format!("job {}", job.state));
            words.extend(job.class.filter(|_| job.state == "failed").map(|class| format!("class {class}")));
            words.insert(format!("parts {}", job.parts));
            words.extend((job.outgrown > 0).then(|| "outgrown".to_owned()));
            words.extend(job.attempts.iter().map(|attempt| format!("attempt {}", attempt.state)));
        }
        words
    }
}

/// Never the exact sum of what attempts ran.
pub fn budget_seconds(whole: u32) -> f64 {
    f64::from(whole) + 0.0703
}

pub fn spool_name(agent: &str, number: u32) -> String {
    format!("{agent}'s {number}")
}

const _: () = assert!(AGENTS < 10, "names sort like numbers");
