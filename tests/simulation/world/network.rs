//! Connections between agents and the coordinator. Within one, messages arrive in order or not at all; between two of one
//! agent there is no order. A path can be blocked in either direction: what is under way then waits, until the path heals or
//! one side has waited too long for a sign of life.

use std::collections::VecDeque;

use sweep_shared::wire::v1;

use super::words::{heard, said};
use super::{Event, Step, World};
use sweep_worker::simulation::Input;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Agent,
    Coordinator,
}

/// What is under way: messages, then perhaps the end of the stream.
enum Item<M> {
    Message(Box<M>),
    End,
}

/// One direction of a connection: in order, each item at its time.
struct Queue<M> {
    items: VecDeque<(u64, Item<M>)>,
    /// When the last that was sent arrives.
    last: u64,
    planned: bool,
}

impl<M> Default for Queue<M> {
    fn default() -> Self {
        Self { items: VecDeque::new(), last: 0, planned: false }
    }
}

impl<M> Queue<M> {
    fn push(&mut self, at: u64, item: Item<M>) {
        self.last = self.last.max(at);
        self.items.push_back((self.last, item));
    }

    /// The next item that has arrived by now.
    fn pop(&mut self, now: u64) -> Option<Item<M>> {
        self.items.front().filter(|(at, _)| *at <= now)?;
        self.items.pop_front().map(|(_, item)| item)
    }

    fn clear(&mut self) {
        self.items.clear();
    }

    /// When the next arrives, where that is not planned yet and nothing is in the way.
    fn plan(&mut self, blocked: bool, now: u64) -> Option<u64> {
        let (at, _) = self.items.front().filter(|_| !self.planned && !blocked)?;
        self.planned = true;
        Some((*at).max(now))
    }
}

/// One TCP connection with one session on it.
pub struct Conn {
    pub host: usize,
    /// Which run of the agent made it, and to which of the coordinator's it goes.
    pub born: u64,
    pub run: u64,
    /// The coordinator's name for it, once Hello has arrived.
    pub session: Option<u64>,
    pub agent_open: bool,
    pub coordinator_open: bool,
    up: Queue<v1::AgentMessage>,
    down: Queue<v1::CoordinatorMessage>,
}

/// The way from one host to the coordinator.
#[derive(Default)]
pub struct Path {
    pub up_blocked: bool,
    pub down_blocked: bool,
    /// Since when either is.
    pub since: u64,
    /// Milliseconds that a message may take.
    pub slowest_ms: u64,
}

impl Path {
    pub fn is_whole(&self) -> bool {
        !self.up_blocked && !self.down_blocked
    }
}

/// After so long without an answer to its pings a side gives a connection up; see session/link.rs and service.rs.
const AGENT_PATIENCE_MS: u64 = 20_000;
const COORDINATOR_PATIENCE_MS: u64 = 30_000;
/// A connection that nobody answers.
const CONNECT_TIMEOUT_MS: u64 = 5_000;

impl World {
    /// The agent's process makes a connection.
    pub fn dial(&mut self, host: usize, born: u64, dial: u64) {
        let Some(process) = self.hosts[host].process(born).filter(|process| process.dial == dial) else {
            return;
        };
        let id = self.next_id + 1;
        process.conn = Some(id);
        self.next_id = id;
        let conn = Conn {
            host,
            born,
            run: self.office.run,
            session: None,
            agent_open: true,
            coordinator_open: self.office.site.is_some(),
            up: Queue::default(),
            down: Queue::default(),
        };
        let answered = conn.coordinator_open && self.hosts[host].path.is_whole();
        self.conns.insert(id, conn);
        let wait = if self.office.site.is_none() && self.hosts[host].path.is_whole() { 5 } else { CONNECT_TIMEOUT_MS };
        if !answered {
            self.agenda.plan(self.now + wait, Event::NoAnswer(id));
        }
        self.feed(host, Input::Opened);
    }

    /// A connection that was not established in time.
    pub fn no_answer(&mut self, conn: u64) {
        if self.conns.get(&conn).is_some_and(|conn| conn.session.is_none() && conn.agent_open) {
            self.agent_hears_the_end(conn, "nobody answers");
        }
    }

    pub fn send_up(&mut self, conn: u64, message: v1::AgentMessage) {
        if self.conns.get(&conn).is_some_and(|conn| conn.agent_open) {
            self.push_up(conn, Item::Message(Box::new(message)));
        }
    }

    pub fn send_down(&mut self, conn: u64, message: v1::CoordinatorMessage) {
        self.push_down(conn, Item::Message(Box::new(message)));
    }

    fn push_up(&mut self, id: u64, item: Item<v1::AgentMessage>) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let slowest = self.hosts[conn.host].path.slowest_ms;
        conn.up.push(self.now + self.dice.within(1..=slowest), item);
        self.plan_up(id);
    }

    fn push_down(&mut self, id: u64, item: Item<v1::CoordinatorMessage>) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let slowest = self.hosts[conn.host].path.slowest_ms;
        conn.down.push(self.now + self.dice.within(1..=slowest), item);
        self.plan_down(id);
    }

    fn plan_up(&mut self, id: u64) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        if let Some(at) = conn.up.plan(self.hosts[conn.host].path.up_blocked, self.now) {
            self.agenda.plan(at, Event::Up(id));
        }
    }

    fn plan_down(&mut self, id: u64) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        if let Some(at) = conn.down.plan(self.hosts[conn.host].path.down_blocked, self.now) {
            self.agenda.plan(at, Event::Down(id));
        }
    }

    /// What has come so far from the agent arrives.
    pub async fn arrive_up(&mut self, id: u64) -> Step {
        let Some(conn) = self.conns.get_mut(&id) else { return Ok(()) };
        conn.up.planned = false;
        let path = &self.hosts[conn.host].path;
        // A connection is only made over a path that is open both ways.
        if path.up_blocked || (conn.session.is_none() && path.down_blocked) {
            return Ok(());
        }
        let mut arrived = false;
        while let Some(item) = self.conns.get_mut(&id).and_then(|conn| conn.up.pop(self.now)) {
            arrived |= self.arrive_one(id, item);
        }
        self.plan_up(id);
        self.forget_closed(id);
        if arrived { self.step(false).await } else { Ok(()) }
    }

    fn arrive_one(&mut self, id: u64, item: Item<v1::AgentMessage>) -> bool {
        let Some(conn) = self.conns.get_mut(&id) else { return false };
        let Some(site) = self.office.site.as_mut().filter(|_| conn.coordinator_open && conn.run == self.office.run)
        else {
            return false;
        };
        match item {
            Item::Message(message) => {
                self.trace.note(format_args!("{} ▲ {}", self.hosts[conn.host].name, said(&message)));
                let session = *conn.session.get_or_insert_with(|| site.connect());
                site.deliver(session, *message);
            }
            Item::End => {
                conn.coordinator_open = false;
                let Some(session) = conn.session else { return false };
                site.close(session);
            }
        }
        true
    }

    /// What has come so far from the coordinator arrives.
    pub fn arrive_down(&mut self, id: u64) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        conn.down.planned = false;
        let host = conn.host;
        if self.hosts[host].path.down_blocked {
            return;
        }
        while let Some(conn) = self.conns.get_mut(&id).filter(|conn| conn.agent_open) {
            match conn.down.pop(self.now) {
                Some(Item::Message(message)) => {
                    self.trace.note(format_args!("{} ▼ {}", self.hosts[host].name, heard(&message)));
                    self.agent_hears(host, id, *message);
                }
                Some(Item::End) => self.agent_hears_the_end(id, "the connection was closed"),
                None => break,
            }
        }
        if let Some(conn) = self.conns.get_mut(&id).filter(|conn| !conn.agent_open) {
            conn.down.clear();
        }
        self.plan_down(id);
        self.forget_closed(id);
    }

    fn agent_hears_the_end(&mut self, id: u64, reason: &str) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let (host, born) = (conn.host, conn.born);
        self.agent_closes(id, true);
        let current = self.hosts[host].process(born).is_some_and(|process| process.conn == Some(id));
        if current {
            self.feed(host, Input::Closed(reason.to_owned()));
        }
    }

    /// The agent's side is closed. `told`: its kernel says so to the other side; what was under way may be lost all the same.
    pub fn agent_closes(&mut self, id: u64, told: bool) {
        let loses = self.dice.chance(50);
        let Some(conn) = self.conns.get_mut(&id).filter(|conn| conn.agent_open) else { return };
        conn.agent_open = false;
        conn.down.clear();
        if loses || !told {
            conn.up.clear();
        }
        if told {
            self.push_up(id, Item::End);
        }
        let since = self.now;
        let keepalive = Event::Keepalive { conn: id, side: Side::Coordinator, since };
        self.agenda.plan(self.now + COORDINATOR_PATIENCE_MS, keepalive);
        self.forget_closed(id);
    }

    /// The agent's side is closed once all that it said has gone out.
    pub fn agent_closes_gently(&mut self, id: u64) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        conn.agent_open = false;
        conn.down.clear();
        self.push_up(id, Item::End);
        let since = self.now;
        let keepalive = Event::Keepalive { conn: id, side: Side::Coordinator, since };
        self.agenda.plan(self.now + COORDINATOR_PATIENCE_MS, keepalive);
    }

    /// A connection breaks, and both sides are told so.
    pub fn cut(&mut self, id: u64) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        conn.up.clear();
        conn.down.clear();
        self.push_up(id, Item::End);
        self.push_down(id, Item::End);
    }

    /// One side hears that the connection is gone, and the other does not.
    pub async fn half_open(&mut self, id: u64) -> Step {
        let agent_knows = self.dice.chance(50);
        let Some(conn) = self.conns.get_mut(&id) else { return Ok(()) };
        if agent_knows {
            let host = conn.host;
            self.agent_closes(id, false);
            self.feed(host, Input::Closed("the connection is broken".to_owned()));
            return Ok(());
        }
        conn.coordinator_open = false;
        conn.down.clear();
        let (session, run) = (conn.session, conn.run);
        let keepalive = Event::Keepalive { conn: id, side: Side::Agent, since: self.now };
        self.agenda.plan(self.now + AGENT_PATIENCE_MS, keepalive);
        match (session, &mut self.office.site) {
            (Some(session), Some(site)) if run == self.office.run => {
                site.close(session);
                self.step(false).await
            }
            _ => Ok(()),
        }
    }

    /// What is under way to the agent is lost, from somewhere on.
    pub fn lose_down(&mut self, id: u64) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let kept = self.dice.within(0..=conn.down.items.len() as u64) as usize;
        conn.down.items.truncate(kept);
    }

    /// The coordinator's side is closed, after what it has said.
    pub fn coordinator_closes(&mut self, id: u64) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        conn.coordinator_open = false;
        self.push_down(id, Item::End);
        let keepalive = Event::Keepalive { conn: id, side: Side::Agent, since: self.now };
        self.agenda.plan(self.now + AGENT_PATIENCE_MS, keepalive);
    }

    /// A side has waited for a sign of life since then.
    pub async fn keepalive(&mut self, id: u64, side: Side, since: u64) -> Step {
        let Some(conn) = self.conns.get_mut(&id) else { return Ok(()) };
        let path = &self.hosts[conn.host].path;
        let blocked = !path.is_whole() && path.since <= since;
        let (agent_silent, coordinator_silent) = (
            !conn.agent_open || self.hosts[conn.host].slept_since(since, self.now),
            !conn.coordinator_open || self.office.slept_since(since, self.now),
        );
        match side {
            Side::Agent if conn.agent_open && (blocked || coordinator_silent) => {
                self.agent_hears_the_end(id, "the keep-alive was not answered");
            }
            Side::Coordinator if conn.coordinator_open && (blocked || agent_silent) => {
                conn.coordinator_open = false;
                conn.up.clear();
                let (session, run) = (conn.session, conn.run);
                self.forget_closed(id);
                if let (Some(session), Some(site), true) = (session, &mut self.office.site, run == self.office.run) {
                    site.close(session);
                    return self.step(false).await;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A path is blocked, one way or both.
    pub fn block(&mut self, host: usize, up: bool, down: bool, for_ms: u64) {
        let path = &mut self.hosts[host].path;
        (path.up_blocked, path.down_blocked, path.since) = (up, down, self.now);
        let since = self.now;
        self.wait_for_signs(Side::Agent, Some(host));
        self.wait_for_signs(Side::Coordinator, Some(host));
        self.agenda.plan(since + for_ms, Event::Heal { host, since });
    }

    /// From now on this side of a host's connections, or of all, waits for signs of life.
    pub fn wait_for_signs(&mut self, side: Side, host: Option<usize>) {
        let patience = if side == Side::Agent { AGENT_PATIENCE_MS } else { COORDINATOR_PATIENCE_MS };
        let concerns = |conn: &Conn| host.is_none_or(|host| conn.host == host);
        let open: Vec<u64> = self.conns.iter().filter(|(_, conn)| concerns(conn)).map(|(id, _)| *id).collect();
        for conn in open {
            self.agenda.plan(self.now + patience, Event::Keepalive { conn, side, since: self.now });
        }
    }

    pub fn heal(&mut self, host: usize, since: u64) {
        let path = &mut self.hosts[host].path;
        if path.since != since {
            return;
        }
        (path.up_blocked, path.down_blocked) = (false, false);
        let ids: Vec<u64> = self.conns.iter().filter(|(_, conn)| conn.host == host).map(|(id, _)| *id).collect();
        for id in ids {
            self.plan_up(id);
            self.plan_down(id);
        }
    }

    fn forget_closed(&mut self, id: u64) {
        let over = |conn: &Conn| !conn.agent_open && !conn.coordinator_open;
        if self.conns.get(&id).is_some_and(over) {
            self.conns.remove(&id);
        }
    }

    /// Which connection a session of the running coordinator is on.
    pub fn conn_of(&self, session: u64) -> Option<u64> {
        let is_it = |conn: &Conn| conn.session == Some(session) && conn.run == self.office.run;
        self.conns.iter().find(|(_, conn)| is_it(conn)).map(|(id, _)| *id)
    }
}
