//! Bringing agents up on other machines, and looking after those that were brought up.
//!
//! `commands/agents/{launch,status,logs,stop,upgrade}` hold arguments and output; here is how it is done. `ssh` reaches the hosts
//! of a file through the system's OpenSSH. What every way of reaching machines needs lies here, once: `selection` (what is meant),
//! `invitation` (the coordinator as others reach it, and a token to join it with).

pub mod invitation;
pub mod selection;
pub mod ssh;
