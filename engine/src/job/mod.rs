//! One attempt at a job, as its stage sees it.
//!
//! [`Job`] is opened on the attempt folder: it reads `job.json`, finds the newest whole checkpoint, and then is what stages
//! work with: the data set, the inputs, the events for the agent ([`Events`]), the request to stop ([`Stop`]), checkpoints,
//! and the points published so far. Points travel inside checkpoints, so an attempt that continues elsewhere ends with all of
//! them, whoever made them.

mod context;
mod energy;
mod events;
mod exhausted;
mod input;
pub mod memory;
mod points;
mod prepared;
mod seeds;
mod stop;

pub use context::Job;
pub use energy::{Energy, Meter, Reading};
pub use events::Events;
pub use exhausted::LastWords;
pub use input::model as load_model;
pub use points::{Points, PublishedPoint};
pub use prepared::PreparedData;
pub use seeds::derive;
pub use stop::Stop;
