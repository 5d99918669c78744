//! Attempts of whose end nothing is known: what they hold, for how long, and whether they must stop.

use std::time::Duration;

use sweep_shared::ids::{JobId, Token};
use sweep_shared::resources::DeviceClass;

use super::{Fleet, SessionId};
use crate::planted::{self, Bug};
use crate::store::read::LiveRow;

/// A live attempt.
#[derive(Debug, Clone)]
pub struct Live {
    pub attempt: LiveRow,
    /// For attempts from before the coordinator's start: that start.
    pub granted: Duration,
    /// How long it has held its device.
    meter: Meter,
    /// Why it must stop with a checkpoint.
    pub(super) stop: Option<Stop>,
    /// What its agent last said of it, and when.
    pub(super) trouble: (Trouble, Duration),
    /// The session that was last told to stop or kill it.
    pub(super) told: Option<SessionId>,
}

/// What is not as it should be with an attempt. None of it is kept: the agent tells it again to whom it meets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trouble {
    pub silence: Option<Silence>,
    /// Why its processes are still there although they were killed.
    pub stuck: String,
}

/// The runner has said nothing for so long that it may be judged hung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    pub silent: Duration,
    pub left: Duration,
}

/// Why an attempt must stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Its job or sweep is paused; in the store's words.
    Paused(String),
    /// This job needs its place.
    Preempted(JobId),
}

impl Stop {
    /// As the agent is told, and users see it.
    pub fn reason(&self) -> String {
        match self {
            Self::Paused(why) => why.clone(),
            Self::Preempted(by) => format!("preempted by {by}"),
        }
    }
}

/// Counts while something goes on.
#[derive(Debug, Clone, Copy, Default)]
struct Meter {
    before: Duration,
    since: Option<Duration>,
}

impl Meter {
    fn start(&mut self, now: Duration) {
        self.since.get_or_insert(now);
    }

    fn stop(&mut self, now: Duration) {
        self.before = self.read(now);
        self.since = None;
    }

    fn read(&self, now: Duration) -> Duration {
        self.before + self.since.map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}

impl Live {
    /// An attempt as the database has it now.
    pub fn new(attempt: LiveRow, now: Duration) -> Self {
        let mut meter = Meter { before: seconds(attempt.held_s), since: None };
        if attempt.started && !attempt.finishing {
            meter.start(now);
        }
        let stop = attempt.stop.clone().map(Stop::Paused);
        Self { attempt, granted: now, meter, stop, trouble: (Trouble::default(), now), told: None }
    }

    pub fn token(&self) -> Token {
        self.attempt.token
    }

    pub fn device(&self) -> (DeviceClass, u32) {
        (self.attempt.device, self.attempt.device_index)
    }

    /// Whether its end was asked for, so that it says nothing about its agent.
    pub fn was_told(&self) -> bool {
        self.told.is_some()
    }

    /// Of its job's hours, how much is spent: by the attempts before, and by this one so far.
    pub fn spent(&self, now: Duration) -> Duration {
        seconds(self.attempt.spent_s) + self.meter.read(now)
    }

    /// How long it has been silent by now, and what is left of its agent's patience.
    pub(super) fn silence(&self, now: Duration) -> Option<Silence> {
        let (trouble, told) = &self.trouble;
        let since = now.saturating_sub(*told);
        trouble.silence.map(|it| Silence { silent: it.silent + since, left: it.left.saturating_sub(since) })
    }

    fn is_overrun(&self, now: Duration) -> bool {
        let most = self.attempt.max_hours.map(|hours| seconds(hours * 3600.0));
        self.attempt.wanted && !self.attempt.finishing && most.is_some_and(|most| self.spent(now) > most)
    }
}

impl Fleet {
    /// A grant is on disk. It replaces an attempt that it fenced.
    pub fn granted(&mut self, live: Live) {
        self.live.insert(live.attempt.token.job, live);
    }

    /// The agent says that the attempt's processes are gone: its place is free, whatever becomes of the report.
    pub fn end(&mut self, token: Token) -> Option<Live> {
        self.live.get(&token.job).filter(|live| live.attempt.token == token)?;
        self.live.remove(&token.job)
    }

    /// Forgets the attempts that are not among these.
    pub fn keep_only(&mut self, rows: &[LiveRow]) -> Vec<Token> {
        let gone = self.live.values().map(Live::token).filter(|token| rows.iter().all(|row| row.token != *token));
        let gone: Vec<Token> = gone.collect();
        for token in &gone {
            self.end(*token);
        }
        gone
    }

    /// The agent has begun it.
    pub fn begun(&mut self, token: Token, now: Duration) {
        if let Some(live) = self.live_mut(token).filter(|live| !live.attempt.finishing) {
            live.meter.start(now);
        }
    }

    /// Its processes are gone and its slot is free; its files are on their way.
    pub fn finishing(&mut self, token: Token, now: Duration) {
        if let Some(live) = self.live_mut(token) {
            live.attempt.finishing = true;
            live.meter.stop(now);
        }
    }

    /// The agent says how it fares.
    pub fn troubled(&mut self, token: Token, trouble: Trouble, now: Duration) {
        if let Some(live) = self.live_mut(token) {
            live.trouble = (trouble, now);
        }
    }

    fn live_mut(&mut self, token: Token) -> Option<&mut Live> {
        self.live.get_mut(&token.job).filter(|live| live.attempt.token == token)
    }

    /// How long an attempt at a stage took.
    pub fn took(&mut self, live: &Live, run_s: f64) {
        self.pace.took(live.attempt.sweep, &live.attempt.stage, run_s);
    }

    /// These jobs have ended under their attempts, which must be killed.
    pub fn unwanted(&mut self, jobs: &[JobId]) {
        for job in jobs {
            let agents = &self.agents;
            let is_away = |id: &str| agents.get(id).is_none_or(|agent| agent.session.is_none());
            let dropped =
                |live: &Live| planted::is(Bug::CancelDroppedWhileDisconnected) && is_away(&live.attempt.agent);
            if let Some(live) = self.live.get_mut(job).filter(|live| live.attempt.wanted && !dropped(live)) {
                live.attempt.wanted = false;
                // To be stopped is not to be killed.
                live.told = None;
                self.orders = true;
            }
        }
    }

    /// The attempt must stop with a checkpoint.
    pub fn stop(&mut self, job: JobId, stop: Stop) {
        if let Some(live) = self.live.get_mut(&job).filter(|live| live.attempt.wanted) {
            live.stop = Some(stop);
            self.orders = true;
        }
    }

    /// These jobs, or their sweeps, are not paused any more. An attempt that was told to stop stops all the same, and is
    /// soon followed by another.
    pub fn resumed(&mut self, jobs: &[JobId]) {
        for job in jobs {
            if let Some(live) = self.live.get_mut(job)
                && matches!(live.stop, Some(Stop::Paused(_)))
            {
                live.stop = None;
            }
        }
    }

    /// Users changed the priorities of running jobs.
    pub fn prioritised(&mut self, priorities: &[(JobId, i64)]) {
        for (job, priority) in priorities {
            if let Some(live) = self.live.get_mut(job) {
                live.attempt.priority = *priority;
            }
        }
    }

    /// Attempts that have run for longer than their jobs may. Of an agent that nothing is heard of, nobody knows whether it
    /// still runs them: they are judged when it is back.
    pub fn overrun(&self, now: Duration) -> Vec<Token> {
        let over = |live: &&Live| live.is_overrun(now) && !self.is_stealable(live, now);
        self.live.values().filter(over).map(Live::token).collect()
    }

    /// Attempts that nobody wants any more, of agents that nothing is heard of.
    pub fn abandoned(&self, now: Duration) -> Vec<Token> {
        let let_go = |live: &Live| !live.attempt.wanted || planted::is(Bug::LeaseVoidAtExpiry);
        let abandoned = |live: &&Live| let_go(live) && self.is_stealable(live, now);
        self.live.values().filter(abandoned).map(Live::token).collect()
    }

    /// How long each attempt has held its device, in seconds. Of an agent that nothing is heard of: until its lease was over.
    pub fn held(&self, now: Duration) -> Vec<(Token, f64)> {
        let held = |live: &Live| {
            let lease = self.agents.get(&live.attempt.agent).map_or(now, |agent| agent.lease_until);
            (live.token(), live.meter.read(now.min(lease)).as_secs_f64())
        };
        self.live.values().map(held).collect()
    }

    /// The attempt failed by a fault of its device: its job is not offered that device for a while.
    pub fn device_failed(&mut self, live: &Live, now: Duration) {
        let at = &live.attempt;
        self.cooling.device_failed(at.token.job, &at.agent, (at.device, at.device_index), now);
    }

    /// The same, from before the coordinator's start.
    pub fn device_failed_before(&mut self, job: JobId, agent: &str, device: (DeviceClass, u32), ago: Duration) {
        self.cooling.device_failed_before(job, agent, device, ago, self.looked);
    }
}
