//! All agents and live attempts, as the coordinator believes them to be. Kept in memory and free of I/O: it is told what
//! happens and at what (monotonic) time, and answers questions. The database has the last word on attempts; leases exist
//! only here.

mod cooling;
mod devices;
mod facts;
mod live;
mod lost;
mod orders;
mod pace;
mod views;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use sweep_shared::ids::{JobId, Token};
use sweep_shared::labels::Spot;
use sweep_shared::resources::Device;

use crate::store::agents::AgentInfo;
use crate::store::read::LiveRow;

pub use cooling::FAULT;
pub use live::{Live, Silence, Stop, Trouble};
pub use orders::Order;

/// One connection of one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// How long the coordinator waits for whom.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// A silent agent's attempts can be stolen after this.
    pub lease: Duration,
    /// Those of an agent whose connection closed, after this.
    pub grace: Duration,
}

impl Terms {
    /// Who has been silent for longer is not connected any more, though no kernel has said so yet.
    fn fresh(self) -> Duration {
        HEARTBEATS.min(self.lease / 4)
    }

    /// The coordinator itself was away, if it did not look at its clock for so long.
    fn own_gap(self) -> Duration {
        OWN_GAP.min(self.lease / 2)
    }
}

/// An agent must have said something lately if its connection is still good: three heartbeats, of which a lease has twelve.
const HEARTBEATS: Duration = Duration::from_secs(15);
/// The coordinator looks at its clock each second. After a longer gap (it was stopped, or the machine slept) the silence
/// of others proves nothing.
const OWN_GAP: Duration = Duration::from_secs(5);
/// An agent that interrupts its jobs by itself is about to leave: it gets nothing for this long, unless it says hello.
const LEAVING: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct Fleet {
    terms: Terms,
    agents: BTreeMap<String, Agent>,
    live: BTreeMap<JobId, Live>,
    cooling: cooling::Cooling,
    pace: pace::Pace,
    looked: Duration,
    /// Agents may have to be told something.
    orders: bool,
    /// Agents with attempts that others may have.
    overdue: BTreeSet<String>,
    /// Agents that were here before the coordinator started, and are waited for until then.
    expected: BTreeMap<String, Duration>,
}

#[derive(Debug)]
pub struct Agent {
    pub info: AgentInfo,
    /// Of its devices, one by one.
    pub spots: Vec<Arc<Spot>>,
    /// `None`: not connected.
    pub session: Option<SessionId>,
    heard: Duration,
    /// When its attempts become stealable.
    lease_until: Duration,
    leaving_until: Duration,
    /// A user wants it to leave.
    pub draining: bool,
    /// The session in which it was last told so.
    drain_told: Option<SessionId>,
    /// Counts the agent's sessions, as it does itself; 0: it does not.
    nth: u64,
    /// It took its leave, or was given up; or was never here since the coordinator's start.
    gone: bool,
}

/// What the database found when the agent said hello.
#[derive(Debug, Clone, Default)]
pub struct Greeting<'a> {
    /// Attempts that are gone.
    pub freed: &'a [Token],
    /// Those that must stop for a pause, and why.
    pub interrupt: &'a [(Token, String)],
    /// A user wants the agent to leave.
    pub draining: bool,
}

impl Fleet {
    /// A fleet as the database knows it: nobody is connected, and everyone with an attempt gets a fresh grace.
    pub fn new(terms: Terms, live: Vec<LiveRow>, now: Duration) -> Self {
        let mut fleet = Self {
            terms,
            agents: BTreeMap::new(),
            live: BTreeMap::new(),
            cooling: cooling::Cooling::default(),
            pace: pace::Pace::default(),
            looked: now,
            orders: false,
            overdue: BTreeSet::new(),
            expected: BTreeMap::new(),
        };
        for row in live {
            let live = Live::new(row, now);
            fleet
                .agents
                .entry(live.attempt.agent.clone())
                .or_insert_with(|| Agent::unseen(nameless(&live.attempt.agent), now + terms.grace));
            fleet.live.insert(live.attempt.token.job, live);
        }
        fleet
    }

    /// Whether an agent may have a session; if not, why, in words. `nth` counts the sessions of its process, 0 where it does
    /// not: what an older connection still brings after a newer one was opened says nothing about now.
    pub fn admit(&self, info: &AgentInfo, nth: u64, now: Duration) -> Result<(), String> {
        let Some(agent) = self.agents.get(&info.id) else { return Ok(()) };
        let other_machine = agent.info.host != info.host || agent.info.boot_id != info.boot_id;
        if !other_machine && info.incarnation == agent.info.incarnation && nth != 0 && nth <= agent.nth {
            return Err(format!("a newer session of agent {} was opened meanwhile", info.id));
        }
        let alive = agent.session.is_some() && now.saturating_sub(agent.heard) < self.terms.fresh();
        let older = !other_machine && info.incarnation < agent.info.incarnation;
        if alive && (other_machine || older) {
            return Err(format!(
                "agent {} is connected already, from {}: an agent's folder cannot be used twice; give this one another",
                info.id, agent.info.host
            ));
        }
        Ok(())
    }

    /// An agent's session is open, its process' `nth`, and the database reconciled. Answers the session this replaces.
    pub fn join(
        &mut self,
        info: AgentInfo,
        (session, nth): (SessionId, u64),
        greeting: &Greeting<'_>,
        now: Duration,
    ) -> Option<SessionId> {
        for token in greeting.freed {
            self.end(*token);
        }
        let agent = Agent {
            session: Some(session),
            heard: now,
            lease_until: now + self.terms.lease,
            draining: greeting.draining,
            nth,
            gone: false,
            ..Agent::unseen(info, now)
        };
        let id = agent.info.id.clone();
        self.cooling.forget(&id);
        self.expected.remove(&id);
        let old = self.agents.insert(id.clone(), agent).and_then(|old| old.session);
        self.reconsider(&id, greeting.interrupt);
        old
    }

    /// Anything from an agent renews its lease. Answers whose session this is; `None` for one that was replaced.
    pub fn heard(&mut self, session: SessionId, now: Duration) -> Option<&str> {
        let agent = self.agents.values_mut().find(|agent| agent.session == Some(session))?;
        agent.heard = now;
        agent.gone = false;
        agent.lease_until = now + self.terms.lease;
        Some(&agent.info.id)
    }

    /// A new report of an agent's devices.
    pub fn report(&mut self, agent: &str, devices: Vec<Device>) {
        let Some(agent) = self.agents.get_mut(agent) else { return };
        let slots = |devices: &[Device]| devices.iter().map(|device| device.slots).sum::<u32>();
        if slots(&devices) > slots(&agent.info.devices) {
            // It had no space for more work, and has some now: what it refused then says nothing any more.
            self.cooling.forget(&agent.info.id);
        }
        self.cooling.reported(&agent.info.id, &devices);
        agent.info.devices = devices;
        agent.spots = spots(&agent.info);
    }

    /// A connection is gone. If it was good until now, its peer closed it and may soon be back; if the agent had been silent
    /// before, the silence goes on to count.
    pub fn close(&mut self, session: SessionId, now: Duration) {
        let Some(agent) = self.agents.values_mut().find(|agent| agent.session == Some(session)) else { return };
        agent.session = None;
        if now.saturating_sub(agent.heard) < self.terms.fresh() {
            agent.lease_until = now + self.terms.grace;
        }
    }

    /// The agent has said goodbye: a wish that it leave is fulfilled.
    pub fn left(&mut self, id: &str) {
        if let Some(agent) = self.agents.get_mut(id) {
            agent.draining = false;
            agent.gone = true;
        }
        self.expected.remove(id);
    }

    /// The agent interrupted a job by itself.
    pub fn leaving(&mut self, agent: &str, now: Duration) {
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.leaving_until = now + LEAVING;
        }
    }

    /// The agent would not start the job.
    pub fn refused(&mut self, token: Token, reason: &str, now: Duration) {
        if let Some(live) = self.live.get(&token.job).filter(|live| live.attempt.token == token) {
            let devices = self.agents.get(&live.attempt.agent).map_or(&[][..], |agent| &agent.info.devices);
            self.cooling.refused(token.job, &live.attempt.agent, live.device(), reason, devices, now);
        }
    }

    /// Looks at the clock. After a gap in the coordinator's own time everyone gets a fresh grace.
    pub fn tick(&mut self, now: Duration) {
        if now.saturating_sub(self.looked) > self.terms.own_gap() {
            for agent in self.agents.values_mut() {
                agent.lease_until = agent.lease_until.max(now + self.terms.grace);
                agent.heard = agent.heard.max(now);
            }
            for until in self.expected.values_mut() {
                *until = (*until).max(now + self.terms.grace);
            }
        }
        self.looked = now;
        self.cooling.tick(now);
    }

    /// The agents whose leases have run out since this was last asked.
    pub fn newly_overdue(&mut self, now: Duration) -> Vec<String> {
        let stealable = self.live.values().filter(|live| self.is_stealable(live, now));
        let overdue: BTreeSet<String> = stealable.map(|live| live.attempt.agent.clone()).collect();
        let new = overdue.difference(&self.overdue).cloned().collect();
        self.overdue = overdue;
        new
    }

    pub fn session_of(&self, agent: &str) -> Option<SessionId> {
        self.agents.get(agent)?.session
    }

    /// Every agent, with the number of its live attempts and how long ago it was heard.
    pub fn agents(&self, now: Duration) -> impl Iterator<Item = (&Agent, u32, Duration)> {
        self.agents.values().map(move |agent| {
            let running = self.live.values().filter(|live| live.attempt.agent == agent.info.id).count();
            (agent, running as u32, now.saturating_sub(agent.heard))
        })
    }

    fn is_stealable(&self, live: &Live, now: Duration) -> bool {
        self.agents.get(&live.attempt.agent).is_none_or(|agent| agent.lease_until <= now)
    }
}

impl Agent {
    fn unseen(info: AgentInfo, lease_until: Duration) -> Self {
        let zero = Duration::ZERO;
        Self {
            spots: spots(&info),
            info,
            session: None,
            heard: zero,
            lease_until,
            leaving_until: zero,
            draining: false,
            drain_told: None,
            nth: 0,
            gone: true,
        }
    }

    fn devices(&self) -> impl Iterator<Item = (&Device, &Arc<Spot>)> {
        self.info.devices.iter().zip(&self.spots)
    }

    fn is_leaving(&self, now: Duration) -> bool {
        self.draining || self.leaving_until > now
    }
}

fn spots(info: &AgentInfo) -> Vec<Arc<Spot>> {
    info.devices.iter().map(|device| Arc::new(Spot::new(&info.host, &info.labels, device))).collect()
}

/// Of an agent that only the database knows.
fn nameless(id: &str) -> AgentInfo {
    AgentInfo {
        id: id.to_owned(),
        host: String::new(),
        boot_id: String::new(),
        incarnation: 0,
        slots: 0,
        devices: Vec::new(),
        labels: Default::default(),
    }
}

#[cfg(test)]
mod tests;
