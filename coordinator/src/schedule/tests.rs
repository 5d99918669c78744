use super::*;
use crate::memory::Needs;

const GIB: u64 = 1 << 30;

fn cpu(slots: u32, assigned: u32) -> AgentView {
    agent(vec![device(DeviceClass::Cpu, slots, assigned, 8 * GIB)])
}

fn agent(devices: Vec<DeviceView>) -> AgentView {
    AgentView { devices, exclusive: false, leaving: false, kept_free: false }
}

fn device(class: DeviceClass, slots: u32, assigned: u32, free: u64) -> DeviceView {
    DeviceView {
        class,
        index: 0,
        spot: Default::default(),
        slots,
        assigned,
        quick: 0,
        held: false,
        memory_free_bytes: free,
        memory_total_bytes: 8 * GIB,
    }
}

fn job(id: i64) -> ReadyJob {
    ReadyJob {
        job: JobId(id),
        priority: 0,
        device: None,
        place: Default::default(),
        needs: Needs::default(),
        outgrown_bytes: 0,
        waited: Duration::ZERO,
        expected: None,
    }
}

fn jobs(count: i64) -> Vec<ReadyJob> {
    (1..=count).map(job).collect()
}

struct Case {
    agents: Vec<AgentView>,
    ready: Vec<ReadyJob>,
    exclusive: Vec<ReadyJob>,
    barred: Vec<(i64, usize)>,
}

impl Case {
    fn new(agents: Vec<AgentView>, ready: Vec<ReadyJob>) -> Self {
        Self { agents, ready, exclusive: Vec::new(), barred: Vec::new() }
    }

    /// (job, agent) pairs.
    fn pairs(&self) -> Vec<(i64, usize)> {
        self.assign().into_iter().map(|made| (made.job.0, made.agent)).collect()
    }

    fn assign(&self) -> Vec<Assignment> {
        self.with(|snapshot| assign(snapshot).made)
    }

    fn with<T>(&self, what: impl FnOnce(&Snapshot<'_>) -> T) -> T {
        let barred = |job: JobId, agent: usize, _: &DeviceView| self.barred.contains(&(job.0, agent));
        what(&Snapshot {
            agents: &self.agents,
            ready: &self.ready,
            exclusive: &self.exclusive,
            barred: &barred,
            patience: Duration::from_mins(10),
        })
    }
}

#[test]
fn jobs_go_in_order_and_no_further_than_the_slots() {
    assert_eq!(Case::new(vec![cpu(2, 0)], jobs(5)).pairs(), [(1, 0), (2, 0)]);
    assert_eq!(Case::new(vec![cpu(2, 1)], jobs(5)).pairs(), [(1, 0)]);
    assert_eq!(Case::new(vec![], jobs(5)).pairs(), []);
}

#[test]
fn two_idle_agents_share_the_work() {
    assert_eq!(Case::new(vec![cpu(2, 0), cpu(2, 0)], jobs(3)).pairs(), [(1, 0), (2, 1), (3, 0)]);
}

#[test]
fn the_emptier_agent_is_preferred() {
    assert_eq!(Case::new(vec![cpu(4, 3), cpu(4, 1)], jobs(1)).pairs(), [(1, 1)]);
}

#[test]
fn only_jobs_known_to_be_short_are_queued_ahead_and_only_behind_full_slots() {
    let with = |length: Duration| {
        let ready = jobs(40).into_iter().map(|job| ReadyJob { expected: Some(length), ..job }).collect();
        Case::new(vec![cpu(2, 0)], ready).pairs().len()
    };
    assert_eq!(with(Duration::from_hours(1)), 2);
    assert_eq!(with(Duration::from_millis(500)), 2 + 2);
    assert_eq!(with(Duration::from_millis(5)), 2 + 2 * 4);
    assert_eq!(with(Duration::ZERO), 2 + 2 * MOST_AHEAD as usize);
}

#[test]
fn a_free_slot_elsewhere_goes_before_a_queue() {
    let short = ReadyJob { expected: Some(Duration::from_millis(1)), ..job(1) };
    assert_eq!(Case::new(vec![turning(2), cpu(1, 0)], vec![short]).pairs(), [(1, 1)]);
}

/// All slots taken by jobs that will soon be over.
fn turning(slots: u32) -> AgentView {
    agent(vec![DeviceView { quick: slots, ..device(DeviceClass::Cpu, slots, slots, 8 * GIB) }])
}

#[test]
fn nothing_is_queued_behind_a_long_job() {
    let ready: Vec<ReadyJob> =
        jobs(9).into_iter().map(|job| ReadyJob { expected: Some(Duration::from_millis(500)), ..job }).collect();
    let placed = |agent| Case::new(vec![agent], ready.clone()).pairs().len();
    assert_eq!(placed(turning(2)), 2);
    assert_eq!(placed(cpu(2, 2)), 0, "a free slot elsewhere may come sooner");
    let one_turns = agent(vec![DeviceView { quick: 1, ..device(DeviceClass::Cpu, 2, 2, 8 * GIB) }]);
    assert_eq!(placed(one_turns), 1);
}

#[test]
fn a_stream_of_short_jobs_does_not_keep_a_long_one_waiting() {
    let mut ready: Vec<ReadyJob> =
        jobs(9).into_iter().map(|job| ReadyJob { expected: Some(Duration::from_millis(1)), ..job }).collect();
    ready[0].expected = None;
    assert_eq!(Case::new(vec![turning(1)], ready.clone()).pairs(), [], "the next free slot is the long one's");
    // Where it may not go, or could never fit, it holds up nobody.
    let elsewhere = Case { barred: vec![(1, 0)], ..Case::new(vec![turning(1)], ready.clone()) };
    assert_eq!(elsewhere.pairs().len(), 8);
    ready[0].needs = Needs::alike(100 * GIB);
    assert_eq!(Case::new(vec![turning(1)], ready).pairs().len(), 8);
}

#[test]
fn what_waits_for_memory_is_not_passed_by_a_queue_that_forms_later() {
    let quick = |job: ReadyJob| ReadyJob { expected: Some(Duration::from_millis(1)), ..job };
    let big = |id| ReadyJob { needs: Needs::alike(GIB), ..job(id) };
    let full = DeviceView { quick: 1, ..device(DeviceClass::Cpu, 3, 1, 0) };
    let ready = vec![job(1), big(2), quick(job(3)), quick(big(4))];
    assert_eq!(Case::new(vec![agent(vec![full])], ready).pairs(), [(1, 0), (3, 0)]);
}

#[test]
fn memory_is_counted_as_it_is_promised() {
    let big = |id| ReadyJob { needs: Needs::alike(5 * GIB), ..job(id) };
    let small = ReadyJob { needs: Needs::alike(GIB), ..job(3) };
    assert_eq!(Case::new(vec![cpu(4, 0)], vec![big(1), big(2), small]).pairs(), [(1, 0), (3, 0)]);
}

#[test]
fn a_job_that_fits_nowhere_does_not_hold_up_the_others() {
    let huge = ReadyJob { needs: Needs::alike(100 * GIB), expected: Some(Duration::from_millis(1)), ..job(1) };
    assert_eq!(Case::new(vec![cpu(1, 0)], vec![huge, job(2)]).pairs(), [(2, 0)]);
}

#[test]
fn a_gpu_is_taken_where_the_job_does_not_care_and_only_its_class_where_it_does() {
    let both = agent(vec![device(DeviceClass::Cpu, 8, 0, 8 * GIB), device(DeviceClass::Cuda, 1, 0, 8 * GIB)]);
    let on = |class| ReadyJob { device: Some(class), ..job(1) };
    let case = |job| Case::new(vec![both.clone()], vec![job]).assign()[0].device;
    assert_eq!(case(job(1)), DeviceClass::Cuda);
    assert_eq!(case(on(DeviceClass::Cpu)), DeviceClass::Cpu);
    assert_eq!(Case::new(vec![cpu(1, 0)], vec![on(DeviceClass::Cuda)]).pairs(), []);
}

#[test]
fn a_job_that_does_not_care_waits_for_the_gpu_of_its_host_rather_than_take_the_cpu() {
    let host = |busy| agent(vec![device(DeviceClass::Cpu, 1, 0, 8 * GIB), device(DeviceClass::Cuda, 1, busy, 4 * GIB)]);
    assert_eq!(Case::new(vec![host(1)], jobs(1)).pairs(), []);
    assert_eq!(Case::new(vec![host(0)], jobs(2)).pairs(), [(1, 0)], "one on the GPU, none beside it");
    assert_eq!(Case::new(vec![host(1), cpu(1, 0)], jobs(1)).pairs(), [(1, 1)], "a host without GPU is another matter");
    let on_cpu = ReadyJob { device: Some(DeviceClass::Cpu), ..job(1) };
    assert_eq!(Case::new(vec![host(1)], vec![on_cpu]).pairs(), [(1, 0)]);
    let small_gpu = DeviceView { memory_total_bytes: 4 * GIB, ..device(DeviceClass::Cuda, 1, 0, 4 * GIB) };
    let host = agent(vec![device(DeviceClass::Cpu, 1, 0, 8 * GIB), small_gpu]);
    let large = ReadyJob { needs: Needs::alike(6 * GIB), ..job(1) };
    assert_eq!(
        Case::new(vec![host], vec![large]).assign()[0].device,
        DeviceClass::Cpu,
        "no GPU here will ever hold it"
    );
}

#[test]
fn each_class_of_device_is_asked_for_its_own_amount() {
    let host = || {
        let gpu = DeviceView { memory_total_bytes: 2 * GIB, ..device(DeviceClass::Cuda, 1, 0, 2 * GIB) };
        vec![agent(vec![gpu, device(DeviceClass::Cpu, 1, 0, 4 * GIB)])]
    };
    let placed = |cpu_bytes: u64, cuda_bytes: u64, wish: Option<DeviceClass>| {
        let needs = Needs { cpu_bytes, cuda_bytes };
        let made = Case::new(host(), vec![ReadyJob { needs, device: wish, ..job(1) }]).assign();
        made.first().map(|made| made.device)
    };
    assert_eq!(placed(9 * GIB, 2 * GIB, None), Some(DeviceClass::Cuda));
    assert_eq!(placed(3 * GIB, 3 * GIB, None), Some(DeviceClass::Cpu), "no GPU could hold it");
    assert_eq!(placed(9 * GIB, 9 * GIB, None), None);
    assert_eq!(placed(GIB, 3 * GIB, Some(DeviceClass::Cuda)), None);
    assert_eq!(placed(4 * GIB, 0, Some(DeviceClass::Cpu)), Some(DeviceClass::Cpu));
}

#[test]
fn what_a_job_has_outgrown_is_not_tried_again() {
    let gpu = |total| agent(vec![DeviceView { memory_total_bytes: total, ..device(DeviceClass::Cuda, 1, 0, total) }]);
    let wish = Some(DeviceClass::Cuda);
    let grown = ReadyJob { device: wish, outgrown_bytes: 6 * GIB, needs: Needs::alike(GIB), ..job(1) };
    let pairs = |agents| Case::new(agents, vec![grown.clone()]).pairs();
    assert_eq!(pairs(vec![gpu(6 * GIB), cpu(1, 0), gpu(8 * GIB)]), [(1, 2)]);
    assert_eq!(pairs(vec![gpu(6 * GIB), gpu(4 * GIB), cpu(1, 0)]), []);
    let low = RunningJob { device: DeviceClass::Cuda, ..low(2, 1) };
    let busy = agent(vec![DeviceView { memory_total_bytes: 6 * GIB, ..device(DeviceClass::Cuda, 1, 1, 6 * GIB) }]);
    let urgent = ReadyJob { priority: 9, ..grown };
    assert_eq!(preempted(&Case::new(vec![busy], vec![urgent]), &[low]), [], "nobody gives way for nothing");
}

#[test]
fn a_pair_that_was_refused_rests() {
    let case = Case { barred: vec![(1, 0)], ..Case::new(vec![cpu(1, 0), cpu(1, 0)], jobs(2)) };
    assert_eq!(case.pairs(), [(1, 1), (2, 0)]);
}

#[test]
fn an_exclusive_job_needs_an_idle_agent_and_gets_it_alone() {
    let exclusive = |agents, ready| Case { exclusive: vec![job(90), job(91)], ..Case::new(agents, ready) };
    assert_eq!(exclusive(vec![cpu(4, 0)], vec![]).pairs(), [(90, 0)]);
    assert_eq!(exclusive(vec![cpu(4, 1)], vec![]).pairs(), []);
    assert_eq!(exclusive(vec![cpu(4, 0)], jobs(1)).pairs(), [(1, 0)]);
    assert_eq!(exclusive(vec![cpu(1, 0), cpu(1, 0)], jobs(1)).pairs(), [(1, 0), (90, 1)]);
}

#[test]
fn nothing_joins_an_exclusive_job() {
    let measuring = AgentView { exclusive: true, ..cpu(4, 1) };
    assert_eq!(Case::new(vec![measuring], jobs(3)).pairs(), []);
}

#[test]
fn an_exclusive_job_does_not_starve() {
    let waited = ReadyJob { waited: Duration::from_secs(601), ..job(90) };
    let busy = Case { exclusive: vec![waited.clone()], ..Case::new(vec![cpu(2, 2), cpu(2, 1)], jobs(5)) };
    assert_eq!(busy.pairs(), [], "the agent with least to finish is kept free");
    let free = Case { exclusive: vec![waited], ..Case::new(vec![cpu(2, 2), cpu(2, 0)], jobs(5)) };
    assert_eq!(free.pairs(), [(90, 1)]);
}

#[test]
fn an_agent_that_leaves_gets_nothing_and_is_not_kept_free() {
    let leaving = AgentView { leaving: true, ..cpu(2, 0) };
    let case = Case { exclusive: vec![job(90)], ..Case::new(vec![leaving.clone()], jobs(1)) };
    assert_eq!(case.pairs(), []);
    let waited = ReadyJob { waited: Duration::from_secs(601), ..job(90) };
    let case = Case { exclusive: vec![waited], ..Case::new(vec![leaving, cpu(2, 1)], jobs(1)) };
    assert_eq!(case.pairs(), [], "the other is kept free");
}

#[test]
fn room_counts_what_could_be_queued() {
    assert_eq!(room(&[cpu(2, 0)]), 2 * (1 + MOST_AHEAD));
    assert_eq!(room(&[AgentView { exclusive: true, ..cpu(2, 1) }]), 0);
}

fn low(id: i64, ran: u64) -> RunningJob {
    RunningJob {
        job: JobId(id),
        priority: 0,
        agent: 0,
        device: DeviceClass::Cpu,
        device_index: 0,
        memory_bytes: 0,
        ran: Duration::from_secs(ran),
        end: Ending::Willing,
    }
}

fn urgent(id: i64) -> ReadyJob {
    ReadyJob { priority: 5, ..job(id) }
}

/// (who gives way, to whom) pairs.
fn preempted(case: &Case, running: &[RunningJob]) -> Vec<(i64, i64)> {
    let made = case.with(|snapshot| preempt(snapshot, &assign(snapshot), running));
    made.into_iter().map(|made| (made.job.0, made.by.0)).collect()
}

#[test]
fn a_more_urgent_job_takes_the_place_of_the_youngest_of_the_least_urgent() {
    let running = [low(1, 500), low(2, 100), RunningJob { priority: 1, ..low(3, 1) }];
    assert_eq!(preempted(&Case::new(vec![cpu(3, 3)], vec![urgent(9)]), &running), [(2, 9)]);
    assert_eq!(preempted(&Case::new(vec![cpu(3, 3)], vec![urgent(8), urgent(9)]), &running), [(2, 8), (1, 9)]);
    assert_eq!(preempted(&Case::new(vec![cpu(3, 3)], vec![job(9)]), &running), [], "equal is not higher");
    assert_eq!(preempted(&Case::new(vec![cpu(4, 3)], vec![urgent(9)]), &running), [], "there is room");
}

#[test]
fn nobody_gives_way_for_a_place_that_comes_free_anyway() {
    let case = Case::new(vec![cpu(2, 2)], vec![urgent(8), urgent(9)]);
    let told = RunningJob { end: Ending::Near { promised: None }, ..low(1, 500) };
    assert_eq!(preempted(&case, &[told.clone(), low(2, 100)]), [(2, 9)], "one is told already");
    assert_eq!(preempted(&case, &[told.clone(), told]), []);
}

#[test]
fn what_cannot_write_a_checkpoint_is_left_alone() {
    let case = Case::new(vec![cpu(2, 2)], vec![urgent(9)]);
    let fixed = RunningJob { end: Ending::Fixed, ..low(1, 1) };
    assert_eq!(preempted(&case, &[fixed.clone(), low(2, 900)]), [(2, 9)]);
    assert_eq!(preempted(&case, &[fixed.clone(), fixed]), []);
}

#[test]
fn nobody_gives_way_where_that_would_not_help() {
    let running = [low(1, 100)];
    let needs = |bytes| ReadyJob { needs: Needs::alike(bytes), ..urgent(9) };
    let full = |free| vec![agent(vec![device(DeviceClass::Cpu, 1, 1, free)])];
    assert_eq!(preempted(&Case::new(full(GIB), vec![needs(2 * GIB)]), &running), [], "it has too little to give back");
    let large = [RunningJob { memory_bytes: GIB, ..low(1, 100) }];
    assert_eq!(preempted(&Case::new(full(GIB), vec![needs(2 * GIB)]), &large), [(1, 9)]);
    let on_gpu = ReadyJob { device: Some(DeviceClass::Cuda), ..urgent(9) };
    assert_eq!(preempted(&Case::new(full(GIB), vec![on_gpu]), &running), [], "another device");
    let case = Case { barred: vec![(9, 0)], ..Case::new(full(GIB), vec![urgent(9)]) };
    assert_eq!(preempted(&case, &running), [], "it was refused there");
    let leaving = AgentView { leaving: true, ..cpu(1, 1) };
    assert_eq!(preempted(&Case::new(vec![leaving], vec![urgent(9)]), &running), [], "the agent drains");
    assert_eq!(preempted(&Case::new(vec![cpu(0, 1)], vec![urgent(9)]), &running), [], "it has no slots any more");
}

#[test]
fn memory_that_one_gives_back_is_promised_once() {
    let running = [RunningJob { memory_bytes: 2 * GIB, ..low(1, 5) }, RunningJob { memory_bytes: GIB, ..low(2, 9) }];
    let needs = |id| ReadyJob { needs: Needs::alike(2 * GIB), ..urgent(id) };
    let host = agent(vec![device(DeviceClass::Cpu, 2, 2, 0)]);
    assert_eq!(preempted(&Case::new(vec![host], vec![needs(8), needs(9)]), &running), [(1, 8)]);
}
