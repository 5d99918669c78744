//! The whole session, decided: the attempts ([`State`]), the reports ([`Delivery`]), what is untold, and the connection.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sweep_shared::ids::{ContentHash, Token};
use sweep_shared::resources::{Device, Usage};

use super::delivery::Delivery;
use super::effect::{Effect, Input};
use super::message::{Inbound, Outbound};
use super::progress::Untold;
use super::state::{Action, State};
use crate::attempt::News;
use crate::identity::Identity;
use crate::luck::Luck;
use crate::report::{Body, End, Report};
use crate::slots::Slots;
use crate::spool::Recovered;
use crate::transfer::Backoff;

/// What a session begins with.
pub struct Setup {
    pub identity: Identity,
    pub devices: Vec<Device>,
    /// Compute threads of the host.
    pub cores: u32,
    /// What the disk kept.
    pub recovered: Recovered,
    pub terms: Terms,
    pub luck: Luck,
}

/// What an agent's patience is measured by.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Bounds of the wait between two tries to connect.
    pub backoff: (Duration, Duration),
    /// Superseded checkpoints that may wait in the spool before it is renewed without them.
    pub most_superseded: usize,
    /// It leaves when it had nothing to do for so long.
    pub leave_when_idle: Option<Duration>,
}

impl Terms {
    pub fn new(backoff: (Duration, Duration)) -> Self {
        Self { backoff, most_superseded: 1000, leave_when_idle: None }
    }
}

/// Where the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// There is none, or what comes from it counts no more.
    Closed,
    /// Hello is on its way.
    Greeting,
    Welcomed,
}

/// An agent's session: what happens goes in, what has to be done comes out. No socket, disk, process or clock is near;
/// times are since any fixed moment, on a clock that goes on while the machine sleeps.
pub struct Session {
    pub(super) identity: Identity,
    terms: Terms,
    pub(super) state: State,
    pub(super) delivery: Delivery,
    /// Of attempts since their start, until their ends are acknowledged.
    pub(super) untold: BTreeMap<Token, Untold>,
    /// What another database granted and the one heard last does not know. Hello does not name it: that would tell this
    /// database that it is older than the world, and it would begin one generation after the other.
    pub(super) disowned: BTreeSet<Token>,
    pub(super) devices: Vec<Device>,
    pub(super) room: bool,
    pub(super) line: Line,
    /// How often it said hello.
    pub(super) greetings: u64,
    /// Was ever welcomed.
    pub(super) known: bool,
    /// A renewed spool is not on disk yet.
    pub(super) renewing: bool,
    pub(super) renewed: Option<Duration>,
    pub(super) backoff: Backoff,
    luck: Luck,
    /// When something last happened.
    pub(super) now: Duration,
    pub(super) over: bool,
    /// Why the coordinator will not have this agent any more.
    pub(super) expelled: Option<String>,
    pub(super) out: Vec<Effect>,
}

impl Session {
    /// A session, and what it does first. The ends of attempts that the agent's last death cut short are reported.
    pub fn new(setup: Setup, now: Duration) -> (Self, Vec<Effect>) {
        let Setup { identity, devices, cores, recovered, terms, mut luck } = setup;
        let (ended, cut) = inherited(&recovered.reports);
        let slots = Slots::new(&devices, cores);
        let inherited = ended.into_iter().chain(cut.iter().copied());
        let mut session = Self {
            state: State::new(slots, inherited, recovered.generation.clone(), now)
                .leaves_when_idle(terms.leave_when_idle),
            delivery: Delivery::new(recovered),
            untold: BTreeMap::new(),
            disowned: BTreeSet::new(),
            devices,
            room: true,
            line: Line::Closed,
            greetings: 0,
            known: false,
            renewing: false,
            renewed: None,
            backoff: Backoff::new(terms.backoff, Luck::seeded(luck.draw())),
            identity,
            terms,
            luck,
            now,
            over: false,
            expelled: None,
            out: Vec::new(),
        };
        for token in cut {
            let end = End::Interrupted("the agent was restarted".to_owned());
            session.spool(Report::finished(token, end, Usage::default()));
        }
        session.connect(Duration::ZERO);
        let effects = session.take_out();
        (session, effects)
    }

    /// The attempts whose runners live, and those whose ends are not acknowledged.
    pub fn attempts(&self) -> Vec<Token> {
        self.state.attempts()
    }

    /// Whether the coordinator does not accept this agent's certificate.
    pub fn is_expelled(&self) -> bool {
        self.expelled.is_some()
    }

    pub fn is_welcomed(&self) -> bool {
        self.line == Line::Welcomed
    }

    /// Something happened, `now`.
    pub fn on(&mut self, input: Input, now: Duration) -> Vec<Effect> {
        if self.over {
            return Vec::new();
        }
        self.wake(now);
        match input {
            Input::Opened => self.opened(),
            Input::Message(message) => self.message(message),
            Input::Closed(reason) => self.closed(&reason),
            Input::Denied(reason) if self.line != Line::Closed => self.refused(reason),
            // Of a connection that was given up.
            Input::Denied(_) => {}
            Input::Expelled(reason) if self.line != Line::Closed => self.expelled(reason),
            Input::Expelled(_) => {}
            Input::News(token, news) => self.news(token, news),
            Input::Durable { spool, seq } => self.durable(&spool, seq),
            Input::Supplied { spool, seq, missing } => self.supplied(&spool, seq, missing),
            Input::Devices(devices) => {
                self.devices = devices;
                // First what the devices are like: who is told afterwards that an attempt stopped knows why.
                self.send(Outbound::Heartbeat(self.offered()));
                let devices = std::mem::take(&mut self.devices);
                self.decided(|state, now| state.on_devices(&devices, now));
                self.devices = devices;
            }
            Input::Room(room) => {
                self.room = room;
                self.state.set_room(room);
                self.send(Outbound::Heartbeat(self.offered()));
            }
            Input::Tick => self.tick(),
            Input::Drain(reason) => self.decided(|state, now| state.on_drain(&reason, now)),
            Input::Kill(reason) => self.decided(|state, now| state.on_kill(&reason, now)),
        }
        self.take_out()
    }

    fn take_out(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.out)
    }

    fn message(&mut self, message: Inbound) {
        match (self.line, message) {
            // Of a connection that was given up.
            (Line::Closed, _) => {}
            (_, message @ Inbound::Welcome { .. }) => self.welcome(message),
            (_, message @ Inbound::Refused(_)) | (Line::Welcomed, message) => {
                if let Inbound::Ack(seq) = message {
                    self.acked(seq);
                }
                self.decided(|state, now| state.on_message(message, |_| true, now));
            }
            (Line::Greeting, _) => tracing::warn!("the coordinator spoke before its Welcome"),
        }
    }

    pub(super) fn acked(&mut self, seq: u64) {
        let reports = self.delivery.ack(seq);
        if reports.is_empty() {
            return;
        }
        for Report { token, body } in &reports {
            tracing::debug!(%token, "the coordinator has recorded {body}");
        }
        self.out.push(Effect::Acknowledged(seq));
        let ended: Vec<Token> = reports.iter().filter(|r| r.is_final()).map(|r| r.token).collect();
        if !ended.is_empty() {
            self.decided(|state, now| state.on_acked(ended, now));
        }
    }

    fn news(&mut self, token: Token, news: News) {
        let untold = self.untold.get_mut(&token);
        match (news, untold) {
            (News::Progress { fraction, message }, Some(untold)) => untold.progressed(fraction, message),
            (News::Epoch(epoch), Some(untold)) => untold.epoch_ended(epoch),
            (News::Resumed { epoch, step }, Some(untold)) => untold.resumed(epoch, step),
            (News::Silence(silence), Some(untold)) => untold.silent(silence),
            (News::Stuck(why), Some(untold)) => untold.stuck(why),
            (
                News::Progress { .. } | News::Epoch(_) | News::Resumed { .. } | News::Silence(_) | News::Stuck(_),
                None,
            ) => {}
            (News::Checkpoint(checkpoint), _) => {
                self.spool(Report { token, body: Body::Checkpoint(checkpoint) });
                let most = self.terms.most_superseded;
                if self.delivery.waiting() > most && self.delivery.superseded() > most {
                    self.renew();
                }
            }
            (News::Holding, _) => self.state.on_holding(token),
            (News::Released, _) => self.decided(|state, now| state.on_released(token, now)),
            (News::Gone, _) => self.decided(|state, now| state.on_gone(token, now)),
            (News::Outcome(outcome), _) => self.decided(|state, now| state.on_outcome(token, outcome, now)),
        }
    }

    fn durable(&mut self, spool: &str, seq: u64) {
        if spool != self.delivery.spool() {
            return;
        }
        self.delivery.durable(seq);
        if std::mem::take(&mut self.renewing) {
            let after = self.backoff.step();
            self.connect(after);
        }
        self.send_due();
    }

    fn supplied(&mut self, spool: &str, seq: u64, missing: Option<ContentHash>) {
        let Some(report) = self.delivery.get(seq).filter(|_| spool == self.delivery.spool()) else { return };
        if let Some(hash) = missing {
            if !report.is_final() {
                // There will be another checkpoint.
                tracing::warn!(token = %report.token, %hash, "a checkpoint is lost: neither side has it any more");
                self.delivery.discard(seq);
                self.renew();
                return;
            }
            let message = format!("the coordinator lost blob {hash}, and this agent does not have it any more");
            self.delivery.replace(seq, message);
        }
        self.delivery.rewind(seq - 1);
        self.send_due();
    }

    fn tick(&mut self) {
        if self.line == Line::Welcomed {
            let live: Vec<Token> = self.untold.keys().copied().filter(|token| self.state.is_live(*token)).collect();
            for token in live {
                self.tell(token, false);
            }
        }
        self.decided(|state, now| state.on_tick(now));
    }

    /// Tells what is new of an attempt. `over`: it has ended, so everything has to be told before its end is.
    fn tell(&mut self, token: Token, over: bool) {
        let now = self.now;
        while let Some(progress) = self.untold.get_mut(&token).and_then(|untold| untold.next(now)) {
            self.out.push(Effect::Send(Outbound::Progress(token, progress)));
        }
        self.out.push(Effect::TellLog { token, over });
    }

    pub(super) fn decided(&mut self, decide: impl FnOnce(&mut State, Duration) -> Vec<Action>) {
        let actions = decide(&mut self.state, self.now);
        self.act(actions);
    }

    pub(super) fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send(message) => self.send(message),
                Action::Spool(report) => self.spool(report),
                Action::Start { assign, threads } => {
                    self.untold.insert(assign.token, Untold::default());
                    self.out.push(Effect::Start { assign, threads });
                }
                Action::Stop(token, stop) => self.out.push(Effect::Stop(token, stop)),
                Action::Forget(token) => {
                    self.untold.remove(&token);
                    self.disowned.remove(&token);
                    self.out.push(Effect::Forget(token));
                }
                Action::Supply { seq, hashes } if self.delivery.get(seq).is_some() => {
                    self.out.push(Effect::Supply { spool: self.delivery.spool().to_owned(), seq, hashes });
                }
                // It was acknowledged meanwhile.
                Action::Supply { .. } => {}
                Action::RenewSpool => self.renew(),
                Action::Leave(_) if let Some(reason) = self.expelled.clone() => {
                    self.out.push(Effect::GiveUp(reason));
                    self.over = true;
                }
                Action::Leave(reason) => {
                    tracing::info!("the agent leaves: {reason}");
                    self.send(Outbound::Goodbye(reason));
                    self.out.push(Effect::Leave);
                    self.over = true;
                }
                Action::GiveUp(reason) => self.refused(reason),
            }
        }
    }

    fn spool(&mut self, report: Report) {
        let (seq, record) = self.delivery.push(report);
        self.out.push(Effect::Append { seq, record });
    }

    /// A new spool. The connection is made again once it is on disk.
    fn renew(&mut self) {
        self.line = Line::Closed;
        self.state.on_disconnect(self.now);
        self.renewing = true;
        self.renewed = Some(self.now);
        let spool = format!("{:016x}", self.luck.draw());
        let records = self.delivery.renew(spool.clone());
        let generation = self.state.generation().map(str::to_owned);
        self.out.push(Effect::Renew { spool, generation, records });
    }

    /// Sends what is durable and was not sent yet. Before an attempt's end goes all that is to be told of it.
    pub(super) fn send_due(&mut self) {
        while self.line == Line::Welcomed
            && let Some((seq, report)) = self.delivery.next_due()
        {
            let report = report.clone();
            if report.is_final() {
                self.tell(report.token, true);
            }
            self.out.push(Effect::Send(Outbound::Report(seq, report)));
        }
    }

    /// What is not spooled goes only to a connection that was welcomed; later ones start from the state they find.
    fn send(&mut self, message: Outbound) {
        if self.line == Line::Welcomed {
            self.out.push(Effect::Send(message));
        }
    }
}

/// Attempts that an earlier incarnation left: those whose end is in the spool, and those that have other reports there.
fn inherited(reports: &[(u64, Report)]) -> (Vec<Token>, Vec<Token>) {
    let mut final_seen: BTreeMap<Token, bool> = BTreeMap::new();
    for (_, report) in reports {
        *final_seen.entry(report.token).or_insert(false) |= report.is_final();
    }
    let (ended, cut): (Vec<_>, Vec<_>) = final_seen.into_iter().partition(|(_, ended)| *ended);
    (ended.into_iter().map(|(token, _)| token).collect(), cut.into_iter().map(|(token, _)| token).collect())
}
