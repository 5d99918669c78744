//! The coordinator: it turns plans into jobs, keeps them in SQLite, hands them to agents, and remembers what came out.
//!
//! A connection comes in through `net`, and passes `access` (who is it, may they). A request walks through these folders: `api` (gRPC from users) → `submit` (plan to rows) → `store` (the only code that
//! speaks SQL; one writer) → `schedule` (a pure decision) → `dispatch` (agents' sessions and leases) → `store` again, by way
//! of `transition` (what may follow what) → `results`. Blobs and logs go past all this, straight to disk (`artifacts`, `logs`).
//!
//! People with a browser come in by `web`, everybody by the one port of `net` and past `access`.
//!
//! Nothing here links libtorch, starts a runner, or reads a GPU: the coordinator believes what agents report.

mod access;
mod api;
mod app;
mod artifacts;
mod board;
pub mod bucket;
pub mod charts;
mod clock;
mod dispatch;
mod explain;
mod home;
mod logs;
mod luck;
pub mod memory;
mod net;
pub mod notices;
mod options;
mod planted;
pub mod predict;
mod results;
mod retention;
mod schedule;
mod service;
mod share;
#[cfg(feature = "simulation")]
pub mod simulation;
mod store;
mod submit;
mod tidy;
mod tls;
mod transition;
pub mod views;
pub mod web;

pub use access::{RPCS, Who};
pub use artifacts::{ArtifactsIn, PlaceError};
pub use clock::{Clock, ManualClock, SystemClock};
pub use home::{Endpoint, Home, HomeError};
pub use luck::{Luck, SystemLuck};
pub use options::{Backoff, DEFAULT_PORT, Options, SHORTEST_LEASE, Tls};
pub use retention::Retention;
pub use service::{Coordinator, Running, StartError};
pub use store::upkeep;
pub use web::{ROUTES, Route, Who as PageWho};
