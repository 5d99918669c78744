//! The dispatcher's loop.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sweep_shared::ids::{SweepId, Token};
use sweep_shared::pulse::Pulse;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex, broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use super::fleet::{Fleet, Stop, Terms};
use super::handle::{DispatchHandle, Input, Questions};
use super::limits::Limits;
use super::outbox::Outboxes;
use super::queue::Queue;
use super::turn::{Accepts, Work};
use crate::artifacts::Artifacts;
use crate::board::Board;
use crate::clock::{Clock, WallClock};
use crate::logs::Logs;
use crate::luck::Luck;
use crate::options::Backoff;
use crate::store::agents::NoteDevices;
use crate::store::report::{Body, Recorded, Report, Reports};
use crate::store::{Changes, Grant, Store, StoreError};

/// Messages that may wait for the loop before agents are slowed down.
const INBOX: usize = 4096;
/// Users who may wait for an answer.
const QUESTIONS: usize = 64;
/// Messages taken in one turn.
pub(super) const MOST_PER_TURN: usize = 512;
/// How often the clock is looked at when nothing happens.
const TICK: Duration = Duration::from_secs(1);

pub struct Dispatcher {
    pub(super) fleet: Fleet,
    pub(super) outboxes: Outboxes,
    pub(super) artifacts: Artifacts,
    pub(super) board: Board,
    pub(super) logs: Logs,
    pub(super) accepts: Accepts,
    pub(super) inputs: mpsc::Receiver<Input>,
    pub(super) questions: Mutex<Questions>,
    pub(super) changes: broadcast::Receiver<Arc<Changes>>,
    pub(super) queue: Queue,
    pub(super) store: Store,
    pulse: Pulse,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) luck: Arc<dyn Luck>,
    pub(super) terms: Terms,
    pub(super) backoff: Backoff,
    pub(super) patience: Duration,
    /// The sweeps whose jobs are handed out; `None`: all.
    pub(super) served: Option<BTreeSet<SweepId>>,
    pub(super) wall: WallClock,
    pub(super) limits: Limits,
    /// What others changed was missed, because there was too much of it.
    missed: bool,
    pub(super) stop: CancellationToken,
    /// Turns in a row that the database failed.
    pub(super) failures: u32,
}

/// Why a turn broke off.
pub(super) type Broken = StoreError;

impl Dispatcher {
    /// A dispatcher that knows what the database knows.
    pub async fn new(
        store: Store,
        artifacts: Artifacts,
        (board, logs): (Board, Logs),
        options: &crate::options::Options,
    ) -> Result<(Self, DispatchHandle), StoreError> {
        let terms = Terms { lease: options.lease, grace: options.reconnect_grace };
        let (sender, inputs) = mpsc::channel(INBOX);
        let (asker, questions) = mpsc::channel(QUESTIONS);
        let changes = store.watch();
        let mut dispatcher = Self {
            fleet: Fleet::new(terms, Vec::new(), options.clock.now()),
            outboxes: Outboxes::default(),
            artifacts,
            board,
            logs,
            accepts: Accepts::default(),
            inputs,
            questions: Mutex::new(Questions { taken: None, asked: questions }),
            changes,
            queue: Queue::default(),
            store,
            pulse: options.pulse.clone(),
            clock: options.clock.clone(),
            luck: options.luck.clone(),
            terms,
            backoff: options.backoff,
            patience: options.exclusive_patience,
            served: options.submitted_only.then(BTreeSet::new),
            wall: WallClock::new(&*options.clock),
            limits: Limits::default(),
            missed: false,
            stop: CancellationToken::new(),
            failures: 0,
        };
        dispatcher.bound_waits().await?;
        dispatcher.learn().await?;
        Ok((dispatcher, DispatchHandle { inputs: sender, questions: asker }))
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
            tokio::select! {
                () = stop.cancelled() => return,
                taken = self.inputs.recv_many(&mut batch, MOST_PER_TURN) => if taken == 0 { return },
                is_asked = self.questions.get_mut().take() => {
                    if !is_asked {
                        return;
                    }
                    // What was said before the question belongs to the answer.
                    while batch.len() < MOST_PER_TURN && let Ok(input) = self.inputs.try_recv() {
                        batch.push(input);
                    }
                }
                changes = self.changes.recv() => self.changed(&mut work, changes),
                _ = tick.tick() => work.tick = true,
                () = tokio::time::sleep(due.unwrap_or(TICK)), if due.is_some() => {}
            }
            while let Ok(changes) = self.changes.try_recv() {
                self.changed(&mut work, Ok(changes));
            }
            if self.step(work, &mut batch).await.is_err() {
                return;
            }
            // Unless the turn had to wait, and it was answered meanwhile.
            if let Some(question) = self.questions.get_mut().taken.take() {
                let now = self.look();
                self.answer_question(question, now);
            }
        }
    }

    /// One turn, and what to do where it breaks off. An error: the coordinator is stopping.
    pub(super) async fn step(&mut self, work: Work, batch: &mut Vec<Input>) -> Result<(), Broken> {
        match self.turn(work, batch).await {
            Ok(()) => {
                self.failures = 0;
                Ok(())
            }
            Err(error) => self.recover(error).await,
        }
    }

    pub(super) fn changed(&mut self, work: &mut Work, changes: Result<Arc<Changes>, RecvError>) {
        match changes {
            Ok(changes) => {
                self.fleet.unwanted(&changes.cancelled);
                self.fleet.resumed(&changes.resumed);
                for (job, why) in &changes.interrupted {
                    self.fleet.stop(*job, Stop::Paused(why.clone()));
                }
                self.fleet.prioritised(&changes.priorities);
                self.fleet.drain(&changes.drained);
                for (agent, freed) in &changes.expelled {
                    self.expel(agent, freed);
                    self.queue.stale();
                }
                if changes.ready || !changes.priorities.is_empty() || !changes.expelled.is_empty() {
                    self.queue.stale();
                    work.schedule = true;
                }
            }
            Err(RecvError::Lagged(_)) => self.missed = true,
            // The store is gone; the next command will say so.
            Err(RecvError::Closed) => {}
        }
    }

    /// Looks at the clock. Whatever held the loop up, silence during it proves nothing.
    pub(super) fn look(&mut self) -> Duration {
        self.pulse.beat();
        let now = self.clock.now();
        self.fleet.tick(now);
        for agent in self.fleet.newly_overdue(now) {
            tracing::warn!(agent, "an agent has been silent for too long: others may be given its jobs");
        }
        now
    }

    async fn turn(&mut self, mut work: Work, batch: &mut Vec<Input>) -> Result<(), Broken> {
        let mut now = self.look();
        self.follow_wall_clock().await?;
        if std::mem::take(&mut self.missed) {
            self.begin_again().await?;
            work.schedule = true;
        }
        self.give_orders();
        for input in batch.drain(..) {
            match input {
                Input::Message { session, message } => self.take(&mut work, session, message, now),
                Input::Hello { session, hello, line } => {
                    self.settle(std::mem::take(&mut work)).await?;
                    now = self.look();
                    self.hello(session, hello, line, now).await?;
                    work.schedule = true;
                }
                Input::Closed { session } => {
                    self.outboxes.close(session);
                    self.fleet.close(session, now);
                }
                Input::Serve { sweep } => {
                    if let Some(served) = &mut self.served {
                        served.insert(sweep);
                    }
                    self.queue.stale();
                    work.schedule = true;
                }
                Input::Poke => work.tick = true,
            }
        }
        self.settle(work).await
    }

    /// Records the turn, gives out work, and answers.
    async fn settle(&mut self, mut work: Work) -> Result<(), Broken> {
        let now = self.look();
        if work.tick {
            // Jobs whose wait is over announce themselves by nothing else.
            self.queue.stale();
            work.schedule = true;
        }
        for token in self.accepts.take_due(now) {
            work.reports.push(Report { token, spooled: None, body: Body::Accepted });
        }
        let mut planned = None;
        // In one commit with the reports, where they cannot make anything ready that should go first.
        if work.schedule && !work.unblocks && self.queue.is_usable() {
            planned = self.plan(now).grant;
        }
        if work.unblocks {
            self.queue.stale();
        }
        self.record(&mut work, planned, now).await?;
        let news = std::mem::take(&mut work.devices);
        if !news.is_empty() {
            self.write(NoteDevices { news }).await?;
        }
        for (session, agent, reason) in std::mem::take(&mut work.leaving) {
            self.goodbye(session, agent, reason, now).await?;
            work.schedule = true;
        }
        if work.tick {
            self.limits(now).await?;
        }
        // What was waited for may have taken long.
        if work.schedule || work.unblocks { self.schedule().await } else { Ok(()) }
    }

    /// Writes down what was reported, and with it what was decided; then answers, and sends what was granted.
    async fn record(&mut self, work: &mut Work, planned: Option<Grant>, now: Duration) -> Result<(), Broken> {
        let reports = std::mem::take(&mut work.reports);
        if reports.is_empty() {
            self.answer(work, &[], &[]);
            return match planned {
                Some(grant) => self.grant(grant, now).await.map(drop),
                None => Ok(()),
            };
        }
        let tokens: Vec<Token> = reports.iter().map(|report| report.token).collect();
        let devices = if reports.iter().any(Report::is_short_of_memory) { self.fleet.sizes() } else { Vec::new() };
        let (backoff, luck, devices) = (self.backoff, self.luck.fraction(), devices.into());
        let record = Reports { reports, backoff, luck, devices };
        let Some(grant) = planned else {
            let answers = self.write_reports(record).await?;
            self.answer(work, &tokens, &answers);
            return Ok(());
        };
        let asked = grant.clone();
        let (answers, reply) = tokio::join!(self.write_reports(record), self.write(grant));
        let granted = self.granted(asked, reply?, now).await?;
        self.answer(work, &tokens, &answers?);
        self.send(granted);
        Ok(())
    }

    async fn write_reports(&self, record: Reports) -> Result<Vec<Recorded>, Broken> {
        #[cfg(feature = "simulation")]
        let names = super::stepping::Names::of(&record.reports);
        let answers = self.write(record).await?;
        #[cfg(feature = "simulation")]
        names.note(&answers);
        Ok(answers)
    }
}
