//! Agents in Slurm's hands: each is one job of Slurm's, an *allocation*, and Slurm decides when and where it runs.
//!
//! `spec` reads what is asked for (`limit`: times as Slurm writes them; `size`: how many are missing), `script` makes the batch script of it; both are pure. The script
//! (`before.sh`, `after.sh`) keeps its agent in a folder of the allocation's own, so that an allocation that Slurm puts back into its queue comes
//! back as the same agent, turns Slurm's signal before the time limit into a drain, and then asks for the next turn.
//!
//! `login` runs Slurm's commands, `queue` reads what Slurm has, `submit` hands scripts over and knows what refusals mean,
//! `folder` is what all nodes share. There is no record of what was launched but Slurm's own queue: so `launch` may be repeated, and
//! `follow`, which repeats it, may be killed at any time.

mod ask;
mod fleet;
mod folder;
mod follow;
mod launch;
mod limit;
mod login;
mod queue;
mod script;
mod size;
mod spec;
mod status;
mod submit;

pub use ask::{logs, stop, upgrade};
pub use launch::{How, launch};
pub use status::status;
