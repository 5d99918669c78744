//! All agents and live attempts, as the coordinator believes them to be. Kept in memory and free of I/O: it is told what
//! happens and at what (monotonic) time, and answers questions. The database has the last word on attempts; leases exist
//! only here.

mod cooling;
mod pace;
mod views;

use std::collections::BTreeMap;
use std::time::Duration;

use sweep_shared::ids::{JobId, Token};
use sweep_shared::resources::Device;

use crate::store::agents::AgentInfo;
use crate::store::read::LiveRow;

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
}

#[derive(Debug)]
pub struct Agent {
    pub info: AgentInfo,
    /// `None`: not connected.
    pub session: Option<SessionId>,
    heard: Duration,
    /// When its attempts become stealable.
    lease_until: Duration,
    reported: Duration,
    leaving_until: Duration,
}

/// An attempt that was granted and of whose end nothing is known.
#[derive(Debug, Clone)]
pub struct Live {
    pub attempt: LiveRow,
    /// For attempts from before the coordinator's start: that start.
    pub granted: Duration,
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
        };
        for row in live {
            let live = Live { attempt: row, granted: now };
            fleet
                .agents
                .entry(live.attempt.agent.clone())
                .or_insert_with(|| Agent::unseen(&live.attempt.agent, now + terms.grace));
            fleet.live.insert(live.attempt.token.job, live);
        }
        fleet
    }

    /// Whether an agent may have a session; if not, why, in words.
    pub fn admit(&self, info: &AgentInfo, now: Duration) -> Result<(), String> {
        let Some(agent) = self.agents.get(&info.id) else { return Ok(()) };
        let alive = agent.session.is_some() && now.saturating_sub(agent.heard) < self.terms.fresh();
        let other_machine = agent.info.host != info.host || agent.info.boot_id != info.boot_id;
        let older = !other_machine && info.incarnation < agent.info.incarnation;
        if alive && (other_machine || older) {
            return Err(format!(
                "agent {} is connected already, from {}: an agent's folder cannot be used twice; give this one another",
                info.id, agent.info.host
            ));
        }
        Ok(())
    }

    /// An agent's session is open, and the database reconciled: `freed` attempts are gone. Answers the session this replaces.
    pub fn join(&mut self, info: AgentInfo, session: SessionId, freed: &[Token], now: Duration) -> Option<SessionId> {
        for token in freed {
            self.end(*token);
        }
        let lease_until = now + self.terms.lease;
        let agent = Agent { info, session: Some(session), heard: now, lease_until, reported: now, leaving_until: now };
        self.cooling.forget(&agent.info.id);
        self.agents.insert(agent.info.id.clone(), agent).and_then(|old| old.session)
    }

    /// Anything from an agent renews its lease. Answers whose session this is; `None` for one that was replaced.
    pub fn heard(&mut self, session: SessionId, now: Duration) -> Option<&str> {
        let agent = self.agents.values_mut().find(|agent| agent.session == Some(session))?;
        agent.heard = now;
        agent.lease_until = now + self.terms.lease;
        Some(&agent.info.id)
    }

    /// A new report of an agent's devices.
    pub fn report(&mut self, agent: &str, devices: Vec<Device>, now: Duration) {
        let Some(agent) = self.agents.get_mut(agent) else { return };
        let slots = |devices: &[Device]| devices.iter().map(|device| device.slots).sum::<u32>();
        if slots(&devices) > slots(&agent.info.devices) {
            // It had no space for more work, and has some now: what it refused then says nothing any more.
            self.cooling.forget(&agent.info.id);
        }
        self.cooling.reported(&agent.info.id, &devices);
        agent.info.devices = devices;
        agent.reported = now;
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

    /// The agent interrupted a job by itself.
    pub fn leaving(&mut self, agent: &str, now: Duration) {
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.leaving_until = now + LEAVING;
        }
    }

    /// The agent would not start the job.
    pub fn refused(&mut self, token: Token, now: Duration) {
        if let Some(live) = self.live.get(&token.job).filter(|live| live.attempt.token == token) {
            let devices = self.agents.get(&live.attempt.agent).map_or(&[][..], |agent| &agent.info.devices);
            self.cooling.refused(token.job, &live.attempt.agent, devices, now);
        }
    }

    /// A grant is on disk. It replaces an attempt that it fenced.
    pub fn granted(&mut self, live: Live) {
        self.live.insert(live.attempt.token.job, live);
    }

    /// The agent says that the attempt's processes are gone: its place is free, whatever becomes of the report.
    pub fn end(&mut self, token: Token) -> Option<Live> {
        self.live.get(&token.job).filter(|live| live.attempt.token == token)?;
        self.live.remove(&token.job)
    }

    /// How long an attempt at a stage took.
    pub fn took(&mut self, live: &Live, run_s: f64) {
        self.pace.took(live.attempt.sweep, &live.attempt.stage, run_s);
    }

    /// Users cancelled these jobs. Answers the attempts that must be killed, with their agents' sessions.
    pub fn unwanted(&mut self, jobs: &[JobId]) -> Vec<(SessionId, Token)> {
        let mut kill = Vec::new();
        for job in jobs {
            let Some(live) = self.live.get_mut(job) else { continue };
            live.attempt.wanted = false;
            let session = self.agents.get(&live.attempt.agent).and_then(|agent| agent.session);
            kill.extend(session.map(|session| (session, live.attempt.token)));
        }
        kill
    }

    /// Looks at the clock. After a gap in the coordinator's own time everyone gets a fresh grace.
    pub fn tick(&mut self, now: Duration) {
        if now.saturating_sub(self.looked) > OWN_GAP {
            for agent in self.agents.values_mut() {
                agent.lease_until = agent.lease_until.max(now + self.terms.grace);
                agent.heard = agent.heard.max(now);
            }
        }
        self.looked = now;
        self.cooling.tick(now);
    }

    pub fn attempts_of(&self, agent: &str) -> Vec<Token> {
        self.live.values().filter(|live| live.attempt.agent == agent).map(|live| live.attempt.token).collect()
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
    fn unseen(id: &str, lease_until: Duration) -> Self {
        let info = AgentInfo {
            id: id.to_owned(),
            host: String::new(),
            boot_id: String::new(),
            incarnation: 0,
            slots: 0,
            devices: Vec::new(),
        };
        let zero = Duration::ZERO;
        Self { info, session: None, heard: zero, lease_until, reported: zero, leaving_until: zero }
    }
}

#[cfg(test)]
mod tests;
