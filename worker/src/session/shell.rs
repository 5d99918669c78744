//! The loop: one place where everything that happens to an agent arrives, one after the other, and where what the
//! [`Session`] decides is carried out.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::rc::Rc;
use std::time::Duration;

use sweep_shared::ids::{ContentHash, Token};
use sweep_shared::resources::Device;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_local};

use super::clock;
use super::decide::Session;
use super::effect::{Effect, Input};
use super::link::{LinkEvent, Outgoing};
use super::message::Assign;
use super::run::Run;
use crate::agent::AgentError;
use crate::attempt::{self, Context, News, Tell};
use crate::cache::Pin;
use crate::options::Shutdown;
use crate::space::Space;
use crate::spool::{Durable, Record, Spool};

/// How often progress and logs are told.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// How long a goodbye may take to reach the coordinator.
const FAREWELL: Duration = Duration::from_secs(1);

/// What reaches the loop from tasks of its own.
pub enum Note {
    Devices(Vec<Device>),
    Supplied { spool: String, seq: u64, missing: Option<ContentHash> },
}

/// Where things arrive.
pub struct Inbox {
    pub link: UnboundedReceiver<LinkEvent>,
    pub news: UnboundedReceiver<(Token, News)>,
    pub notes: UnboundedReceiver<Note>,
    pub durable: Durable,
}

pub struct Shell {
    pub context: Rc<Context>,
    pub session: Session,
    pub spool: Spool,
    pub space: Space,
    pub runs: BTreeMap<Token, Run>,
    pub outgoing: Option<Outgoing>,
    /// Blobs that unacknowledged reports name stay in the cache.
    pub pins: VecDeque<(u64, Vec<Pin>)>,
    pub news: UnboundedSender<(Token, News)>,
    pub notes: UnboundedSender<Note>,
    /// How often heartbeats are sent.
    pub heartbeats: watch::Sender<Duration>,
    /// Makes the link drop its connection and make another, after a while.
    pub connect: UnboundedSender<Duration>,
    /// Set when the loop is to end.
    pub over: Option<Result<(), AgentError>>,
    /// Folders of acknowledged attempts on their way out.
    pub removals: JoinSet<()>,
}

impl Shell {
    /// Runs until the agent has left or was refused.
    pub async fn run(mut self, mut inbox: Inbox, shutdown: Shutdown) -> Result<(), AgentError> {
        let mut tell = tokio::time::interval(TELL_EVERY);
        tell.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut drained, mut killed) = (false, false);
        while self.over.is_none() {
            self.context.options.pulse.beat();
            tokio::select! {
                Some(event) = inbox.link.recv() => self.on_link(event),
                Some((token, news)) = inbox.news.recv() => self.feed(Input::News(token, news)),
                Some((spool, seq)) = inbox.durable.recv() => self.feed(Input::Durable { spool, seq }),
                Some(note) = inbox.notes.recv() => self.feed(match note {
                    Note::Devices(devices) => Input::Devices(devices),
                    Note::Supplied { spool, seq, missing } => Input::Supplied { spool, seq, missing },
                }),
                _ = tell.tick() => self.on_tick(),
                () = shutdown.draining(), if !drained => {
                    drained = true;
                    self.feed(Input::Drain("the agent is shutting down".to_owned()));
                }
                () = shutdown.killing(), if !killed => {
                    killed = true;
                    self.feed(Input::Kill("the agent was stopped".to_owned()));
                }
            }
        }
        self.leave(inbox).await;
        self.over.take().unwrap_or(Ok(()))
    }

    /// The last word goes out, and what is being removed is gone.
    async fn leave(&mut self, mut inbox: Inbox) {
        self.outgoing = None;
        let closed = async { while !matches!(inbox.link.recv().await, Some(LinkEvent::Closed(_)) | None) {} };
        if self.session.is_welcomed() {
            // Its failure means only that the coordinator notices by itself.
            let _ = tokio::time::timeout(FAREWELL, closed).await;
        }
        while self.removals.join_next().await.is_some() {}
    }

    /// Something happened: does what the session decides.
    pub fn feed(&mut self, input: Input) {
        let effects = self.session.on(input, clock::now());
        self.carry_out(effects);
    }

    fn on_link(&mut self, event: LinkEvent) {
        let input = match event {
            LinkEvent::Opened(outgoing) => {
                self.outgoing = Some(outgoing);
                Input::Opened
            }
            LinkEvent::Message(message) => Input::Message(message),
            LinkEvent::Closed(reason) => Input::Closed(reason),
            LinkEvent::Denied(reason) => Input::Denied(reason),
            LinkEvent::Expelled(reason) => Input::Expelled(reason),
        };
        self.feed(input);
    }

    fn on_tick(&mut self) {
        while self.removals.try_join_next().is_some() {}
        // A runner may write gigabytes in a second.
        self.runs.iter_mut().for_each(|(token, run)| run.trim(*token));
        if self.space.look(self.spool.has_room()) {
            self.feed(Input::Room(self.space.is_there()));
        }
        self.feed(Input::Tick);
    }

    pub fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(message) => {
                    if let Some(outgoing) = &self.outgoing {
                        outgoing.send(message);
                    }
                }
                Effect::TellLog { token, over } => {
                    if let (Some(outgoing), Some(run)) = (&self.outgoing, self.runs.get_mut(&token)) {
                        run.tell(token, outgoing, over);
                    }
                }
                Effect::Welcomed { logs, lease } => {
                    for (token, run) in &mut self.runs {
                        run.rewind(logs.get(token).copied().unwrap_or(0));
                    }
                    // Twelve to a lease, so that some may be late.
                    let bearable = (lease / 12).max(TELL_EVERY);
                    self.heartbeats.send_replace(self.context.options.heartbeat.min(bearable));
                }
                Effect::Connect { after } => {
                    self.outgoing = None;
                    // The link ends after this loop.
                    let _ = self.connect.send(after);
                }
                Effect::Append { seq, record } => {
                    self.pin(seq, &record);
                    self.spool.append(record.payload);
                }
                Effect::Acknowledged(seq) => {
                    self.spool.acknowledged(seq);
                    while self.pins.front().is_some_and(|(pinned, _)| *pinned <= seq) {
                        self.pins.pop_front();
                    }
                }
                Effect::Renew { spool, generation, records } => self.renew(spool, generation, records),
                Effect::Remember { generation } => self.spool.remember(generation),
                Effect::Start { assign, threads } => self.start(*assign, threads),
                Effect::Stop(token, stop) => {
                    if let Some(run) = self.runs.get(&token) {
                        run.ask(stop);
                    }
                }
                Effect::Forget(token) => self.forget(token),
                Effect::Supply { spool, seq, hashes } => self.supply(spool, seq, hashes),
                Effect::Leave => self.over = Some(Ok(())),
                Effect::GiveUp(reason) => self.over = Some(Err(self.given_up(reason))),
            }
        }
    }

    fn given_up(&self, reason: String) -> AgentError {
        if self.session.is_expelled() { AgentError::Expelled(reason) } else { AgentError::Refused(reason) }
    }

    fn start(&mut self, assign: Assign, threads: u32) {
        let token = assign.token;
        let run = Run::new(attempt::log_path(&self.context.attempts(), token), self.context.options.log_bytes);
        let tell = Tell { token, news: self.news.clone() };
        spawn_local(attempt::run(Rc::clone(&self.context), assign, threads, run.stop_signal(), tell));
        self.runs.insert(token, run);
    }

    fn forget(&mut self, token: Token) {
        self.runs.remove(&token);
        let folder = attempt::folder_path(&self.context.attempts(), token);
        if folder.exists() {
            self.removals.spawn_blocking(move || {
                if let Err(error) = fs::remove_dir_all(&folder) {
                    tracing::warn!(folder = %folder.display(), %error, "cannot remove an attempt's folder");
                }
            });
        }
    }

    pub fn pin(&mut self, seq: u64, record: &Record) {
        if !record.blobs.is_empty() {
            self.pins.push_back((seq, record.blobs.iter().map(|hash| self.context.cache.pin(hash)).collect()));
        }
    }

    fn renew(&mut self, spool: String, generation: Option<String>, records: Vec<Record>) {
        let old = std::mem::take(&mut self.pins);
        for (seq, record) in (1..).zip(&records) {
            self.pin(seq, record);
        }
        drop(old);
        self.spool.renew(spool, generation, records.into_iter().map(|record| record.payload).collect());
    }

    /// Uploads again what the coordinator turned out not to have.
    fn supply(&self, spool: String, seq: u64, hashes: Vec<ContentHash>) {
        let (context, notes) = (Rc::clone(&self.context), self.notes.clone());
        spawn_local(async move {
            let mut missing = None;
            for hash in hashes {
                let size_bytes = fs::metadata(context.cache.path(&hash)).map(|meta| meta.len());
                let uploaded = match (context.cache.has(&hash).await, size_bytes) {
                    (Ok(true), Ok(size_bytes)) => context.transfers.upload(&hash, size_bytes).await.is_ok(),
                    _ => false,
                };
                if !uploaded {
                    missing = Some(hash);
                }
            }
            let _loop_is_gone = notes.send(Note::Supplied { spool, seq, missing });
        });
    }
}
