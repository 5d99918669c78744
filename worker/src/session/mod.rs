//! The conversation with the coordinator.
//!
//! [`State`] decides: what was said or happened goes in, actions come out, and no socket or process is near. `shell` is
//! the one loop that carries the actions out; it outlives connections. `link` connects, again and again, and passes
//! messages both ways; `wire` turns them into protobuf and back. `run` keeps what belongs to each attempt beside its
//! task: its stop signal, its progress, its log.

mod link;
mod message;
mod run;
mod shell;
mod start;
mod state;
#[cfg(test)]
mod state_tests;
mod wire;

pub use message::Assign;
pub use start::run_agent;
pub use state::{Outcome, Stop};
