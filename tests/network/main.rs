//! Real networks: a coordinator and two agents on hosts of their own (network namespaces), joined by a cable that can be cut, be
//! slow, lose packets, or carry them in one direction only. Real processes, real TCP, real SQLite.
//!
//! Making hosts takes root. Each story says whether it ran or was skipped; where CI runs as root a skip is a failure. Stories wait
//! for what processes say and for packets, never for a time; the only durations are how long the coordinator's lease lasts.

mod cable;
mod clocks;
mod cuts;
mod fleet;
mod half_open;
mod host;
mod lines;
mod needs;
mod process;
mod readme;
mod revoked;
mod runners;
mod sshd;
mod stops;
mod uploads;
mod weather;
mod world;
