//! The conversation with the coordinator.
//!
//! [`Session`] decides everything: what was said or happened goes in, what has to be done comes out, and no socket, disk,
//! process or clock is near. It is made of `state` (the attempts), `delivery` (the reports), `progress` (what is untold)
//! and `greeting` (the connection). `shell` is the one loop that carries the effects out; it outlives connections. `link`
//! makes connections when it is told to, and passes messages both ways; `wire` turns them into protobuf and back. `run`
//! keeps what belongs to each attempt beside its task: its stop signal and its log.

#[cfg(test)]
mod bench;
mod clock;
mod decide;
#[cfg(test)]
mod decide_tests;
mod delivery;
#[cfg(test)]
mod delivery_tests;
mod effect;
mod greeting;
mod link;
mod message;
mod progress;
mod run;
mod shell;
mod start;
mod state;
#[cfg(test)]
mod state_tests;
mod wire;

pub use clock::now;
#[cfg(feature = "simulation")]
pub use decide::{Session, Setup, Terms};
#[cfg(feature = "simulation")]
pub use effect::{Effect, Input};
pub use message::{Assign, HangAfter};
#[cfg(feature = "simulation")]
pub use message::{Inbound, Outbound};
pub use start::run_agent;
pub use state::{Outcome, Stop};
#[cfg(feature = "simulation")]
pub use wire::{inbound, outbound};
