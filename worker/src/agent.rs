//! The agent as a whole: a lock, a thread, and how to stop it.

use std::fs::File;
use std::path::PathBuf;

use jiff::Timestamp;
use sweep_link::LinkError;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use crate::identity;
use crate::options::{Options, Shutdown};
use crate::rules::RulesError;
use crate::session::run_agent;

/// Why an agent cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error("cannot use the agent's folder {}: {source}", path.display())]
    Home { path: PathBuf, source: std::io::Error },
    #[error("another agent is using {}", path.display())]
    Locked { path: PathBuf },
    #[error("{0:?} is not an address of a coordinator (examples: https://desk:7433, http://127.0.0.1:7433)")]
    Address(String),
    /// The coordinator will not have this agent: wrong token, other protocol version, a second live agent.
    #[error("the coordinator refused this agent: {0}")]
    Refused(String),
    /// Nothing says who this agent is to that coordinator.
    #[error("this agent has not joined the coordinator at {0}, and no join token was given")]
    NotJoined(String),
    /// The join token bought nothing.
    #[error("this agent cannot join the coordinator: {0}")]
    NotJoining(String),
    /// It was away for too long to renew its certificate.
    #[error("this agent's certificate expired at {0}, and by this machine's clock that is over")]
    Expired(Timestamp),
    /// The coordinator had this agent, and does not want it any more. Its runners are gone.
    #[error("the coordinator does not let this agent in any more: {0}")]
    Expelled(String),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Rules(#[from] RulesError),
    #[error("the agent's thread ended unexpectedly")]
    Crashed,
}

/// One agent, ready to run.
pub struct Agent {
    options: Options,
    lock: File,
}

impl Agent {
    /// Makes the agent's folder where it is missing, and takes its lock.
    pub fn new(options: Options) -> Result<Self, AgentError> {
        let lock = identity::lock(&options.home, options.scratch.as_deref())?;
        Ok(Self { options, lock })
    }

    /// Runs jobs until shut down (`Ok`) or refused. An unreachable coordinator is no error: the agent keeps trying.
    ///
    /// The agent lives on a thread of its own, whatever runtime this is called from: its runners die with the thread
    /// that spawned them. Dropping the future kills runners and ends the thread.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), AgentError> {
        let (ended, end) = oneshot::channel();
        let dropped = KillOnDrop(shutdown.clone());
        let Self { options, lock } = self;
        let home = options.home.clone();
        let main = move || {
            let end = run_on_this_thread(options, shutdown);
            // Said in so many words: closing the file would leave the lock to any process that is just being forked.
            if let Err(error) = lock.unlock() {
                tracing::warn!(%error, "cannot give back the lock of the agent's folder");
            }
            // The caller may have stopped waiting.
            let _ = ended.send(end);
        };
        let thread = std::thread::Builder::new().name("sweep-agent".to_owned()).spawn(main);
        let thread = thread.map_err(|source| AgentError::Home { path: home, source })?;
        let end = end.await.unwrap_or(Err(AgentError::Crashed));
        // It has said its last word: this takes no time, and afterwards the lock is free.
        let _panicked = thread.join();
        std::mem::forget(dropped);
        end
    }
}

/// Stops an agent whose caller has gone.
struct KillOnDrop(Shutdown);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.kill();
    }
}

fn run_on_this_thread(options: Options, shutdown: Shutdown) -> Result<(), AgentError> {
    let home = options.home.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| AgentError::Home { path: home, source })?;
    let local = LocalSet::new();
    let end = local.block_on(&runtime, run_agent(options, shutdown));
    // Attempts that still run are dropped here, which kills their groups.
    drop(local);
    runtime.shutdown_background();
    end
}
