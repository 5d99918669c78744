//! The vocabulary that coordinator, agent, runner and command line share: ids, states, the plan and what it expands to,
//! the job description a runner reads, the events it writes, and the gRPC messages.
//!
//! Nothing here does I/O beyond parsing text that it is given: no SQL, no libtorch, no sockets.

pub mod access;
pub mod bisect;
pub mod event;
pub mod halted;
pub mod hosts;
pub mod ids;
pub mod labels;
pub mod metrics;
pub mod notices;
pub mod plan;
pub mod pulse;
pub mod resources;
pub mod results;
pub mod size;
pub mod span;
pub mod spec;
pub mod states;
pub mod wire;
pub mod words;
