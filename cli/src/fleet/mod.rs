//! Bringing agents up on other machines, and looking after those that were brought up.
//!
//! `commands/agents/{launch,status,logs,stop,upgrade}` hold arguments and output; here is how it is done. `ssh` reaches the hosts
//! of a file through the system's OpenSSH, `slurm` has a cluster's scheduler start them. What every way of reaching machines needs
//! lies here, once: `selection` (what is meant), `invitation` (the coordinator as others reach it, and a token to join it with),
//! `reachable` (whether they would), `quote` (words of a shell). `keep` runs on those machines: it looks after the agent where
//! no systemd does.

pub mod invitation;
pub mod keep;
pub mod quote;
pub mod reachable;
pub mod selection;
pub mod slurm;
pub mod ssh;
