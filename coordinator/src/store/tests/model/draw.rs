//! Random histories. What an operation is about is drawn as a number and means one of what there is by then, so that parts
//! of a history still mean something when proptest leaves others out.

use proptest::prelude::*;

/// Keys that plans can have, with the keys that each reads.
pub const KEYS: [&[usize]; 8] = [&[], &[], &[0], &[0, 1], &[2], &[3, 4], &[], &[6]];
pub const AGENTS: usize = 3;
/// What each agent's device has of memory: where a job that ran out of it can go.
pub const MEMORY: [u64; AGENTS] = [8, 16, 16];

/// Into how many parts the batches of a key's job can be split.
pub fn most_parts(key: usize) -> u32 {
    if key.is_multiple_of(2) { 2 } else { 1 }
}

/// A plan: some of the keys, with all that they read.
#[derive(Debug, Clone)]
pub struct Plan {
    pub keys: [bool; KEYS.len()],
    pub retries: u32,
    pub most_losses: u32,
    /// Whether its jobs have `max_hours`.
    pub limited: bool,
    pub priority: i32,
    /// Of the jobs with odd keys.
    pub own_priority: i32,
    /// A budget of CPU time, in seconds.
    pub budget_s: Option<u32>,
    pub reuse: bool,
}

/// One of the sweeps, or one of the jobs; a number too large means one that does not exist.
#[derive(Debug, Clone, Copy)]
pub enum Aim {
    Sweep(usize),
    Job(usize),
}

/// What an agent says of one of the attempts that were ever granted.
#[derive(Debug, Clone, Copy)]
pub enum Say {
    Accepted,
    Refused,
    Epoch(u32),
    Checkpoint(u32, u64),
    Finishing,
    /// With files that depend on the number.
    Success(u8),
    Failure(&'static str),
    Interrupted,
    Cancelled,
}

/// A report's number in the spool, against the one that is due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Seq {
    Due,
    Again,
    Gap,
}

/// What the agent knows when it says hello.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Heard {
    Nothing,
    /// This generation, and all that is recorded.
    All,
    /// More than is recorded.
    More,
    /// It has an attempt of this generation that was never granted.
    Forged,
}

#[derive(Debug, Clone)]
pub enum Op {
    Submit(Plan),
    Amend(usize, Plan),
    Grant {
        jobs: Vec<usize>,
        agent: usize,
        steal: bool,
    },
    Reports {
        reports: Vec<(usize, Say)>,
        spool: Option<(usize, Seq)>,
    },
    /// It went on from one of the job's checkpoints.
    Resumed(usize, usize),
    Hello {
        agent: usize,
        here: u8,
        anew: bool,
        other_spool: bool,
        heard: Heard,
    },
    Goodbye(usize),
    Pause(Aim),
    Resume(Aim),
    Cancel(Aim),
    Retry(Aim),
    Priority(Aim, i32),
    Drain(usize),
    Expire(usize),
    Release(usize),
    Overspend(u32),
    NewGeneration,
    Pass(u32),
    /// Somebody sets the wall clock.
    SetClock(i32),
}

pub fn ops() -> impl Strategy<Value = Vec<Op>> {
    let opening = (plan(), proptest::collection::vec(op(), 1..100));
    opening.prop_map(|(plan, rest)| {
        let here = (0..AGENTS - 1).map(|agent| {
            let (anew, other_spool, heard) = (false, false, Heard::Nothing);
            Op::Hello { agent, here: 0, anew, other_spool, heard }
        });
        here.chain([Op::Submit(plan)]).chain(rest).collect()
    })
}

fn op() -> impl Strategy<Value = Op> {
    let many = 0..64usize;
    prop_oneof![
        2 => plan().prop_map(Op::Submit),
        3 => (0..4usize, plan()).prop_map(|(sweep, plan)| Op::Amend(sweep, plan)),
        24 => (proptest::collection::vec(many.clone(), 1..5), 0..AGENTS, any::<bool>())
            .prop_map(|(jobs, agent, steal)| Op::Grant { jobs, agent, steal }),
        36 => (proptest::collection::vec((many.clone(), say()), 1..4), spool())
            .prop_map(|(reports, spool)| Op::Reports { reports, spool }),
        3 => (many.clone(), 0..2usize).prop_map(|(who, from)| Op::Resumed(who, from)),
        6 => (0..AGENTS, any::<u8>(), prop::bool::weighted(0.2), prop::bool::weighted(0.2), heard())
            .prop_map(|(agent, here, anew, other_spool, heard)| Op::Hello { agent, here, anew, other_spool, heard }),
        2 => (0..AGENTS).prop_map(Op::Goodbye),
        6 => aim().prop_map(Op::Pause),
        6 => aim().prop_map(Op::Resume),
        5 => aim().prop_map(Op::Cancel),
        6 => aim().prop_map(Op::Retry),
        3 => (aim(), -3..4i32).prop_map(|(aim, priority)| Op::Priority(aim, priority)),
        2 => (0..=AGENTS).prop_map(Op::Drain),
        3 => many.clone().prop_map(Op::Expire),
        3 => many.prop_map(Op::Release),
        3 => (0..20u32).prop_map(Op::Overspend),
        1 => Just(Op::NewGeneration),
        4 => (1..10_000u32).prop_map(Op::Pass),
        1 => (-20_000..20_000i32).prop_map(Op::SetClock),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let policy = (0..3u32, 0..3u32, any::<bool>(), -1..2i32, -1..2i32);
    let rest = (proptest::option::weighted(0.3, 1..15u32), any::<bool>());
    (keys(), 0..KEYS.len(), policy, rest).prop_map(|(mut keys, one, policy, (budget_s, reuse))| {
        keys[one] = true;
        for at in (0..keys.len()).rev().filter(|at| keys[*at]).collect::<Vec<_>>() {
            close(&mut keys, at);
        }
        let (retries, most_losses, limited, priority, own_priority) = policy;
        Plan { keys, retries, most_losses, limited, priority, own_priority, budget_s, reuse }
    })
}

/// Small plans more often: they come to an end.
fn keys() -> impl Strategy<Value = [bool; KEYS.len()]> {
    prop_oneof![3 => Just([false; KEYS.len()]), 2 => any::<[bool; KEYS.len()]>()]
}

/// With all that the key reads, directly or through others.
fn close(keys: &mut [bool], at: usize) {
    keys[at] = true;
    for &source in KEYS[at] {
        close(keys, source);
    }
}

fn say() -> impl Strategy<Value = Say> {
    prop_oneof![
        3 => Just(Say::Accepted),
        1 => Just(Say::Refused),
        1 => (1..5u32).prop_map(Say::Epoch),
        3 => (0..5u32, prop_oneof![Just(0u64), Just(7)]).prop_map(|(epoch, step)| Say::Checkpoint(epoch, step)),
        2 => Just(Say::Finishing),
        12 => (0..2u8).prop_map(Say::Success),
        4 => prop_oneof![Just("internal"), Just("out_of_memory"), Just("out_of_memory"), Just("bad_input")]
            .prop_map(Say::Failure),
        2 => Just(Say::Interrupted),
        1 => Just(Say::Cancelled),
    ]
}

fn spool() -> impl Strategy<Value = Option<(usize, Seq)>> {
    let seq = prop_oneof![6 => Just(Seq::Due), 1 => Just(Seq::Again), 1 => Just(Seq::Gap)];
    proptest::option::of((0..AGENTS, seq))
}

fn heard() -> impl Strategy<Value = Heard> {
    prop_oneof![3 => Just(Heard::Nothing), 4 => Just(Heard::All), 1 => Just(Heard::More), 1 => Just(Heard::Forged)]
}

fn aim() -> impl Strategy<Value = Aim> {
    prop_oneof![1 => (0..4usize).prop_map(Aim::Sweep), 3 => (0..40usize).prop_map(Aim::Job)]
}
