//! What the writer carries out.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use sqlx::SqliteConnection;
use sweep_shared::ids::{JobId, SweepId, Token};
use tokio::sync::oneshot;

use super::StoreError;
use super::audit::Event;

/// One change of the database, whole or not at all.
pub trait Command: Send + 'static {
    type Reply: Send + 'static;

    /// Runs inside the writer's transaction. An error undoes this command and no other.
    fn apply(self, tx: &mut Tx<'_>) -> impl Future<Output = Result<Self::Reply, StoreError>> + Send;
}

/// The writer's transaction, as a command sees it.
pub struct Tx<'a> {
    pub conn: &'a mut SqliteConnection,
    /// The time that all rows of this commit bear.
    pub now_ms: i64,
    /// What this command changed, published after the commit.
    pub changes: Changes,
    /// For the audit log, written with the commit.
    pub(super) events: Vec<Event>,
}

/// What a commit changed, for those who watch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    pub jobs: Vec<(SweepId, JobId)>,
    pub sweeps: BTreeSet<SweepId>,
    /// Jobs may have become ready.
    pub ready: bool,
    /// These ended by a user's wish, or by their limits; their runners must be killed.
    pub cancelled: Vec<JobId>,
    /// The live attempts of these must stop with a checkpoint, and why.
    pub interrupted: Vec<(JobId, String)>,
    /// The live attempts of these need not stop any more.
    pub resumed: Vec<JobId>,
    /// The new priorities of jobs that may have a live attempt.
    pub priorities: Vec<(JobId, i64)>,
    /// Users want these agents to leave.
    pub drained: Vec<String>,
    /// Jobs whose points can now be seen.
    pub published: Vec<JobId>,
    /// These agents were shut out, and these attempts of theirs freed.
    pub expelled: Vec<(String, Vec<Token>)>,
    /// Who may come in has changed.
    pub access: bool,
    /// There is something to be told to people, or something became of it.
    pub notices: bool,
    /// How many rows the audit log gained.
    pub events: usize,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn absorb(&mut self, other: Self) {
        self.jobs.extend(other.jobs);
        self.sweeps.extend(other.sweeps);
        self.ready |= other.ready;
        self.cancelled.extend(other.cancelled);
        // The last word counts.
        self.interrupted.retain(|(job, _)| !other.resumed.contains(job));
        self.resumed.retain(|job| !other.interrupted.iter().any(|(stopped, _)| stopped == job));
        self.interrupted.extend(other.interrupted);
        self.resumed.extend(other.resumed);
        self.priorities.extend(other.priorities);
        self.drained.extend(other.drained);
        self.published.extend(other.published);
        self.expelled.extend(other.expelled);
        self.access |= other.access;
        self.notices |= other.notices;
        self.events += other.events;
    }
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A command on its way through the writer, its type forgotten.
pub(super) trait Queued: Send {
    /// Carries it out and keeps the reply. `false`: it must be undone.
    fn apply<'a>(&'a mut self, tx: &'a mut Tx<'_>) -> BoxFuture<'a, bool>;

    /// What kept it from being carried out, where the whole commit fails by it.
    fn spoils(&self) -> Option<StoreError>;

    /// Tells the caller, after the commit or its failure.
    fn settle(self: Box<Self>, commit: Result<(), StoreError>);
}

pub(super) struct Envelope<C: Command> {
    command: Option<C>,
    outcome: Option<Result<C::Reply, StoreError>>,
    reply: oneshot::Sender<Result<C::Reply, StoreError>>,
}

impl<C: Command> Envelope<C> {
    pub fn new(command: C) -> (Box<Self>, oneshot::Receiver<Result<C::Reply, StoreError>>) {
        let (reply, receiver) = oneshot::channel();
        (Box::new(Self { command: Some(command), outcome: None, reply }), receiver)
    }
}

impl<C: Command> Queued for Envelope<C> {
    fn apply<'a>(&'a mut self, tx: &'a mut Tx<'_>) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let Some(command) = self.command.take() else { return false };
            let outcome = command.apply(tx).await;
            let done = outcome.is_ok();
            self.outcome = Some(outcome);
            done
        })
    }

    fn spoils(&self) -> Option<StoreError> {
        let error = self.outcome.as_ref()?.as_ref().err()?;
        error.is_of_files().then(|| error.clone())
    }

    fn settle(self: Box<Self>, commit: Result<(), StoreError>) {
        let Self { outcome, reply, .. } = *self;
        let answer = match (commit, outcome) {
            (Ok(()), Some(outcome)) => outcome,
            // The writer knows better than the statement why the files failed.
            (Err(error), Some(Err(own))) if own.is_of_files() => Err(error),
            // A refusal is told as such even when the others' commit failed.
            (Err(_), Some(Err(own))) => Err(own),
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(StoreError::Stopping),
        };
        // The caller may have gone away; the change stands all the same.
        let _ = reply.send(answer);
    }
}
