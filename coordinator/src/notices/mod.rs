//! Telling people who are not looking: that a study is done, that one has failed, that a machine is gone.
//!
//! What happened is written down together with what is to be told of it, in one commit (`store::notices`: the outbox). From there
//! it goes out by a channel (`channels`), at least once, each time under the same id, so that whoever receives it twice can tell.

pub mod channels;
pub mod message;
pub mod settings;

pub use message::{Message, Mood, Table};
pub use settings::{Hook, Security, Settings, Shape, Sms, Smtp};
