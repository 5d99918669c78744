//! Every decision of a session, without a socket, a process or a clock: something happens, actions come out.

mod devices;
mod leaving;

use std::collections::BTreeMap;
use std::time::Duration;

use sweep_shared::ids::{ContentHash, Token};
use sweep_shared::resources::Usage;

use self::leaving::Idle;
use super::message::{Assign, Inbound, Outbound};
use crate::report::{End, Report};
use crate::slots::{Claim, DeviceKey, Slots};

/// How an attempt is asked to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// SIGTERM, a checkpoint, its upload; then `Interrupted(reason)`.
    Interrupt(String),
    /// SIGKILL; then `Cancelled`.
    Cancel,
    /// SIGKILL; then `Interrupted(reason)`, without waiting for uploads: the agent itself has to go.
    Kill(String),
}

impl Stop {
    /// A milder way never replaces a harder one, and the first reason stays.
    pub fn replaces(&self, asked: Option<&Self>) -> bool {
        !matches!((asked, self), (Some(_), Self::Interrupt(_)) | (Some(Self::Cancel), _))
    }
}

/// What has to be done, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Sent if the connection is up, otherwise dropped.
    Send(Outbound),
    /// Kept until acknowledged.
    Spool(Report),
    Start {
        assign: Box<Assign>,
        threads: u32,
    },
    Stop(Token, Stop),
    /// The coordinator has the attempt's end, or there was none: its folder may go.
    Forget(Token),
    /// Upload these blobs, then send the report `seq` and those after it again.
    Supply {
        seq: u64,
        hashes: Vec<ContentHash>,
    },
    /// This spool does not fit the coordinator's count: make a new one and connect again.
    RenewSpool,
    /// Say goodbye and end.
    Leave(String),
    /// The coordinator will not have this agent.
    GiveUp(String),
}

/// What became of an attempt, as its task tells it.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It was not started, for this reason.
    Refused(String),
    Ended(End, Usage),
}

/// Where an attempt stands.
#[derive(Debug, Clone, PartialEq)]
enum Phase {
    Queued(Box<Assign>),
    /// Its task runs: fetching, training.
    Live,
    /// Its processes are gone, its files are on their way.
    Finishing,
    /// To be told at the next Welcome, since the connection was down.
    Refused(String),
    /// Its end is in the spool.
    Ended,
}

/// Where the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// Welcomed.
    Up,
    /// Since then.
    Down(Duration),
}

/// An agent's session state. It outlives connections.
pub struct State {
    slots: Slots,
    attempts: BTreeMap<Token, Phase>,
    link: Link,
    lease: Duration,
    generation: Option<String>,
    leaving: Option<Leaving>,
    idle: Idle,
    /// Whether reports of new attempts would find space.
    room: bool,
    /// Devices that begin nothing, and why.
    closed: BTreeMap<DeviceKey, String>,
}

/// The agent is on its way out.
#[derive(Debug, Clone)]
struct Leaving {
    reason: String,
    /// The second signal: nothing more is waited for.
    at_once: bool,
    /// Since when nothing runs or is uploaded any more: only acknowledgements are waited for.
    quiet_since: Option<Duration>,
}

/// How long a draining agent waits for a coordinator that is away, to deliver what it has.
const DRAIN_PATIENCE: Duration = Duration::from_secs(10);
/// How long it waits for acknowledgements of a coordinator that is there but records nothing, as on a full disk. The reports
/// stay in the spool. A disk that is only slow may need some seconds.
const ACK_PATIENCE: Duration = Duration::from_secs(15);

/// How long a connection may have been dead when that is noticed: the keep-alive's interval and its patience.
const UNNOTICED: Duration = Duration::from_secs(20);

impl State {
    /// `unacked`: the attempts whose ends an earlier incarnation left in the spool.
    /// `generation`: of the database that it last heard.
    pub fn new(
        slots: Slots,
        unacked: impl IntoIterator<Item = Token>,
        generation: Option<String>,
        now: Duration,
    ) -> Self {
        Self {
            slots,
            attempts: unacked.into_iter().map(|token| (token, Phase::Ended)).collect(),
            link: Link::Down(now),
            lease: Duration::from_mins(1),
            generation,
            leaving: None,
            idle: Idle::default(),
            room: true,
            closed: BTreeMap::new(),
        }
    }

    /// The database that the agent last heard.
    pub fn generation(&self) -> Option<&str> {
        self.generation.as_deref()
    }

    /// For Hello: the attempts whose runners live or whose ends are not acknowledged.
    pub fn attempts(&self) -> Vec<Token> {
        self.attempts.keys().copied().collect()
    }

    pub fn slots(&self) -> u32 {
        self.slots.total()
    }

    /// Whether `token`'s task is running.
    pub fn is_live(&self, token: Token) -> bool {
        matches!(self.attempts.get(&token), Some(Phase::Live | Phase::Finishing))
    }

    /// How long the coordinator bears our silence.
    pub fn lease(&self) -> Duration {
        self.lease
    }

    pub fn set_room(&mut self, room: bool) {
        self.room = room;
    }

    /// The coordinator spoke. `fits`: whether Welcome's count can be true of our spool.
    pub fn on_message(&mut self, message: Inbound, fits: impl FnOnce(u64) -> bool, now: Duration) -> Vec<Action> {
        let mut out = Vec::new();
        match message {
            Inbound::Welcome { generation, acked, keep, lease_ms, .. } => {
                let same_database = self.generation.replace(generation.clone()).is_none_or(|known| known == generation);
                if !same_database || !fits(acked) {
                    // What was granted before this is not begun any more, until the next Welcome keeps it.
                    self.lease = Duration::ZERO;
                    return vec![Action::RenewSpool];
                }
                self.link = Link::Up;
                self.lease = Duration::from_millis(lease_ms);
                self.reconcile(&keep, &mut out);
            }
            Inbound::Assign(assign) => self.assign(assign, &mut out),
            Inbound::BadAssign { token, error } => out.push(Action::Send(Outbound::Refuse(token, error))),
            // The shell asks the spool which ends this covers, and calls `on_acked`.
            Inbound::Ack(_) => {}
            Inbound::Missing { seq, hashes } => out.push(Action::Supply { seq, hashes }),
            Inbound::Cancel(token) => self.cancel(token, &mut out),
            Inbound::Interrupt(token, reason) => self.interrupt(token, &reason, &mut out),
            Inbound::Drain(reason) => self.drain(reason, &mut out),
            Inbound::Refused(reason) => out.push(Action::GiveUp(reason)),
        }
        self.advance(now, &mut out);
        out
    }

    /// The connection is gone. Runners go on.
    pub fn on_disconnect(&mut self, now: Duration) {
        if self.link == Link::Up {
            self.link = Link::Down(now);
        }
    }

    /// The processes of an attempt are gone: its slot is free, though its files may still be on their way.
    pub fn on_gone(&mut self, token: Token, now: Duration) -> Vec<Action> {
        let mut out = Vec::new();
        self.slots.release(token);
        if let Some(phase @ Phase::Live) = self.attempts.get_mut(&token) {
            *phase = Phase::Finishing;
            out.push(Action::Send(Outbound::Finishing(token)));
        }
        self.advance(now, &mut out);
        out
    }

    /// An attempt's task has ended.
    pub fn on_outcome(&mut self, token: Token, outcome: Outcome, now: Duration) -> Vec<Action> {
        let mut out = Vec::new();
        self.slots.release(token);
        match outcome {
            Outcome::Refused(reason) => self.refuse(token, reason, &mut out),
            Outcome::Ended(end, usage) => self.end(token, end, usage, &mut out),
        }
        self.advance(now, &mut out);
        out
    }

    /// The coordinator has committed these attempts' ends.
    pub fn on_acked(&mut self, tokens: impl IntoIterator<Item = Token>, now: Duration) -> Vec<Action> {
        let mut out = Vec::new();
        for token in tokens {
            if matches!(self.attempts.get(&token), Some(Phase::Ended)) {
                self.attempts.remove(&token);
                out.push(Action::Forget(token));
            }
        }
        self.advance(now, &mut out);
        out
    }

    /// Time has passed.
    pub fn on_tick(&mut self, now: Duration) -> Vec<Action> {
        let mut out = Vec::new();
        self.advance(now, &mut out);
        out
    }

    /// After Welcome: only what the coordinator still counts on goes on.
    fn reconcile(&mut self, keep: &[Token], out: &mut Vec<Action>) {
        for token in self.attempts() {
            if let Some(Phase::Refused(reason)) = self.attempts.get(&token) {
                let reason = reason.clone();
                self.refuse(token, reason, out);
            } else if !keep.contains(&token) && !matches!(self.attempts[&token], Phase::Ended) {
                self.cancel(token, out);
            } else if self.attempts[&token] == Phase::Finishing {
                // Said before, it may not have arrived.
                out.push(Action::Send(Outbound::Finishing(token)));
            }
        }
    }

    fn assign(&mut self, assign: Box<Assign>, out: &mut Vec<Action>) {
        let token = assign.token;
        if self.attempts.contains_key(&token) {
            return;
        }
        if let Some(reason) = self.refusal(assign.device) {
            out.push(Action::Send(Outbound::Refuse(token, reason)));
            return;
        }
        out.push(Action::Send(Outbound::Accept(token)));
        self.slots.enqueue(Claim { token, device: assign.device, exclusive: assign.exclusive });
        self.attempts.insert(token, Phase::Queued(assign));
    }

    fn cancel(&mut self, token: Token, out: &mut Vec<Action>) {
        match self.attempts.get(&token) {
            Some(Phase::Live | Phase::Finishing) => out.push(Action::Stop(token, Stop::Cancel)),
            Some(Phase::Ended) => {}
            // Not running, which is what the coordinator wants confirmed, also of an attempt we never heard of.
            Some(Phase::Queued(_) | Phase::Refused(_)) | None => self.end(token, End::Cancelled, Usage::default(), out),
        }
    }

    fn interrupt(&mut self, token: Token, reason: &str, out: &mut Vec<Action>) {
        match self.attempts.get(&token) {
            Some(Phase::Live) => out.push(Action::Stop(token, Stop::Interrupt(reason.to_owned()))),
            Some(Phase::Queued(_)) => self.end(token, End::Interrupted(reason.to_owned()), Usage::default(), out),
            Some(Phase::Finishing | Phase::Refused(_) | Phase::Ended) | None => {}
        }
    }

    fn kill_where(&self, is_meant: impl Fn(&Phase) -> bool, reason: &str, out: &mut Vec<Action>) {
        for (token, _) in self.attempts.iter().filter(|(_, phase)| is_meant(phase)) {
            out.push(Action::Stop(*token, Stop::Kill(reason.to_owned())));
        }
    }

    fn drain(&mut self, reason: String, out: &mut Vec<Action>) {
        if self.leaving.is_some() {
            return;
        }
        for token in self.attempts() {
            self.interrupt(token, &reason, out);
        }
        self.leaving = Some(Leaving { reason, at_once: false, quiet_since: None });
    }

    fn refuse(&mut self, token: Token, reason: String, out: &mut Vec<Action>) {
        if self.link == Link::Up {
            self.attempts.remove(&token);
            out.push(Action::Send(Outbound::Refuse(token, reason)));
            out.push(Action::Forget(token));
        } else {
            self.attempts.insert(token, Phase::Refused(reason));
        }
    }

    fn end(&mut self, token: Token, end: End, usage: Usage, out: &mut Vec<Action>) {
        self.slots.withdraw(token);
        self.attempts.insert(token, Phase::Ended);
        out.push(Action::Spool(Report::finished(token, end, usage)));
    }

    /// Starts what may start; leaves when nothing is left to do.
    fn advance(&mut self, now: Duration, out: &mut Vec<Action>) {
        while self.may_start(now)
            && let Some(claim) = self.slots.start_next()
        {
            let threads = self.slots.threads(claim.exclusive);
            if let Some(Phase::Queued(assign)) = self.attempts.insert(claim.token, Phase::Live) {
                out.push(Action::Start { assign, threads });
            }
        }
        let busy = self.is_busy();
        if let Some(reason) = self.idle.over(busy, now) {
            self.drain(reason, out);
        }
        if let Some(leaving) = &mut self.leaving {
            leaving.quiet_since = leaving.quiet_since.or(Some(now)).filter(|_| !busy);
        }
        let Some(leaving) = &self.leaving else { return };
        if self.may_leave(leaving, now) {
            out.push(Action::Leave(leaving.reason.clone()));
        } else if self.coordinator_is_away(now) {
            // There is nobody to upload to.
            self.kill_where(|phase| *phase == Phase::Finishing, &leaving.reason, out);
        }
    }

    /// What waits is not begun once the lease may be over: someone else may have been given it.
    fn may_start(&self, now: Duration) -> bool {
        match self.link {
            Link::Up => true,
            Link::Down(since) => now.saturating_sub(since) + UNNOTICED < self.lease,
        }
    }

    fn is_busy(&self) -> bool {
        let is_busy = |phase: &Phase| matches!(phase, Phase::Live | Phase::Finishing | Phase::Queued(_));
        self.attempts.values().any(is_busy)
    }

    fn may_leave(&self, leaving: &Leaving, now: Duration) -> bool {
        let Some(quiet_since) = leaving.quiet_since else { return false };
        let is_deaf = self.link == Link::Up && now.saturating_sub(quiet_since) >= ACK_PATIENCE;
        self.attempts.is_empty() || leaving.at_once || is_deaf || self.coordinator_is_away(now)
    }

    fn coordinator_is_away(&self, now: Duration) -> bool {
        matches!(self.link, Link::Down(since) if now.saturating_sub(since) >= DRAIN_PATIENCE)
    }
}
