//! A piece of the queue of ready jobs, read ahead, so that a grant need not wait for a query. What is in it is believed only
//! until something may have become ready that should go first; and a grant of a job that is no longer ready is refused.

use std::collections::BTreeSet;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::resources::DeviceClass;

use crate::schedule::{AgentView, room};
use crate::store::read::{Ready, ReadyQuery};
use crate::store::{Store, StoreError};

#[derive(Default)]
pub struct Queue {
    ordinary: Vec<Ready>,
    exclusive: Vec<Ready>,
    /// Nothing may go before what is here.
    fresh: bool,
    /// There is more in the database than was read.
    more: bool,
}

/// Jobs that are read ahead beyond what can be placed at once.
const AHEAD: usize = 64;
/// Exclusive jobs run one by one.
const EXCLUSIVE: u32 = 16;

impl Queue {
    /// Something may have become ready.
    pub fn stale(&mut self) {
        self.fresh = false;
    }

    /// Whether the queue may be used without reading again.
    pub fn is_usable(&self) -> bool {
        self.fresh && (!self.more || self.ordinary.len() >= AHEAD / 2)
    }

    pub fn ordinary(&self) -> &[Ready] {
        &self.ordinary
    }

    pub fn exclusive(&self) -> &[Ready] {
        &self.exclusive
    }

    /// These were granted, or cannot be.
    pub fn remove(&mut self, jobs: &BTreeSet<JobId>) {
        self.ordinary.retain(|ready| !jobs.contains(&ready.job));
        self.exclusive.retain(|ready| !jobs.contains(&ready.job));
    }

    /// Reads the head of the queue again. `passed_over`: how many may stand before the first that can be placed.
    /// `served`: the only sweeps that count, where not all do.
    pub async fn read(
        &mut self,
        store: &Store,
        agents: &[AgentView],
        passed_over: usize,
        served: Option<&BTreeSet<SweepId>>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let most = |class: DeviceClass| {
            let devices = agents.iter().flat_map(|agent| &agent.devices).filter(|device| device.class == class);
            devices.map(|device| device.memory_total_bytes.max(device.memory_free_bytes)).max()
        };
        let limit = (AHEAD + room(agents) as usize + passed_over) as u32;
        let (cpu_bytes, cuda_bytes) = (most(DeviceClass::Cpu), most(DeviceClass::Cuda));
        let query = ReadyQuery { now_ms, exclusive: false, cpu_bytes, cuda_bytes, limit, served };
        self.ordinary = store.ready(query).await?;
        self.more = self.ordinary.len() as u32 >= limit;
        let limit = EXCLUSIVE + passed_over as u32;
        self.exclusive = store.ready(ReadyQuery { exclusive: true, limit, ..query }).await?;
        self.fresh = true;
        Ok(())
    }
}
