//! A piece of the queue of ready jobs, read ahead, so that a grant need not wait for a query. What is in it is believed only
//! until something may have become ready that should go first; and a grant of a job that is no longer ready is refused.
//!
//! Where machines differ, the head of a long queue may hold nothing for a device that is idle: then one looks further, for it.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::labels::Placement;
use sweep_shared::resources::DeviceClass;

use crate::schedule::{AgentView, ReadyJob, idle, room};
use crate::store::read::{Ready, ReadyQuery};
use crate::store::{Store, StoreError};

#[derive(Default)]
pub struct Queue {
    ordinary: Vec<Ready>,
    exclusive: Vec<Ready>,
    /// From further behind, for devices that the head has nothing for.
    further: Vec<Ready>,
    /// When it was last looked there.
    looked: Option<Duration>,
    /// Nothing may go before what is here.
    fresh: bool,
    /// There is more in the database than was read.
    more: bool,
}

/// Jobs that are read ahead beyond what can be placed at once.
const AHEAD: usize = 64;
/// Exclusive jobs run one by one.
const EXCLUSIVE: u32 = 16;
/// To look further may mean to go through the whole queue.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What bounds every reading of the queue.
pub struct Bounds<'a> {
    /// How many may stand before the first that can be placed.
    pub passed_over: usize,
    /// The only sweeps that count, where not all do.
    pub served: Option<&'a BTreeSet<SweepId>>,
    pub now_ms: i64,
}

impl Queue {
    /// Something may have become ready.
    pub fn stale(&mut self) {
        self.fresh = false;
    }

    /// Whether the queue may be used without reading again.
    pub fn is_usable(&self) -> bool {
        self.fresh && (!self.more || self.ordinary.len() >= AHEAD / 2)
    }

    /// In the order in which they are to be granted.
    pub fn ordinary(&self) -> impl Iterator<Item = &Ready> {
        self.ordinary.iter().chain(&self.further)
    }

    pub fn exclusive(&self) -> &[Ready] {
        &self.exclusive
    }

    /// These were granted, or cannot be.
    pub fn remove(&mut self, jobs: &BTreeSet<JobId>) {
        for list in [&mut self.ordinary, &mut self.exclusive, &mut self.further] {
            list.retain(|ready| !jobs.contains(&ready.job));
        }
    }

    /// Reads the head of the queue again.
    pub async fn read(&mut self, store: &Store, agents: &[AgentView], bounds: &Bounds<'_>) -> Result<(), StoreError> {
        let places = places(store, agents).await?;
        let most = |class: DeviceClass| {
            let devices = agents.iter().flat_map(|agent| &agent.devices).filter(|device| device.class == class);
            devices.map(|device| device.memory_total_bytes.max(device.memory_free_bytes)).max()
        };
        let limit = (AHEAD + room(agents) as usize + bounds.passed_over) as u32;
        let query = ReadyQuery {
            now_ms: bounds.now_ms,
            exclusive: false,
            cpu_bytes: most(DeviceClass::Cpu),
            cuda_bytes: most(DeviceClass::Cuda),
            wishless: true,
            places: &places,
            limit,
            served: bounds.served,
        };
        self.ordinary = store.ready(query).await?;
        self.more = self.ordinary.len() as u32 >= limit;
        let limit = EXCLUSIVE + bounds.passed_over as u32;
        self.exclusive = store.ready(ReadyQuery { exclusive: true, limit, ..query }).await?;
        self.fresh = true;
        if !self.more {
            self.further.clear();
        }
        self.distinguish();
        Ok(())
    }

    /// Looks further behind for each device that has a free slot and that nothing here is for.
    pub async fn look_further(
        &mut self,
        store: &Store,
        agents: &[AgentView],
        bounds: &Bounds<'_>,
        now: Duration,
    ) -> Result<(), StoreError> {
        let early = self.looked.is_some_and(|last| now.saturating_sub(last) < LOOK_EVERY);
        if !self.more || early {
            return Ok(());
        }
        let here: Vec<ReadyJob> = self.ordinary().map(job).collect();
        let idle = idle(&here, agents);
        if idle.is_empty() {
            return Ok(());
        }
        self.looked = Some(now);
        self.further.clear();
        let places = places(store, agents).await?;
        for (agent, device) in idle {
            let (agent, device) = (&agents[agent], &agents[agent].devices[device]);
            let at = |text: &&String| Placement::of_text(text).allows(&device.spot);
            let places: Vec<String> = places.iter().filter(at).cloned().collect();
            let of = |class| (device.class == class).then_some(device.memory_free_bytes);
            let query = ReadyQuery {
                now_ms: bounds.now_ms,
                exclusive: false,
                cpu_bytes: of(DeviceClass::Cpu),
                cuda_bytes: of(DeviceClass::Cuda),
                // Beside a GPU a CPU gets only what wishes for one.
                wishless: agent.devices.iter().all(|other| other.class == device.class),
                places: &places,
                limit: (AHEAD + bounds.passed_over) as u32,
                served: bounds.served,
            };
            self.further.extend(store.ready(query).await?);
        }
        self.further.sort_by_key(|ready| (Reverse(ready.priority), ready.sweep, ready.job));
        self.distinguish();
        Ok(())
    }

    /// Each job is in it once.
    fn distinguish(&mut self) {
        let mut seen: BTreeSet<JobId> = self.ordinary.iter().map(|ready| ready.job).collect();
        self.further.retain(|ready| seen.insert(ready.job));
    }
}

/// For the scheduler, which may know more of it.
pub fn job(ready: &Ready) -> ReadyJob {
    ReadyJob {
        job: ready.job,
        priority: ready.priority,
        device: ready.device,
        place: Arc::clone(&ready.place),
        needs: ready.needs,
        outgrown_bytes: ready.outgrown_bytes,
        waited: Duration::ZERO,
        expected: None,
    }
}

/// Of the places that ready jobs ask for, those that some device is at.
async fn places(store: &Store, agents: &[AgentView]) -> Result<Vec<String>, StoreError> {
    let mut places = store.places().await?;
    places.retain(|text| {
        let place = Placement::of_text(text);
        agents.iter().flat_map(|agent| &agent.devices).any(|device| place.allows(&device.spot))
    });
    Ok(places)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sweep_shared::labels::{Labels, Spot};

    use super::*;
    use crate::schedule::DeviceView;
    use crate::store::NewJob;
    use crate::store::testing::{Bench, bench, job};

    const GIB: u64 = 1 << 30;
    const BOUNDS: Bounds<'static> = Bounds { passed_over: 0, served: None, now_ms: i64::MAX };

    fn device(class: DeviceClass, assigned: u32, room: &str) -> DeviceView {
        let labels = Labels(BTreeMap::from([("room".to_owned(), room.to_owned())]));
        DeviceView {
            class,
            index: 0,
            spot: Arc::new(Spot::of("host", &labels, None)),
            slots: 1,
            assigned,
            quick: 0,
            held: false,
            memory_free_bytes: GIB,
            memory_total_bytes: GIB,
        }
    }

    fn agent(devices: Vec<DeviceView>) -> AgentView {
        AgentView { devices, exclusive: false, leaving: false, kept_free: false }
    }

    /// As a turn of the dispatcher does. The stages of what is in the queue.
    async fn read(queue: &mut Queue, bench: &Bench, agents: &[AgentView], at_s: u64) -> Vec<String> {
        if !queue.is_usable() {
            queue.read(&bench.store, agents, &BOUNDS).await.unwrap();
        }
        queue.look_further(&bench.store, agents, &BOUNDS, Duration::from_secs(at_s)).await.unwrap();
        let stages: BTreeSet<String> = queue.ordinary().map(|ready| ready.stage.clone()).collect();
        stages.into_iter().collect()
    }

    /// More than are read ahead, then a single one of another kind.
    async fn crowd(of_crowd: impl Fn(NewJob) -> NewJob, last: NewJob) -> Bench {
        let bench = bench().await;
        let crowd = (0..3 * AHEAD).map(|n| of_crowd(NewJob { key: format!("key {n}"), ..job("crowd") }));
        bench.submit(crowd.chain([last]).collect()).await;
        bench
    }

    #[tokio::test]
    async fn an_idle_cpu_is_not_kept_from_its_work_by_a_crowd_that_waits_for_the_gpu() {
        let on = |class| move |job| NewJob { device: Some(class), ..job };
        let bench = crowd(on(DeviceClass::Cuda), on(DeviceClass::Cpu)(job("last"))).await;
        let host = |gpu, cpu| vec![agent(vec![device(DeviceClass::Cuda, gpu, ""), device(DeviceClass::Cpu, cpu, "")])];
        let mut queue = Queue::default();
        assert_eq!(read(&mut queue, &bench, &host(1, 1), 0).await, ["crowd"], "nobody is idle");
        assert_eq!(read(&mut queue, &bench, &host(1, 0), 0).await, ["crowd", "last"]);
        queue.stale();
        assert_eq!(read(&mut queue, &bench, &host(1, 0), 1).await, ["crowd", "last"], "it is kept");
        let last = queue.ordinary().find(|ready| ready.stage == "last").unwrap().job;
        queue.remove(&BTreeSet::from([last]));
        assert_eq!(read(&mut queue, &bench, &host(1, 0), 1).await, ["crowd"], "one looks now and then only");
        assert_eq!(read(&mut queue, &bench, &host(1, 0), 3).await, ["crowd", "last"]);
    }

    #[tokio::test]
    async fn nor_is_a_machine_by_one_that_waits_for_another() {
        let at = |room: &str| format!(r#"{{"room":["{room}"]}}"#);
        let bench = crowd(|job| NewJob { place: at("a"), ..job }, NewJob { place: at("b"), ..job("last") }).await;
        let two = [agent(vec![device(DeviceClass::Cpu, 1, "a")]), agent(vec![device(DeviceClass::Cpu, 0, "b")])];
        let mut queue = Queue::default();
        assert_eq!(read(&mut queue, &bench, &two, 0).await, ["crowd", "last"]);
        assert_eq!(read(&mut Queue::default(), &bench, &two[1..], 0).await, ["last"], "nobody is in a");
        assert_eq!(read(&mut Queue::default(), &bench, &two[..1], 0).await, ["crowd"]);
    }
}
