//! The fleet as far as it concerns one job, for those who ask why it waits.

use std::sync::Arc;
use std::time::Duration;

use sweep_shared::ids::JobId;
use sweep_shared::labels::Spot;
use sweep_shared::resources::{Closed, Device};

use super::devices::promised;
use super::live::Stop;
use super::{Agent, Fleet, Live};
use crate::explain::{AgentFacts, DeviceFacts, FleetFacts, LiveFacts};
use crate::memory::DeviceSize;

impl Fleet {
    pub fn facts(&self, job: JobId, now: Duration) -> FleetFacts {
        let gives_way = |live: &&Live| live.attempt.wanted && live.stop == Some(Stop::Preempted(job));
        FleetFacts {
            agents: self.agents.values().map(|agent| self.agent_facts(job, agent, now)).collect(),
            live: self.live.get(&job).map(|live| self.live_facts(live, now)),
            giving_way: self.live.values().filter(gives_way).map(|live| live.attempt.token.job).collect(),
            unserved: false,
            patience: Duration::ZERO,
        }
    }

    /// The devices of connected agents.
    pub fn sizes(&self) -> Vec<DeviceSize> {
        self.sizes_of(|agent| agent.session.is_some())
    }

    /// Those of agents that are connected, or of which it is not yet sure that they are gone.
    pub fn sizes_within_lease(&self, now: Duration) -> Vec<DeviceSize> {
        self.sizes_of(|agent| agent.session.is_some() || agent.lease_until > now)
    }

    fn sizes_of(&self, counts: impl Fn(&Agent) -> bool) -> Vec<DeviceSize> {
        let of = |agent: &Agent| {
            let size = |(device, spot): (&Device, &Arc<Spot>)| DeviceSize {
                agent: agent.info.id.clone(),
                class: device.class,
                index: device.index,
                total_bytes: device.memory_total_bytes,
                spot: Arc::clone(spot),
            };
            // What `agent.toml` leaves to others, or what is broken, will not take anything.
            let open = |(device, _): &(&Device, &Arc<Spot>)| {
                !matches!(device.status.closed, Some(Closed::Unused | Closed::Excluded(_)))
            };
            agent.devices().filter(open).map(size).collect::<Vec<_>>()
        };
        self.agents.values().filter(|agent| counts(agent)).flat_map(of).collect()
    }

    fn agent_facts(&self, job: JobId, agent: &Agent, now: Duration) -> AgentFacts {
        let mine: Vec<&Live> = self.live.values().filter(|live| live.attempt.agent == agent.info.id).collect();
        let measured = mine.iter().find(|live| live.attempt.exclusive && live.attempt.token.job != job);
        let device = |(device, spot): (&Device, &Arc<Spot>)| {
            let seen = self.device_view((device, spot), &mine, now);
            let here = mine.iter().filter(|live| live.is_on(device));
            DeviceFacts {
                class: device.class,
                index: device.index,
                spot: Arc::clone(spot),
                slots: device.slots,
                assigned: seen.assigned,
                lowest: here.map(|live| live.attempt.priority).min(),
                free_bytes: seen.memory_free_bytes,
                total_bytes: device.memory_total_bytes,
                promised_bytes: promised(device, &mine),
                status: device.status.clone(),
                barred: self.cooling.why(job, &agent.info.id, (device.class, device.index), now),
            }
        };
        AgentFacts {
            id: agent.info.id.clone(),
            connected: agent.session.is_some(),
            heard: now.saturating_sub(agent.heard),
            leaving: agent.is_leaving(now),
            measures: measured.map(|live| live.attempt.token.job),
            devices: agent.devices().map(device).collect(),
        }
    }

    fn live_facts(&self, live: &Live, now: Duration) -> LiveFacts {
        let agent = self.agents.get(&live.attempt.agent);
        LiveFacts {
            agent: live.attempt.agent.clone(),
            connected: agent.is_some_and(|agent| agent.session.is_some()),
            heard: agent.map_or(Duration::ZERO, |agent| now.saturating_sub(agent.heard)),
            lease: agent.map(|agent| agent.lease_until.saturating_sub(now)).filter(|left| !left.is_zero()),
            stopping: live.stop.as_ref().map(Stop::reason),
            finishing: live.attempt.finishing,
            spent: live.spent(now),
            silence: live.silence(now).map(|silence| (silence.silent, silence.left)),
            stuck: live.trouble.0.stuck.clone(),
        }
    }
}
