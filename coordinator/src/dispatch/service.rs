//! The dispatcher's loop.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sweep_shared::ids::{JobId, SweepId, Token};
use sweep_shared::resources::Device;
use sweep_shared::wire::v1;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::fleet::{Fleet, SessionId, Terms};
use super::outbox::{self, Outboxes};
use super::queue::Queue;
use super::turn::{Accepts, Work};
use crate::artifacts::Artifacts;
use crate::board::Board;
use crate::clock::Clock;
use crate::luck::Luck;
use crate::options::Backoff;
use crate::store::report::{Body, Report, Reports};
use crate::store::{Changes, Store, StoreError, read};

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
    Agents {
        reply: oneshot::Sender<Vec<AgentNow>>,
    },
    /// Hand out the jobs of this sweep, too.
    Serve {
        sweep: SweepId,
    },
    /// Look at the clock.
    Poke,
}

/// An agent as the dispatcher sees it now.
#[derive(Debug, Clone)]
pub struct AgentNow {
    pub id: String,
    pub connected: bool,
    pub devices: Vec<Device>,
    pub running: u32,
    pub heard_ago: Duration,
}

/// For those who talk to the loop; cheap to clone.
#[derive(Clone)]
pub struct DispatchHandle {
    inputs: mpsc::Sender<Input>,
}

impl DispatchHandle {
    pub async fn send(&self, input: Input) -> Result<(), Status> {
        self.inputs.send(input).await.map_err(|_| Status::unavailable("the coordinator is stopping"))
    }

    pub async fn agents(&self) -> Result<Vec<AgentNow>, Status> {
        let ask = async {
            let (reply, answer) = oneshot::channel();
            self.send(Input::Agents { reply }).await?;
            answer.await.map_err(|_| Status::unavailable("the coordinator is stopping"))
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

/// Messages that may wait for the loop before agents are slowed down.
const INBOX: usize = 4096;
/// Messages taken in one turn.
const MOST_PER_TURN: usize = 512;
/// How long a question may wait for the loop.
const ANSWER: Duration = Duration::from_secs(3);
/// How often the clock is looked at when nothing happens.
const TICK: Duration = Duration::from_secs(1);

pub struct Dispatcher {
    pub(super) fleet: Fleet,
    pub(super) outboxes: Outboxes,
    pub(super) artifacts: Artifacts,
    pub(super) board: Board,
    pub(super) accepts: Accepts,
    inputs: mpsc::Receiver<Input>,
    changes: broadcast::Receiver<Arc<Changes>>,
    pub(super) queue: Queue,
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) luck: Arc<dyn Luck>,
    pub(super) terms: Terms,
    backoff: Backoff,
    pub(super) patience: Duration,
    /// The sweeps whose jobs are handed out; `None`: all.
    pub(super) served: Option<BTreeSet<SweepId>>,
    pub(super) stop: CancellationToken,
    /// Turns in a row that the database failed.
    pub(super) failures: u32,
    /// Why turns broke off since the last look.
    #[cfg(feature = "simulation")]
    pub(super) troubles: Vec<String>,
}

/// Why a turn broke off.
pub(super) type Stop = StoreError;

impl Dispatcher {
    /// A dispatcher that knows what the database knows.
    pub async fn new(
        store: Store,
        artifacts: Artifacts,
        board: Board,
        options: &crate::options::Options,
    ) -> Result<(Self, DispatchHandle), StoreError> {
        let terms = Terms { lease: options.lease, grace: options.reconnect_grace };
        let (sender, inputs) = mpsc::channel(INBOX);
        let changes = store.watch();
        let live = read::live(&store).await?;
        for row in &live {
            board.begin(row.token, row.sweep);
        }
        let dispatcher = Self {
            fleet: Fleet::new(terms, live, options.clock.now()),
            outboxes: Outboxes::default(),
            artifacts,
            board,
            accepts: Accepts::default(),
            inputs,
            changes,
            queue: Queue::default(),
            store,
            clock: options.clock.clone(),
            luck: options.luck.clone(),
            terms,
            backoff: options.backoff,
            patience: options.exclusive_patience,
            served: options.submitted_only.then(BTreeSet::new),
            stop: CancellationToken::new(),
            failures: 0,
            #[cfg(feature = "simulation")]
            troubles: Vec::new(),
        };
        Ok((dispatcher, DispatchHandle { inputs: sender }))
    }

    /// Serves until stopped. Sessions then end, and the agents keep what they run.
    pub async fn run(mut self, stop: CancellationToken) {
        self.stop = stop.clone();
        let mut batch = Vec::new();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let due = self.accepts.due().map(|due| due.saturating_sub(self.clock.now()));
            let mut work = Work::default();
            let mut cancelled = Vec::new();
            tokio::select! {
                () = stop.cancelled() => return,
                taken = self.inputs.recv_many(&mut batch, MOST_PER_TURN) => if taken == 0 { return },
                changes = self.changes.recv() => self.changed(&mut work, &mut cancelled, changes),
                _ = tick.tick() => self.tick(&mut work),
                () = tokio::time::sleep(due.unwrap_or(TICK)), if due.is_some() => {}
            }
            while let Ok(changes) = self.changes.try_recv() {
                self.changed(&mut work, &mut cancelled, Ok(changes));
            }
            if self.step(work, &mut batch, &cancelled).await.is_err() {
                return;
            }
        }
    }

    /// One turn, and what to do where it breaks off. An error: the coordinator is stopping.
    async fn step(&mut self, work: Work, batch: &mut Vec<Input>, cancelled: &[JobId]) -> Result<(), Stop> {
        match self.turn(work, batch, cancelled).await {
            Ok(()) => {
                self.failures = 0;
                Ok(())
            }
            Err(error) => self.recover(error).await,
        }
    }

    /// One step without waiting: takes what is there, and looks at the clock where `tick` says so.
    #[cfg(feature = "simulation")]
    pub(crate) async fn step_now(&mut self, tick: bool, mut batch: Vec<Input>) -> Result<(), Stop> {
        let (mut work, mut cancelled) = (Work::default(), Vec::new());
        while batch.len() < MOST_PER_TURN
            && let Ok(input) = self.inputs.try_recv()
        {
            batch.push(input);
        }
        while let Ok(changes) = self.changes.try_recv() {
            self.changed(&mut work, &mut cancelled, Ok(changes));
        }
        if tick {
            self.tick(&mut work);
        }
        self.step(work, &mut batch, &cancelled).await
    }

    /// Why turns broke off since the last look.
    #[cfg(feature = "simulation")]
    pub(crate) fn troubles(&mut self) -> Vec<String> {
        std::mem::take(&mut self.troubles)
    }

    /// Waits for an input.
    #[cfg(feature = "simulation")]
    pub(crate) async fn receive(&mut self, batch: &mut Vec<Input>) -> usize {
        self.inputs.recv_many(batch, MOST_PER_TURN).await
    }

    /// When a turn is due by itself, on the monotonic clock; besides the tick.
    #[cfg(feature = "simulation")]
    pub(crate) fn due(&self) -> Option<Duration> {
        self.accepts.due()
    }

    fn changed(&mut self, work: &mut Work, cancelled: &mut Vec<JobId>, changes: Result<Arc<Changes>, RecvError>) {
        match changes {
            Ok(changes) => {
                if changes.ready {
                    self.queue.stale();
                    work.schedule = true;
                }
                cancelled.extend(&changes.cancelled);
            }
            Err(RecvError::Lagged(_)) => {
                // What was missed is found again when the agents say hello.
                self.outboxes.close_all();
                self.queue.stale();
                work.schedule = true;
            }
            // The store is gone; the next command will say so.
            Err(RecvError::Closed) => {}
        }
    }

    fn tick(&mut self, work: &mut Work) {
        // Jobs whose wait is over announce themselves by nothing else.
        self.queue.stale();
        work.schedule = true;
    }

    async fn turn(&mut self, mut work: Work, batch: &mut Vec<Input>, cancelled: &[JobId]) -> Result<(), Stop> {
        for (session, token) in self.fleet.unwanted(cancelled) {
            self.outboxes.cancel(session, token);
        }
        let now = self.clock.now();
        // The turn before may have waited for the disk, longer than any lease.
        self.fleet.tick(now);
        for input in batch.drain(..) {
            match input {
                Input::Message { session, message } => self.take(&mut work, session, message, now),
                Input::Hello { session, hello, line } => {
                    self.settle(std::mem::take(&mut work)).await?;
                    self.hello(session, hello, line, now).await?;
                    work.schedule = true;
                }
                Input::Closed { session } => {
                    self.outboxes.close(session);
                    self.fleet.close(session, now);
                }
                Input::Agents { reply } => {
                    // Who asked may have gone away.
                    let _ = reply.send(self.agents_now(now));
                }
                Input::Serve { sweep } => {
                    if let Some(served) = &mut self.served {
                        served.insert(sweep);
                    }
                    self.queue.stale();
                    work.schedule = true;
                }
                Input::Poke => self.tick(&mut work),
            }
        }
        self.settle(work).await
    }

    /// Records the turn, gives out work, and answers.
    async fn settle(&mut self, mut work: Work) -> Result<(), Stop> {
        let now = self.clock.now();
        for token in self.accepts.take_due(now) {
            work.reports.push(Report { token, spooled: None, body: Body::Accepted });
        }
        let mut planned = None;
        // In one commit with the reports, where they cannot make anything ready that should go first.
        if work.schedule && !work.unblocks && self.queue.is_usable() {
            planned = self.plan(now);
        }
        let mut granted = Vec::new();
        if !work.reports.is_empty() {
            if work.unblocks {
                self.queue.stale();
            }
            let reports = std::mem::take(&mut work.reports);
            let tokens: Vec<Token> = reports.iter().map(|report| report.token).collect();
            let record = Reports { reports, backoff: self.backoff, luck: self.luck.fraction() };
            let answers = match planned.take() {
                Some(grant) => {
                    let asked = grant.clone();
                    let (answers, reply) = tokio::join!(self.write(record), self.write(grant));
                    granted = self.granted(asked, reply?, now);
                    answers?
                }
                None => self.write(record).await?,
            };
            self.answer(&work, &tokens, &answers);
        } else {
            self.answer(&work, &[], &[]);
        }
        self.send(granted);
        if let Some(grant) = planned {
            self.grant(grant, now).await?;
        }
        for (session, reason) in std::mem::take(&mut work.leaving) {
            self.goodbye(session, reason, now).await?;
            work.schedule = true;
        }
        if work.schedule || work.unblocks { self.schedule(now).await } else { Ok(()) }
    }
}
