//! The agent: the process on a machine with GPUs (or only a CPU) that runs jobs for a coordinator.

mod agent;
mod options;
mod process;

pub use agent::{Agent, AgentError};
pub use options::{Options, RUNNER, Shutdown, find_runner};
