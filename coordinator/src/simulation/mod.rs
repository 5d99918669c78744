//! The door through which tests/simulation drives a coordinator: the real dispatcher, the real writer and the real database,
//! but step by step and in one thread. Nothing here waits for time, draws a number by itself or listens on a port: the test
//! is the network, the clock ([`crate::Clock`]) and the luck ([`crate::Luck`]), and says before or after which commit the
//! process dies.

mod blobs;
mod calls;
mod drive;
mod site;
pub mod witness;

pub use blobs::Blobs;
pub use calls::{Call, Reply};
pub use drive::{Crash, Crashed};
pub use site::{Said, Site};

pub use crate::planted::{Bug, plant};
pub use crate::transition::edges;
