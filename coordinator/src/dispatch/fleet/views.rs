//! The fleet as the scheduler sees it.

use std::sync::Arc;
use std::time::Duration;

use sweep_shared::ids::{JobId, SweepId, Token};
use sweep_shared::labels::Spot;
use sweep_shared::resources::Device;

use super::super::queue;
use super::devices::promised;
use super::live::Stop;
use super::{Agent, Fleet, Live};
use crate::schedule::{self, AgentView, DeviceView, Ending, ReadyJob, RunningJob};
use crate::store::read::Ready;

/// Agents that could be given work, and their names, in the same order.
pub struct Views {
    pub names: Vec<String>,
    pub agents: Vec<AgentView>,
    /// What holds their slots.
    pub running: Vec<RunningJob>,
}

impl Fleet {
    pub fn views(&self, now: Duration) -> Views {
        // What an agent whose lease is over were given could be stolen at once, and be given to it again, and so on.
        let heard = |agent: &&Agent| agent.session.is_some() && agent.lease_until > now;
        let open = || self.agents.values().filter(heard);
        let (names, agents) = open().map(|agent| (agent.info.id.clone(), self.view(agent, now))).unzip();
        let running = open().enumerate().flat_map(|(at, agent)| self.running(at, agent, now)).collect();
        Views { names, agents, running }
    }

    fn of<'a>(&'a self, agent: &'a Agent) -> impl Iterator<Item = &'a Live> {
        self.live.values().filter(|live| live.attempt.agent == agent.info.id)
    }

    fn view(&self, agent: &Agent, now: Duration) -> AgentView {
        let mine: Vec<&Live> = self.of(agent).collect();
        let devices = agent.devices().map(|(device, spot)| self.device_view((device, spot), &mine, now)).collect();
        AgentView {
            devices,
            exclusive: mine.iter().any(|live| live.attempt.exclusive),
            leaving: agent.is_leaving(now),
            kept_free: false,
        }
    }

    /// An attempt that only uploads what it made holds no slot.
    pub(super) fn device_view(
        &self,
        (device, spot): (&Device, &Arc<Spot>),
        mine: &[&Live],
        now: Duration,
    ) -> DeviceView {
        let (mut assigned, mut quick) = (0, 0);
        for live in mine.iter().filter(|live| live.is_on(device) && !live.attempt.finishing) {
            assigned += 1;
            quick += u32::from(self.is_quick(live, now));
        }
        DeviceView {
            class: device.class,
            index: device.index,
            spot: Arc::clone(spot),
            slots: device.slots,
            assigned,
            quick,
            held: false,
            memory_free_bytes: device.memory_free_bytes.saturating_sub(promised(device, mine)),
            memory_total_bytes: device.memory_total_bytes,
        }
    }

    fn is_quick(&self, live: &Live, now: Duration) -> bool {
        let expected = self.pace.expected(live.attempt.sweep, &live.attempt.stage);
        schedule::is_quick(expected, now.saturating_sub(live.granted))
    }

    fn running<'a>(&'a self, at: usize, agent: &'a Agent, now: Duration) -> impl Iterator<Item = RunningJob> {
        let slots = self.of(agent).filter(|live| !live.attempt.finishing);
        slots.map(move |live| RunningJob {
            job: live.attempt.token.job,
            priority: live.attempt.priority,
            agent: at,
            device: live.attempt.device,
            device_index: live.attempt.device_index,
            memory_bytes: live.attempt.memory_bytes,
            ran: now.saturating_sub(live.granted),
            end: self.ending(live, now),
        })
    }

    fn ending(&self, live: &Live, now: Duration) -> Ending {
        match live.stop {
            Some(Stop::Preempted(by)) => Ending::Near { promised: Some(by) },
            Some(Stop::Paused(_)) => Ending::Near { promised: None },
            None if !live.attempt.wanted || self.is_quick(live, now) => Ending::Near { promised: None },
            None if live.attempt.preemptible && !live.attempt.exclusive => Ending::Willing,
            None => Ending::Fixed,
        }
    }

    /// Jobs whose lease is over, as candidates for another attempt, with the tokens that it would fence. Those that are set
    /// aside keep theirs: should the agent come back with the work done, it counts.
    pub fn stealable(&self, now: Duration) -> Vec<(ReadyJob, Token)> {
        let may = |live: &&Live| {
            let paused = matches!(live.stop, Some(Stop::Paused(_)));
            live.attempt.wanted && !paused && self.is_stealable(live, now)
        };
        self.live.values().filter(may).map(|live| (as_ready(live, now), live.attempt.token)).collect()
    }

    pub fn sweep_of(&self, job: JobId) -> Option<SweepId> {
        self.live.get(&job).map(|live| live.attempt.sweep)
    }

    pub fn is_exclusive(&self, job: JobId) -> bool {
        self.live.get(&job).is_some_and(|live| live.attempt.exclusive)
    }

    /// A ready job for the scheduler; `None` while a cancelled attempt of it still holds its place.
    pub fn candidate(&self, ready: &Ready, now: Duration, now_ms: i64) -> Option<(ReadyJob, Option<Token>)> {
        let steal = match self.live.get(&ready.job) {
            Some(live) if !self.is_stealable(live, now) => return None,
            held => held.map(|live| live.attempt.token),
        };
        let job = ReadyJob {
            waited: Duration::from_millis(u64::try_from(now_ms - ready.since_ms).unwrap_or(0)),
            expected: self.pace.expected(ready.sweep, &ready.stage),
            ..queue::job(ready)
        };
        Some((job, steal))
    }

    /// Whether this device of the agent is not to be tried for the job just now.
    pub fn is_barred(&self, job: JobId, agent: &str, device: &DeviceView) -> bool {
        self.cooling.is_barred(job, agent, (device.class, device.index))
    }

    /// How many ready jobs may have to be passed over.
    pub fn passed_over(&self) -> usize {
        self.cooling.len() + self.live.values().filter(|live| !live.attempt.wanted).count()
    }
}

impl Live {
    pub(super) fn is_on(&self, device: &Device) -> bool {
        self.attempt.device == device.class && self.attempt.device_index == device.index
    }
}

fn as_ready(live: &Live, now: Duration) -> ReadyJob {
    ReadyJob {
        job: live.attempt.token.job,
        priority: live.attempt.priority,
        device: live.attempt.wants,
        place: Arc::clone(&live.attempt.place),
        needs: live.attempt.needs,
        outgrown_bytes: live.attempt.outgrown_bytes,
        waited: now.saturating_sub(live.granted),
        expected: None,
    }
}
