//! Agents that join, over real TLS: a coordinator and agents in this process, each in a folder of its own.
//!
//! Nothing waits for a time: the coordinator's audit log is listened to, and agents' ends are awaited.

mod crash;
mod refused;
mod renew;
mod revoke;
mod site;
