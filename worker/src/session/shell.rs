//! The loop: one place where everything that happens to an agent arrives, one after the other.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sweep_shared::event::FileRef;
use sweep_shared::ids::{ContentHash, Token};
use sweep_shared::resources::Device;
use sweep_shared::states::FailureClass;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinSet, spawn_local};

use super::link::{LinkEvent, Outgoing};
use super::message::{Assign, Hello, Inbound, Outbound};
use super::run::Run;
use super::state::{Action, State};
use crate::agent::AgentError;
use crate::attempt::{self, Context, News, Tell};
use crate::cache::Pin;
use crate::identity::Identity;
use crate::options::Shutdown;
use crate::report::{Body, End, Report};
use crate::space::Space;
use crate::spool::{Durable, Spool};

/// How often progress and logs are told.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// How long a goodbye may take to reach the coordinator.
const FAREWELL: Duration = Duration::from_secs(1);

/// What reaches the loop from tasks of its own.
pub enum Note {
    Devices(Vec<Device>),
    /// The blobs that the report `seq` named are there now, or cannot be.
    Supplied {
        seq: u64,
        missing: Option<ContentHash>,
    },
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
    pub identity: Identity,
    pub state: State,
    pub spool: Spool,
    pub devices: Vec<Device>,
    pub space: Space,
    pub runs: BTreeMap<Token, Run>,
    pub outgoing: Option<Outgoing>,
    /// Hello was answered.
    pub welcomed: bool,
    /// Was ever.
    pub known: bool,
    /// The last report handed to this session, and the last that is on disk.
    pub sent_seq: u64,
    pub durable_seq: u64,
    /// Blobs that unacknowledged reports name stay in the cache.
    pub pins: VecDeque<(u64, Vec<Pin>)>,
    pub news: UnboundedSender<(Token, News)>,
    pub notes: UnboundedSender<Note>,
    /// How often heartbeats are sent.
    pub heartbeats: watch::Sender<Duration>,
    pub reopen: Arc<Notify>,
    /// Set when the loop is to end.
    pub over: Option<Result<(), AgentError>>,
    /// Folders of acknowledged attempts on their way out.
    pub removals: JoinSet<()>,
    /// A spool was renewed: its receiver replaces the inbox's.
    pub renewed: Option<Durable>,
}

impl Shell {
    /// Runs until the agent has left or was refused.
    pub async fn run(mut self, mut inbox: Inbox, shutdown: Shutdown) -> Result<(), AgentError> {
        let mut tell = tokio::time::interval(TELL_EVERY);
        tell.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut drained, mut killed) = (false, false);
        while self.over.is_none() {
            tokio::select! {
                Some(event) = inbox.link.recv() => self.on_link(event),
                Some((token, news)) = inbox.news.recv() => self.on_news(token, news),
                Some(seq) = inbox.durable.recv() => self.on_durable(seq),
                Some(note) = inbox.notes.recv() => self.on_note(note),
                _ = tell.tick() => self.on_tick(),
                () = shutdown.draining(), if !drained => {
                    drained = true;
                    let actions = self.state.on_drain("the agent is shutting down", Instant::now());
                    self.act(actions);
                }
                () = shutdown.killing(), if !killed => {
                    killed = true;
                    let actions = self.state.on_kill("the agent was stopped", Instant::now());
                    self.act(actions);
                }
            }
            if let Some(durable) = self.renewed.take() {
                inbox.durable = durable;
            }
        }
        self.outgoing = None;
        let closed = async { while !matches!(inbox.link.recv().await, Some(LinkEvent::Closed(_)) | None) {} };
        if self.welcomed {
            // Its failure means only that the coordinator notices by itself.
            let _ = tokio::time::timeout(FAREWELL, closed).await;
        }
        while self.removals.join_next().await.is_some() {}
        self.over.take().unwrap_or(Ok(()))
    }

    fn on_link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Opened(outgoing) => {
                outgoing.send(Outbound::Hello(self.hello()));
                self.outgoing = Some(outgoing);
                self.welcomed = false;
            }
            LinkEvent::Message(message) => self.on_message(message),
            LinkEvent::Closed(reason) => {
                if self.welcomed {
                    tracing::warn!(reason, "lost the coordinator; runners go on");
                } else {
                    tracing::debug!(reason, "cannot reach the coordinator");
                }
                self.outgoing = None;
                self.welcomed = false;
                self.state.on_disconnect(Instant::now());
            }
            LinkEvent::Denied(reason) => {
                self.outgoing = None;
                self.refused(reason);
            }
        }
    }

    /// An agent that was never accepted gives up. One that was has runners to look after, and a coordinator that may
    /// come to its senses.
    fn refused(&mut self, reason: String) {
        if self.known {
            tracing::error!(reason, "the coordinator refuses this agent; trying again");
            self.state.on_disconnect(Instant::now());
            self.reopen.notify_one();
        } else {
            self.over = Some(Err(AgentError::Refused(reason)));
        }
    }

    fn on_message(&mut self, message: Inbound) {
        let acked = match &message {
            Inbound::Ack(seq) => Some(*seq),
            Inbound::Welcome { acked, .. } => Some(*acked),
            _ => None,
        };
        let is_welcome = matches!(message, Inbound::Welcome { .. });
        let spool = &self.spool;
        let actions = self.state.on_message(message, |acked| spool.fits(acked), Instant::now());
        let fits = !actions.contains(&Action::RenewSpool);
        if is_welcome && fits {
            self.welcomed = true;
            self.known = true;
            self.sent_seq = acked.unwrap_or(0);
            self.runs.values_mut().for_each(Run::rewind);
            // Twelve to a lease, so that some may be late.
            let bearable = (self.state.lease() / 12).max(TELL_EVERY);
            self.heartbeats.send_replace(self.context.options.heartbeat.min(bearable));
            tracing::info!(agent = self.identity.agent, "connected");
        }
        self.act(actions);
        if let Some(seq) = acked.filter(|_| fits) {
            self.acked(seq);
        }
        if is_welcome && fits {
            self.send_due();
        }
    }

    fn acked(&mut self, seq: u64) {
        let reports = self.spool.ack(seq);
        while self.pins.front().is_some_and(|(pinned, _)| *pinned <= seq) {
            self.pins.pop_front();
        }
        let ended: Vec<Token> = reports.iter().filter(|r| r.is_final()).map(|r| r.token).collect();
        if !ended.is_empty() {
            let actions = self.state.on_acked(ended, Instant::now());
            self.act(actions);
        }
    }

    fn on_news(&mut self, token: Token, news: News) {
        let now = Instant::now();
        match news {
            News::Progress { fraction, message } => self.with_run(token, |run| run.progressed(fraction, message)),
            News::Epoch(epoch) => self.with_run(token, |run| run.epoch_ended(epoch)),
            News::Resumed { epoch, step } => self.with_run(token, |run| run.resumed(epoch, step)),
            News::Checkpoint(checkpoint) => self.spool(Report { token, body: Body::Checkpoint(checkpoint) }),
            News::Gone => {
                let actions = self.state.on_gone(token, now);
                self.act(actions);
            }
            News::Outcome(outcome) => {
                let actions = self.state.on_outcome(token, outcome, now);
                self.act(actions);
            }
        }
    }

    fn with_run(&mut self, token: Token, change: impl FnOnce(&mut Run)) {
        if let Some(run) = self.runs.get_mut(&token) {
            change(run);
        }
    }

    fn on_durable(&mut self, seq: u64) {
        self.durable_seq = self.durable_seq.max(seq);
        self.send_due();
    }

    fn on_note(&mut self, note: Note) {
        match note {
            Note::Devices(devices) => {
                self.devices = devices;
                self.send(Outbound::Heartbeat(self.space.offered(&self.devices)));
            }
            Note::Supplied { seq, missing } => {
                if let Some(hash) = missing {
                    let message = format!("the coordinator lost blob {hash}, and this agent does not have it any more");
                    self.spool.replace(seq, End::failure(FailureClass::Internal, message));
                }
                self.sent_seq = self.sent_seq.min(seq.saturating_sub(1));
                self.send_due();
            }
        }
    }

    fn on_tick(&mut self) {
        if self.welcomed
            && let Some(outgoing) = &self.outgoing
        {
            for (token, run) in &mut self.runs {
                if self.state.is_live(*token) {
                    run.tell(*token, outgoing, false);
                }
            }
        }
        while self.removals.try_join_next().is_some() {}
        if self.space.look(self.spool.has_room()) {
            self.state.set_room(self.space.is_there());
            self.send(Outbound::Heartbeat(self.space.offered(&self.devices)));
        }
        let actions = self.state.on_tick(Instant::now());
        self.act(actions);
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send(message) => self.send(message),
                Action::Spool(report) => self.spool(report),
                Action::Start { assign, threads } => self.start(*assign, threads),
                Action::Stop(token, stop) => self.with_run(token, |run| run.ask(stop)),
                Action::Forget(token) => self.forget(token),
                Action::Supply { seq, hashes } => self.supply(seq, hashes),
                Action::RenewSpool => self.renew_spool(),
                Action::Leave(reason) => {
                    self.send(Outbound::Goodbye(reason));
                    self.over = Some(Ok(()));
                }
                Action::GiveUp(reason) => self.refused(reason),
            }
        }
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

    fn spool(&mut self, report: Report) {
        let pins = hashes(&report).map(|hash| self.context.cache.pin(hash)).collect::<Vec<_>>();
        let seq = self.spool.push(report);
        if !pins.is_empty() {
            self.pins.push_back((seq, pins));
        }
    }

    /// Sends what is durable and was not sent yet. Before an attempt's end goes all that is to be told of it.
    fn send_due(&mut self) {
        let Some(outgoing) = self.outgoing.as_ref().filter(|_| self.welcomed) else { return };
        let (sent, durable) = (self.sent_seq, self.durable_seq);
        for (seq, report) in self.spool.unacked().filter(|(seq, _)| *seq > sent && *seq <= durable) {
            if report.is_final()
                && let Some(run) = self.runs.get_mut(&report.token)
            {
                run.tell(report.token, outgoing, true);
            }
            outgoing.send(Outbound::Report(*seq, report.clone()));
            self.sent_seq = *seq;
        }
    }

    /// What is not spooled goes only to a session that was welcomed; later ones start from the state they find.
    fn send(&self, message: Outbound) {
        if let Some(outgoing) = self.outgoing.as_ref().filter(|_| self.welcomed) {
            outgoing.send(message);
        }
    }

    /// Uploads again what the coordinator turned out not to have.
    fn supply(&self, seq: u64, hashes: Vec<ContentHash>) {
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
            let _loop_is_gone = notes.send(Note::Supplied { seq, missing });
        });
    }

    fn renew_spool(&mut self) {
        match self.spool.renew() {
            Ok(durable) => {
                self.durable_seq = self.spool.last_seq();
                self.sent_seq = 0;
                self.pins.clear();
                for (seq, report) in self.spool.unacked() {
                    self.pins.push_back((*seq, hashes(report).map(|hash| self.context.cache.pin(hash)).collect()));
                }
                self.renewed = Some(durable);
                self.welcomed = false;
                self.reopen.notify_one();
            }
            Err(source) => {
                self.over = Some(Err(AgentError::Home { path: self.context.options.home.clone(), source }));
            }
        }
    }

    fn hello(&self) -> Hello {
        Hello {
            agent: self.identity.agent.clone(),
            host: self.identity.host.clone(),
            boot: self.identity.boot.clone(),
            incarnation: self.identity.incarnation,
            devices: self.space.offered(&self.devices),
            attempts: self.state.attempts(),
            slots: self.state.slots(),
            spool: self.spool.id().to_owned(),
        }
    }
}

/// The blobs that a report names.
pub fn hashes(report: &Report) -> impl Iterator<Item = &ContentHash> {
    let files: Vec<&FileRef> = match &report.body {
        Body::Checkpoint(checkpoint) => checkpoint.files.iter().collect(),
        Body::Finished { end: End::Success(success), .. } => {
            success.points.iter().flat_map(|point| &point.files).chain(&success.artifacts).collect()
        }
        Body::Finished { .. } => Vec::new(),
    };
    files.into_iter().filter_map(|file| file.hash.as_ref())
}
