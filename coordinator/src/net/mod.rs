//! From sockets to requests: one port for everything.
//!
//! Each connection is bounded in what it may cost before anybody has proved who they are: how many there are, how long a handshake and a
//! head may take, how long they may stay unproven. With TLS a client that speaks none is told so. What a connection knows of its other end
//! ([`Peer`]) goes along with each of its requests.

mod connection;
mod crowd;
mod listen;
mod peer;

pub use listen::{Door, Terms, serve};
pub use peer::Peer;
