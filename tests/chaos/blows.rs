//! What is done to a sweep, and when: drawn from the seed before anything runs. Pure.

use std::fmt;
use std::time::Duration;

use crate::dice::Dice;

pub const AGENTS: usize = 2;

/// Who is hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    Coordinator,
    Agent(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// SIGKILL, and started again at once.
    Kill(Process),
    /// SIGKILL to the coordinator and an agent, started again in this order or the other.
    KillBoth { agent: usize, agent_first: bool },
    /// SIGKILL to everything that there is.
    KillAll,
    /// SIGKILL to one attempt's process; `which` of those that run.
    KillRunner { which: u64 },
    /// SIGSTOP, and SIGCONT after a time: a machine that sleeps, a cable that is out.
    Freeze(Process, Duration),
    /// SIGTERM, and started again once it is gone.
    Restart(Process),
}

/// A blow and its moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// So many things must have happened, in the eyes of someone who watches the sweep, since the blow before.
    pub after: u64,
    /// And so much time have gone by since: the window between the report of an epoch, its checkpoint, its upload, its commit.
    pub then: Duration,
    pub blow: Blow,
}

/// The kinds of blows, as they are counted.
pub const KINDS: [&str; 7] =
    ["coordinator", "agent", "coordinator and agent", "everything", "runner", "freeze", "restart"];

impl Blow {
    pub fn kind(self) -> &'static str {
        match self {
            Self::Kill(Process::Coordinator) => KINDS[0],
            Self::Kill(Process::Agent(_)) => KINDS[1],
            Self::KillBoth { .. } => KINDS[2],
            Self::KillAll => KINDS[3],
            Self::KillRunner { .. } => KINDS[4],
            Self::Freeze(..) => KINDS[5],
            Self::Restart(_) => KINDS[6],
        }
    }

    /// Whether the coordinator is interrupted by it.
    pub fn meets_coordinator(self) -> bool {
        match self {
            Self::Kill(process) | Self::Freeze(process, _) | Self::Restart(process) => process == Process::Coordinator,
            Self::KillBoth { .. } | Self::KillAll => true,
            Self::KillRunner { .. } => false,
        }
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {} more lines and {:?}: {:?}", self.after, self.then, self.blow)
    }
}

/// The blows of a round. `lines`: how many things happen in an undisturbed run. `lease`: frozen for longer, an agent's jobs may be
/// given to the other.
pub fn planned(seed: u64, lines: u64, lease: Duration) -> Vec<Planned> {
    let mut dice = Dice::new(seed);
    let count = dice.between(2, 5);
    // On average the last blow falls near the end.
    let gap = 2 * lines / (count + 1);
    let mut blows = Vec::new();
    for n in 0..count {
        // Some fall while the one before is still being recovered from.
        let hard_upon = n > 0 && dice.below(4) == 0;
        let after = if hard_upon { 0 } else { dice.between(1, gap.max(1)) };
        let then = Duration::from_millis(dice.below(400));
        blows.push(Planned { after, then, blow: blow(&mut dice, lease) });
    }
    blows
}

fn blow(dice: &mut Dice, lease: Duration) -> Blow {
    let agent = dice.below(AGENTS as u64) as usize;
    let process = dice.pick(&[Process::Coordinator, Process::Agent(agent)]);
    match dice.below(100) {
        0..26 => Blow::Kill(Process::Coordinator),
        26..52 => Blow::Kill(Process::Agent(agent)),
        52..62 => Blow::KillBoth { agent, agent_first: dice.below(2) == 0 },
        62..68 => Blow::KillAll,
        68..84 => Blow::KillRunner { which: dice.below(1 << 32) },
        84..88 => Blow::Freeze(process, Duration::from_millis(dice.between(100, 900))),
        88..93 => Blow::Freeze(process, lease + Duration::from_millis(dice.between(500, 1500))),
        _ => Blow::Restart(process),
    }
}

#[test]
fn a_seed_determines_its_blows_and_few_seeds_have_all_kinds() {
    let lease = Duration::from_secs(5);
    let of = |seed| planned(seed, 30, lease);
    assert_eq!(of(7), of(7));
    assert_ne!(of(7), of(8));
    for kind in KINDS {
        assert!((1..=20).flat_map(of).any(|planned| planned.blow.kind() == kind), "no {kind} in 20 rounds");
    }
    let frozen = |blow| matches!(blow, Blow::Freeze(Process::Agent(_), time) if time > lease);
    assert!((1..=20).flat_map(of).any(|planned| frozen(planned.blow)), "no agent is frozen beyond its lease");
}
