//! The fleet as the scheduler sees it.

use std::time::Duration;

use sweep_shared::ids::{JobId, SweepId, Token};
use sweep_shared::resources::Device;

use super::{Agent, Fleet, Live};
use crate::schedule::{AgentView, DeviceView, ReadyJob};
use crate::store::read::Ready;

/// A runner's memory is in the report only some time after its start: until then its reservation is counted instead.
const SETTLED: Duration = Duration::from_secs(20);

/// Agents that could be given work, and their names, in the same order.
pub struct Views {
    pub names: Vec<String>,
    pub agents: Vec<AgentView>,
}

impl Fleet {
    pub fn views(&self, now: Duration) -> Views {
        let open = self.agents.values().filter(|agent| agent.session.is_some());
        let (names, agents) = open.map(|agent| (agent.info.id.clone(), self.view(agent, now))).unzip();
        Views { names, agents }
    }

    fn view(&self, agent: &Agent, now: Duration) -> AgentView {
        let mine: Vec<&Live> = self.live.values().filter(|live| live.attempt.agent == agent.info.id).collect();
        let devices = agent.info.devices.iter().map(|device| device_view(agent, device, &mine)).collect();
        AgentView {
            devices,
            exclusive: mine.iter().any(|live| live.attempt.exclusive),
            kept_free: agent.leaving_until > now,
        }
    }

    /// Jobs whose lease is over, as candidates for another attempt, with the tokens that it would fence.
    pub fn stealable(&self, now: Duration) -> Vec<(ReadyJob, Token)> {
        let mut list: Vec<(ReadyJob, Token)> = self
            .live
            .values()
            .filter(|live| live.attempt.wanted && self.is_stealable(live, now))
            .map(|live| (as_ready(live, now), live.attempt.token))
            .collect();
        list.sort_by_key(|(job, _)| job.job);
        list
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
            job: ready.job,
            device: ready.device,
            memory_bytes: ready.memory_bytes,
            waited: Duration::from_millis(u64::try_from(now_ms - ready.since_ms).unwrap_or(0)),
            expected: self.pace.expected(ready.sweep, &ready.stage),
        };
        Some((job, steal))
    }

    pub fn is_cooled(&self, job: JobId, agent: &str) -> bool {
        self.cooling.is_cooled(job, agent)
    }

    /// How many ready jobs may have to be passed over.
    pub fn passed_over(&self) -> usize {
        self.cooling.len() + self.live.values().filter(|live| !live.attempt.wanted).count()
    }
}

fn device_view(agent: &Agent, device: &Device, mine: &[&Live]) -> DeviceView {
    let here =
        mine.iter().filter(|live| live.attempt.device == device.class && live.attempt.device_index == device.index);
    let (mut assigned, mut promised) = (0, 0);
    for live in here {
        assigned += 1;
        if agent.reported < live.granted + SETTLED {
            promised += live.attempt.memory_bytes;
        }
    }
    DeviceView {
        class: device.class,
        index: device.index,
        slots: device.slots,
        assigned,
        memory_free_bytes: device.memory_free_bytes.saturating_sub(promised),
        memory_total_bytes: device.memory_total_bytes,
    }
}

fn as_ready(live: &Live, now: Duration) -> ReadyJob {
    ReadyJob {
        job: live.attempt.token.job,
        device: live.attempt.wants,
        memory_bytes: live.attempt.memory_bytes,
        waited: now.saturating_sub(live.granted),
        expected: None,
    }
}
