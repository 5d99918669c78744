//! Telling people who are not looking: that a study is done, that one has failed, that a machine is gone.
//!
//! What happened is written down together with what is to be told of it, in one commit (`store::notices`: the outbox). From there
//! it goes out by a channel (`channels`), at least once, each time under the same id, so that whoever receives it twice can tell.

mod address;
pub mod channels;
mod compose;
pub mod courier;
mod heartbeat;
pub mod message;
pub mod pace;
pub mod post;
pub mod rules;
pub mod settings;
mod setup;
mod start;
pub mod words;

pub use courier::Courier;
pub use message::{Message, Mood, Table};
pub use rules::{On, Rules};
pub use settings::{Heartbeat, Hook, Security, Settings, Shape, Sms, Smtp};
pub use setup::{DISK_LOW, Desk, Setup};
pub(crate) use start::{arrive, start};
