//! What must hold of every decision, whatever the snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use sweep_shared::labels::{Labels, Placement, Spot};

use super::*;
use crate::memory::Needs;

const MIB: u64 = 1 << 20;

#[derive(Debug, Clone)]
struct World {
    agents: Vec<AgentView>,
    ready: Vec<ReadyJob>,
    exclusive: Vec<ReadyJob>,
    running: Vec<RunningJob>,
    barred: BTreeSet<(JobId, usize)>,
}

fn class() -> impl Strategy<Value = DeviceClass> {
    prop_oneof![Just(DeviceClass::Cpu), Just(DeviceClass::Cuda)]
}

fn job(base: i64) -> impl Strategy<Value = ReadyJob> {
    let place = prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec(0..3u8, 1..3)];
    let wish = (prop::option::of(class()), prop_oneof![3 => Just(0), 1 => 1..9u64], place);
    (0..20i64, -2..3i64, wish, (0..4u64, 0..4u64), 0..1200u64, prop::option::of(0..4000u64)).prop_map(
        move |(id, priority, (device, outgrown, rooms), (cpu, cuda), waited, expected)| ReadyJob {
            job: JobId(base + id),
            priority,
            device,
            place: Arc::new(in_rooms(&rooms)),
            needs: Needs { cpu_bytes: cpu * MIB, cuda_bytes: cuda * MIB },
            // Only a class of device can be outgrown.
            outgrown_bytes: device.map_or(0, |_| outgrown * MIB),
            waited: Duration::from_secs(waited),
            expected: expected.map(Duration::from_millis),
        },
    )
}

/// None: anywhere.
fn in_rooms(rooms: &[u8]) -> Placement {
    let values = rooms.iter().map(u8::to_string).collect();
    Placement(if rooms.is_empty() { BTreeMap::new() } else { BTreeMap::from([("room".to_owned(), values)]) })
}

/// In the order in which jobs are granted, each once.
fn jobs(base: i64) -> impl Strategy<Value = Vec<ReadyJob>> {
    prop::collection::vec(job(base), 0..12).prop_map(|mut jobs| {
        jobs.sort_by_key(|job| (std::cmp::Reverse(job.priority), job.job));
        let mut seen = BTreeSet::new();
        jobs.retain(|job| seen.insert(job.job));
        jobs
    })
}

fn agent() -> impl Strategy<Value = AgentView> {
    let device = (class(), 0..4u32, 0..6u64).prop_map(|(class, slots, free)| DeviceView {
        class,
        index: 0,
        spot: Default::default(),
        slots,
        assigned: 0,
        quick: 0,
        held: false,
        memory_free_bytes: free * MIB,
        memory_total_bytes: 6 * MIB,
    });
    (prop::collection::vec(device, 1..3), any::<bool>(), 0..3u8).prop_map(|(mut devices, leaving, room)| {
        devices.dedup_by_key(|device| device.class);
        let labels = Labels(BTreeMap::from([("room".to_owned(), room.to_string())]));
        let spot = Arc::new(Spot { labels, ..Spot::default() });
        for device in &mut devices {
            device.spot = Arc::clone(&spot);
        }
        AgentView { devices, exclusive: false, leaving, kept_free: false }
    })
}

type Attempt = (prop::sample::Index, prop::sample::Index, i64, u64, u64, u8);

fn world() -> impl Strategy<Value = World> {
    let spot = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), -2..3i64, 0..3u64, 0..900u64, 0..4u8);
    let barred = prop::collection::btree_set((0..20i64, 0..3usize), 0..6);
    (prop::collection::vec(agent(), 0..4), jobs(0), jobs(100), prop::collection::vec(spot, 0..8), barred).prop_map(
        |(mut agents, ready, exclusive, spots, barred)| {
            let running = spots.into_iter().enumerate().filter_map(|(n, spot)| running(n, spot, &mut agents)).collect();
            let barred = barred.into_iter().map(|(job, agent)| (JobId(job), agent)).collect();
            World { agents, ready, exclusive, running, barred }
        },
    )
}

/// An attempt in a free slot of some agent.
fn running(number: usize, spot: Attempt, agents: &mut [AgentView]) -> Option<RunningJob> {
    let (agent, device, priority, memory, ran, end) = spot;
    if agents.is_empty() {
        return None;
    }
    let at = agent.index(agents.len());
    let devices = &mut agents[at].devices;
    let device = device.index(devices.len());
    let device = &mut devices[device];
    if device.free_slots() == 0 {
        return None;
    }
    device.assigned += 1;
    let end = match end {
        0 => Ending::Near { promised: None },
        1 => Ending::Fixed,
        _ => Ending::Willing,
    };
    device.quick += u32::from(matches!(end, Ending::Near { .. }));
    Some(RunningJob {
        job: JobId(200 + number as i64),
        priority,
        agent: at,
        device: device.class,
        device_index: device.index,
        memory_bytes: memory * MIB,
        ran: Duration::from_secs(ran),
        end,
    })
}

impl World {
    fn decide(&self) -> (Assigned, Vec<Preemption>) {
        let barred = |job: JobId, agent: usize, _: &DeviceView| self.barred.contains(&(job, agent));
        let snapshot = Snapshot {
            agents: &self.agents,
            ready: &self.ready,
            exclusive: &self.exclusive,
            barred: &barred,
            patience: Duration::from_mins(10),
        };
        let assigned = assign(&snapshot);
        let preempted = preempt(&snapshot, &assigned, &self.running);
        (assigned, preempted)
    }

    fn job(&self, job: JobId) -> &ReadyJob {
        self.ready.iter().chain(&self.exclusive).find(|ready| ready.job == job).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_device_gets_more_than_it_can_hold(world in world()) {
        let (assigned, _) = world.decide();
        let mut jobs = BTreeSet::new();
        let mut agents = world.agents.clone();
        for made in &assigned.made {
            prop_assert!(jobs.insert(made.job), "{} twice", made.job);
            prop_assert!(!world.barred.contains(&(made.job, made.agent)));
            let job = world.job(made.job);
            prop_assert!(job.device.is_none_or(|class| class == made.device));
            let agent = &mut agents[made.agent];
            prop_assert!(!agent.leaving);
            let at = agent.device(made.device, made.device_index).unwrap();
            let device = &mut agent.devices[at];
            prop_assert!(job.place.allows(&device.spot), "{:?} for {:?}", device.spot, job.place);
            prop_assert!(job.outgrown_bytes == 0 || job.outgrown_bytes < device.memory_total_bytes);
            if device.free_slots() > 0 {
                prop_assert!(job.needs.of(made.device) <= device.memory_free_bytes);
            } else {
                prop_assert!(job.expected.is_some_and(|length| length <= SHORT), "a long job is queued ahead");
                prop_assert!(device.assigned < device.slots * (1 + MOST_AHEAD));
            }
            device.assigned += 1;
            device.memory_free_bytes = device.memory_free_bytes.saturating_sub(job.needs.of(made.device));
        }
    }

    #[test]
    fn no_lower_priority_takes_a_free_slot_that_suits_a_higher_one(world in world()) {
        let (assigned, _) = world.decide();
        let placed: BTreeSet<JobId> = assigned.made.iter().map(|made| made.job).collect();
        for waits in world.ready.iter().filter(|job| !placed.contains(&job.job)) {
            for made in assigned.made.iter().filter(|made| made.job < JobId(100)) {
                let lower = world.job(made.job);
                let agent = &world.agents[made.agent];
                let device = &agent.devices[agent.device(made.device, made.device_index).unwrap()];
                let alike = waits.device.is_none_or(|class| class == made.device)
                    && waits.needs.of(made.device) <= lower.needs.of(made.device)
                    && (waits.outgrown_bytes == 0 || waits.outgrown_bytes < device.memory_total_bytes)
                    && !world.barred.contains(&(waits.job, made.agent));
                let same_wish = waits.device == lower.device && waits.place == lower.place;
                prop_assert!(
                    lower.priority >= waits.priority || !alike || !same_wish,
                    "{lower:?} on {device:?} before {waits:?}"
                );
            }
        }
    }

    #[test]
    fn only_the_less_urgent_and_willing_give_way_one_for_each_that_needs_room(world in world()) {
        let (assigned, preempted) = world.decide();
        let placed: BTreeSet<JobId> = assigned.made.iter().map(|made| made.job).collect();
        let (mut victims, mut causes) = (BTreeSet::new(), BTreeSet::new());
        for Preemption { job, by } in &preempted {
            prop_assert!(victims.insert(*job) && causes.insert(*by));
            prop_assert!(!placed.contains(by));
            let victim = world.running.iter().find(|running| running.job == *job).unwrap();
            prop_assert_eq!(victim.end, Ending::Willing);
            prop_assert!(victim.priority < world.job(*by).priority);
        }
    }

    /// Told once, nobody else is named for the same jobs.
    #[test]
    fn it_settles(world in world()) {
        let (_, preempted) = world.decide();
        let mut told = world.clone();
        for running in &mut told.running {
            if let Some(made) = preempted.iter().find(|made| made.job == running.job) {
                running.end = Ending::Near { promised: Some(made.by) };
            }
        }
        let (_, again) = told.decide();
        prop_assert_eq!(again, vec![]);
    }

    #[test]
    fn equal_snapshots_lead_to_equal_decisions(world in world()) {
        let (one, two) = (world.decide(), world.clone().decide());
        prop_assert_eq!((one.0.made, one.1), (two.0.made, two.1));
    }
}
