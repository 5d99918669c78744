//! How others talk to the dispatcher's loop.

use std::sync::Arc;
use std::time::Duration;

use sweep_shared::ids::{JobId, SweepId};
use sweep_shared::labels::Spot;
use sweep_shared::resources::Device;
use sweep_shared::wire::v1;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

use super::fleet::SessionId;
use super::outbox;
use crate::explain::{Explanation, FleetFacts, explain};
use crate::store::{Store, read};

/// What comes to the loop.
pub enum Input {
    Hello {
        session: SessionId,
        hello: v1::Hello,
        line: outbox::Line,
    },
    Message {
        session: SessionId,
        message: v1::AgentMessage,
    },
    Closed {
        session: SessionId,
    },
    /// Hand out the jobs of this sweep, too.
    Serve {
        sweep: SweepId,
    },
    /// Look at the clock.
    Poke,
}

/// What the loop answers even while it waits for the disk.
pub enum Question {
    Agents {
        reply: oneshot::Sender<Vec<AgentNow>>,
    },
    /// What is there to say about this job.
    Facts {
        job: JobId,
        /// Whose it is.
        sweep: SweepId,
        reply: oneshot::Sender<FleetFacts>,
    },
}

/// An agent as the dispatcher sees it now.
#[derive(Debug, Clone)]
pub struct AgentNow {
    pub id: String,
    pub connected: bool,
    pub devices: Vec<Device>,
    /// Of its devices, one by one.
    pub spots: Vec<Arc<Spot>>,
    pub running: u32,
    pub heard_ago: Duration,
}

/// What users ask, as the loop takes it.
pub(super) struct Questions {
    /// It is answered once its turn is over, or while that waits.
    pub(super) taken: Option<Question>,
    pub(super) asked: mpsc::Receiver<Question>,
}

impl Questions {
    /// Waits for a question, and takes it for this turn. `false`: nobody is left to ask.
    pub(super) async fn take(&mut self) -> bool {
        self.taken = self.asked.recv().await;
        self.taken.is_some()
    }

    /// The one that was taken, else the next. `None`: nobody is left to ask.
    pub(super) async fn next(&mut self) -> Option<Question> {
        match self.taken.take() {
            Some(question) => Some(question),
            None => self.asked.recv().await,
        }
    }
}

/// How long a question may wait for the loop.
const ANSWER: Duration = Duration::from_secs(3);

/// For those who talk to the loop; cheap to clone.
#[derive(Clone)]
pub struct DispatchHandle {
    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) questions: mpsc::Sender<Question>,
}

impl DispatchHandle {
    pub async fn send(&self, input: Input) -> Result<(), Status> {
        self.inputs.send(input).await.map_err(|_| Status::unavailable("the coordinator is stopping"))
    }

    pub async fn agents(&self) -> Result<Vec<AgentNow>, Status> {
        self.ask(|reply| Question::Agents { reply }).await
    }

    /// Why the job is where it is, and what happens next.
    pub async fn explain(&self, store: &Store, job: JobId) -> Result<Explanation, Status> {
        let facts = read::job_facts(store, job).await?;
        let sweep = facts.sweep.id;
        let fleet = self.ask(|reply| Question::Facts { job, sweep, reply }).await?;
        Ok(explain(&facts, &fleet))
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Question) -> Result<T, Status> {
        let (reply, answer) = oneshot::channel();
        let stopping = || Status::unavailable("the coordinator is stopping");
        let ask = async {
            self.questions.send(question(reply)).await.map_err(|_| stopping())?;
            answer.await.map_err(|_| stopping())
        };
        let busy = |_| Status::unavailable("the coordinator waits for its disk; is SWEEP_HOME full?");
        tokio::time::timeout(ANSWER, ask).await.map_err(busy)?
    }

    /// An input without waiting for room: the simulation never fills the inbox.
    #[cfg(feature = "simulation")]
    pub(crate) fn post(&self, input: Input) {
        assert!(self.inputs.try_send(input).is_ok(), "the dispatcher takes its inputs before the inbox is full");
    }

    /// Hands out this sweep's jobs, too, where only some sweeps are served.
    pub async fn serve(&self, sweep: SweepId) {
        // A loop that is gone hands out nothing.
        let _ = self.inputs.send(Input::Serve { sweep }).await;
    }

    /// Makes the loop look at its clock, which it otherwise does each second.
    pub async fn poke(&self) {
        // One that is gone has no clock to look at.
        let _ = self.inputs.send(Input::Poke).await;
    }
}
