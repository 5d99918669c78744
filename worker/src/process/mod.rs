//! Runners as processes.
//!
//! A runner is started by [`Spawner`], leads a process group of its own and dies with the agent (`PR_SET_PDEATHSIG`).
//! That signal follows the *thread* that spawned, which is why the agent lives on one permanent thread and the spawner
//! cannot leave it. [`Child`] waits through a pidfd, so no signal handler and no `waitpid(-1)` disturbs the program
//! around the agent. A runner is over when its whole group is: what it left behind is killed before its slot is free. Where the
//! kernel lets the agent make control groups ([`cgroup`]), nothing that a runner starts can escape that.
//!
//! Which processes an attempt has, wherever they went, [`Members`] says. What a previous agent left behind (grandchildren survive its death) is found by its environment and killed at the
//! next start: [`leftovers`].

mod cgroup;
mod child;
pub mod leftovers;
mod members;
mod procfs;
mod spawn;
#[cfg(test)]
mod tests;

pub use cgroup::{Cgroups, sweep as sweep_cgroups};
#[cfg(test)]
pub use child::group_lives;
pub use child::{Child, Ended, Exit, own_peak_bytes};
pub use members::Members;
pub use procfs::{oom_kills, processes, resident_bytes, resident_together};
pub use spawn::{Command, SpawnError, Spawner};
