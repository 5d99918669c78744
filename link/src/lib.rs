//! How agents and the command line reach a coordinator: its address, whom they trust, who they are, and the channel over
//! which they call it. With a fingerprint of its CA, a coordinator needs no name that resolves, and no certificate store knows it.
//!
//! A [`Link`] is made from an [`Address`] and a [`Trust`], and hands out [`Channel`]s. `connect` makes the connection (TCP, then
//! TLS by `tls`, whose verifier is `verify`), `watch` listens to what goes over it, and what goes wrong becomes a [`LinkError`] in
//! `error`: one that says what to do. An agent adds its [`Identity`], and may change it while connections are up. [`Bearer`] puts
//! a token into every call.

mod address;
mod bearer;
mod channel;
mod connect;
mod error;
#[cfg(test)]
mod fixtures;
mod identity;
#[cfg(test)]
mod tests;
mod tls;
mod trust;
mod verify;
mod watch;

pub use address::{Address, DEFAULT_PORT, NoAddress};
pub use bearer::Bearer;
pub use channel::{Channel, Link, Times};
pub use error::{LinkError, cause, words};
pub use identity::{BadIdentity, Identity};
pub use trust::{BadCa, Trust, fingerprint_of};
