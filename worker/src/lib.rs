//! The agent: the process on a machine with GPUs (or only a CPU) that runs jobs for a coordinator.

mod agent;
mod identity;
mod options;
mod process;
mod report;
mod spool;

pub use agent::{Agent, AgentError};
pub use options::{Options, RUNNER, Shutdown, find_runner};
