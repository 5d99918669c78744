//! The agents' side: sessions, leases, grants.
//!
//! Each session is a gRPC stream (`session`) whose messages go, with those of all others, to one loop (`service`). The loop
//! takes what has arrived, tells the [`Fleet`], records the reports of all agents with one command, decides about free
//! capacity with `schedule`, records the grants, and only then answers: acknowledgements and assignments always follow the
//! commit. `translate` turns wire messages into reports and grants into wire messages.

mod fleet;
mod grants;
mod greetings;
mod handle;
mod limits;
mod outbox;
mod patience;
mod queue;
mod service;
mod session;
#[cfg(feature = "simulation")]
mod stepping;
mod translate;
mod turn;

#[cfg(feature = "simulation")]
pub use fleet::SessionId;
#[cfg(feature = "simulation")]
pub use handle::Input;
pub use handle::{AgentNow, DispatchHandle};
#[cfg(feature = "simulation")]
pub use outbox::Line;
pub use service::Dispatcher;
pub use session::AgentService;
