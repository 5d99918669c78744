//! The agent: the process on a machine with GPUs (or only a CPU) that runs jobs for a coordinator.
//!
//! An [`Agent`] lives on one thread. There, `session` holds the conversation with the coordinator in one loop, and each
//! attempt is a task (`attempt`) that fetches its inputs (`transfer`, `cache`), asks for memory (`devices`, which reads the machine through `probe` and
//! obeys its owner's `rules`), runs a process
//! (`process`) and reports how it went through the `spool`, which no crash and no outage makes forget. `slots` says what
//! may run at once.
//!
//! Which coordinator it works for, and how it proves who it is, `enrol` settles before the first session begins.
//!
//! The agent never opens the database, never links libtorch, and never interprets a model: it moves files and processes.

mod agent;
mod attempt;
mod cache;
mod devices;
mod enrol;
mod identity;
mod luck;
mod options;
mod probe;
mod process;
mod report;
mod rules;
mod session;
#[cfg(feature = "simulation")]
pub mod simulation;
mod slots;
mod space;
mod spool;
mod transfer;
mod weights;

pub use agent::{Agent, AgentError};
pub use enrol::joined_address;
pub use options::{Options, RUNNER, Shutdown, find_runner};
pub use rules::{RulesError, parse as parse_rules};
