use super::*;

const GIB: u64 = 1 << 30;

fn cpu(slots: u32, assigned: u32) -> AgentView {
    agent(vec![device(DeviceClass::Cpu, slots, assigned, 8 * GIB)])
}

fn agent(devices: Vec<DeviceView>) -> AgentView {
    AgentView { devices, exclusive: false, kept_free: false }
}

fn device(class: DeviceClass, slots: u32, assigned: u32, free: u64) -> DeviceView {
    DeviceView { class, index: 0, slots, assigned, memory_free_bytes: free, memory_total_bytes: 8 * GIB }
}

fn job(id: i64) -> ReadyJob {
    ReadyJob { job: JobId(id), device: None, memory_bytes: 0, waited: Duration::ZERO, expected: None }
}

fn jobs(count: i64) -> Vec<ReadyJob> {
    (1..=count).map(job).collect()
}

struct Case {
    agents: Vec<AgentView>,
    ready: Vec<ReadyJob>,
    exclusive: Vec<ReadyJob>,
    cooled: Vec<(i64, usize)>,
}

impl Case {
    fn new(agents: Vec<AgentView>, ready: Vec<ReadyJob>) -> Self {
        Self { agents, ready, exclusive: Vec::new(), cooled: Vec::new() }
    }

    /// (job, agent) pairs.
    fn pairs(&self) -> Vec<(i64, usize)> {
        self.assign().into_iter().map(|made| (made.job.0, made.agent)).collect()
    }

    fn assign(&self) -> Vec<Assignment> {
        let cooled = |job: JobId, agent: usize| self.cooled.contains(&(job.0, agent));
        assign(&Snapshot {
            agents: &self.agents,
            ready: &self.ready,
            exclusive: &self.exclusive,
            cooled: &cooled,
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
    assert_eq!(Case::new(vec![cpu(2, 2), cpu(1, 0)], vec![short]).pairs(), [(1, 1)]);
}

#[test]
fn memory_is_counted_as_it_is_promised() {
    let big = |id| ReadyJob { memory_bytes: 5 * GIB, ..job(id) };
    let small = ReadyJob { memory_bytes: GIB, ..job(3) };
    assert_eq!(Case::new(vec![cpu(4, 0)], vec![big(1), big(2), small]).pairs(), [(1, 0), (3, 0)]);
}

#[test]
fn a_job_that_fits_nowhere_does_not_hold_up_the_others() {
    let huge = ReadyJob { memory_bytes: 100 * GIB, expected: Some(Duration::from_millis(1)), ..job(1) };
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
    let large = ReadyJob { memory_bytes: 6 * GIB, ..job(1) };
    assert_eq!(
        Case::new(vec![host], vec![large]).assign()[0].device,
        DeviceClass::Cpu,
        "no GPU here will ever hold it"
    );
}

#[test]
fn a_pair_that_was_refused_rests() {
    let case = Case { cooled: vec![(1, 0)], ..Case::new(vec![cpu(1, 0), cpu(1, 0)], jobs(2)) };
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
fn room_counts_what_could_be_queued() {
    assert_eq!(room(&[cpu(2, 0)]), 2 * (1 + MOST_AHEAD));
    assert_eq!(room(&[AgentView { exclusive: true, ..cpu(2, 1) }]), 0);
}
