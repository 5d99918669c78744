//! A coordinator's process.

use std::collections::BTreeMap;
use std::pin::pin;

use sweep_shared::wire::v1;
use sweep_shared::wire::v1::agent_message::Body;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::calls::perform;
use super::drive::{Countdown, drive};
use super::{Blobs, Call, Crash, Crashed, Reply};
use crate::api::Api;
use crate::artifacts::{Artifacts, collect_older};
use crate::dispatch::{Dispatcher, Input, Line, SessionId};
use crate::home::{Home, HomeLock};
use crate::options::Options;
use crate::service::{StartError, assemble};
use crate::store::{Batch, Store, Writer};

/// A coordinator between two steps.
pub struct Site {
    _lock: HomeLock,
    store: Store,
    writer: Writer,
    dispatcher: Dispatcher,
    api: Api,
    lines: BTreeMap<u64, mpsc::UnboundedReceiver<Result<v1::CoordinatorMessage, Status>>>,
    next_session: u64,
    commits: u64,
}

/// What the coordinator said to one session.
#[derive(Debug)]
pub struct Said {
    pub session: u64,
    pub messages: Vec<v1::CoordinatorMessage>,
    /// The coordinator ended the session after these.
    pub closed: bool,
}

impl Site {
    /// Starts on a home: what [`crate::Coordinator::start`] does, less the port and what works in the background.
    ///
    /// # Errors
    /// Those of a start.
    pub async fn open(options: &Options) -> Result<Self, StartError> {
        let lock = Home::new(&options.home).lock()?;
        let (store, mut writer) =
            Store::assemble(&lock.home().database(), options.clock.clone(), &*options.luck).await?;
        let mut countdown = Countdown::new(Crash::Never);
        let stop = CancellationToken::new();
        let begun = assemble(options, Artifacts::new(lock.home().clone(), options.max_blob_bytes), store.clone(), stop);
        let begun = drive(&mut writer, &mut countdown, begun).await.unwrap_or_else(|Crashed| unreachable!("never"));
        let (api, dispatcher) = begun?;
        let commits = u64::from(countdown.commits);
        let lines = BTreeMap::new();
        Ok(Self { _lock: lock, store, writer, dispatcher, api, lines, next_session: 1, commits })
    }

    /// An agent's stream arrives. It counts from its Hello on.
    pub fn connect(&mut self) -> u64 {
        self.next_session += 1;
        self.next_session
    }

    /// One message of a stream.
    pub fn deliver(&mut self, session: u64, message: v1::AgentMessage) {
        let id = SessionId(session);
        let input = match message.body {
            Some(Body::Hello(hello)) => {
                let (sender, receiver) = mpsc::unbounded_channel();
                self.lines.insert(session, receiver);
                Input::Hello { session: id, hello, line: Line::new(sender, None, &CancellationToken::new()) }
            }
            // Logs go past the dispatcher.
            Some(Body::Log(_)) | None => return,
            Some(_) => Input::Message { session: id, message },
        };
        self.api.dispatch.post(input);
    }

    /// The stream of a session is gone, and the coordinator's kernel knows it.
    pub fn close(&mut self, session: u64) {
        self.lines.remove(&session);
        self.api.dispatch.post(Input::Closed { session: SessionId(session) });
    }

    /// Takes what has arrived, and looks at the clock where `tick` says so.
    ///
    /// # Errors
    /// The process died on the way. What it said before can still be had from [`Site::said`].
    pub async fn step(&mut self, tick: bool, crash: Crash) -> Result<(), Crashed> {
        let mut countdown = Countdown::new(crash);
        let step = self.dispatcher.step_now(tick, Vec::new());
        let stepped = drive(&mut self.writer, &mut countdown, step).await;
        self.commits += u64::from(countdown.commits);
        // Only a writer that is stopped could break it off.
        stepped?.map_err(|_| Crashed)
    }

    /// A user's call, up to its answer.
    ///
    /// # Errors
    /// The process died before it answered.
    pub async fn call(&mut self, call: Call, crash: Crash) -> Result<Result<Reply, Status>, Crashed> {
        let mut countdown = Countdown::new(crash);
        let Self { writer, dispatcher, api, .. } = self;
        let asked = async {
            let mut asked = pin!(perform(api.clone(), call));
            loop {
                let (mut batch, mut inputs) = (Batch::default(), Vec::new());
                tokio::select! {
                    biased;
                    answer = &mut asked => return Ok(answer),
                    _ = writer.take(&mut batch) => countdown.commit(writer, batch).await?,
                    () = dispatcher.receive(&mut inputs) => {
                        let step = dispatcher.step_now(false, inputs);
                        drive(writer, &mut countdown, step).await?.map_err(|_| Crashed)?;
                    }
                }
            }
        };
        let answer = tokio::task::unconstrained(asked).await;
        self.commits += u64::from(countdown.commits);
        answer
    }

    /// What was said since the last call, by session.
    pub fn said(&mut self) -> Vec<Said> {
        let mut said = Vec::new();
        self.lines.retain(|&session, line| {
            let mut messages = Vec::new();
            let closed = loop {
                match line.try_recv() {
                    Ok(Ok(message)) => messages.push(message),
                    Ok(Err(_)) | Err(mpsc::error::TryRecvError::Disconnected) => break true,
                    Err(mpsc::error::TryRecvError::Empty) => break false,
                }
            };
            if closed || !messages.is_empty() {
                said.push(Said { session, messages, closed });
            }
            !closed
        });
        said
    }

    /// Deletes the blobs that nothing refers to, however young.
    ///
    /// # Panics
    /// If the database fails.
    pub async fn collect(&mut self) -> usize {
        let before = std::time::SystemTime::now() + std::time::Duration::from_mins(1);
        let (artifacts, store) = (self.api.artifacts.clone(), self.store.clone());
        let mut countdown = Countdown::new(Crash::Never);
        let collected = drive(&mut self.writer, &mut countdown, collect_older(&artifacts, &store, before)).await;
        self.commits += u64::from(countdown.commits);
        collected.ok().and_then(Result::ok).expect("the database works")
    }

    pub fn blobs(&self) -> Blobs {
        Blobs(self.api.artifacts.clone())
    }

    /// Commits since the start.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// When the dispatcher has something to do by itself, besides its tick.
    pub fn due(&self) -> Option<std::time::Duration> {
        self.dispatcher.due()
    }

    /// The process is gone. Its files are as they are.
    pub async fn end(self) {
        let Self { store, writer, dispatcher, api, .. } = self;
        drop((dispatcher, api));
        store.close().await;
        writer.close().await;
    }
}
