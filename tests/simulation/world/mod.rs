//! The simulated world of one seed: a coordinator's machine, the agents' hosts, the network between them, users, and what
//! goes wrong. One event happens at a time, in the order of the agenda; after each, the rules are checked.
//!
//! `office` is the coordinator's machine, `host` an agent's with its `disk`, `runner` what runs there: it computes a `chain`,
//! whose `outputs` go out by `transfer`. `network` has the connections, `users` what people ask for (`plans`), `faults` what
//! breaks. `truth` remembers what really happened, to be compared with what the database says; `view` shows it to the rules.

pub mod chain;
mod disk;
pub mod faults;
pub mod host;
pub mod network;
pub mod office;
mod outputs;
pub mod plans;
pub mod runner;
pub mod transfer;
pub mod truth;
pub mod users;
mod view;
mod words;

use std::collections::BTreeMap;

use sweep_shared::ids::Token;

use crate::checks::{Checks, Rule, Violation};
use crate::coverage::{Coverage, Trace};
use crate::dice::Dice;
use crate::time::Agenda;
use host::Host;
use network::{Conn, Side};
use office::Office;
use truth::Truth;
use users::Users;

/// What can happen.
#[derive(Debug, Clone)]
pub enum Event {
    /// The coordinator's run of this number looks at its clock.
    Tick(u64),
    StartCoordinator,
    /// The next item of a connection arrives.
    Up(u64),
    Down(u64),
    /// A connection without a sign of life since then.
    Keepalive {
        conn: u64,
        side: Side,
        since: u64,
    },
    /// An agent connects.
    Dial {
        host: usize,
        born: u64,
        dial: u64,
    },
    /// A connection that nobody answers.
    NoAnswer(u64),
    HostTick {
        host: usize,
        born: u64,
    },
    Heartbeat {
        host: usize,
        born: u64,
    },
    /// Records of an agent's spool are on its disk.
    Durable {
        host: usize,
        born: u64,
        write: u64,
    },
    /// A runner has come to the end of what it was doing.
    Run {
        host: usize,
        born: u64,
        token: Token,
        serial: u64,
    },
    /// A blob's next piece.
    Transfer {
        host: usize,
        born: u64,
        id: u64,
    },
    StartHost(usize),
    Heal {
        host: usize,
        since: u64,
    },
    Call,
    Fault,
    /// No more faults: from here on everything must come to its end.
    Calm,
}

/// How long things go wrong.
const TROUBLED_MS: std::ops::RangeInclusive<u64> = 60_000..=400_000;
/// How long after that everything must have ended.
const PATIENCE_MS: u64 = 2 * 3_600_000;

pub struct World {
    pub dice: Dice,
    pub agenda: Agenda<Event>,
    pub now: u64,
    pub office: Office,
    pub hosts: Vec<Host>,
    pub conns: BTreeMap<u64, Conn>,
    pub next_id: u64,
    pub truth: Truth,
    pub checks: Checks,
    pub trace: Trace,
    pub coverage: Coverage,
    /// When the troubled time ends.
    pub calm_at: u64,
    pub calm: bool,
    pub users: Users,
}

type Step = Result<(), Violation>;

impl World {
    pub async fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let office = Office::new(&mut dice).await;
        let calm_at = dice.within(TROUBLED_MS);
        let mut world = Self {
            agenda: Agenda::default(),
            now: 0,
            office,
            hosts: Vec::new(),
            conns: BTreeMap::new(),
            next_id: 0,
            truth: Truth::default(),
            checks: Checks::default(),
            trace: Trace::default(),
            coverage: Coverage::default(),
            calm_at,
            calm: false,
            users: Users::default(),
            dice,
        };
        world.populate();
        world
    }

    fn populate(&mut self) {
        self.agenda.plan(0, Event::StartCoordinator);
        for index in 0..self.dice.within(1..=4) as usize {
            let host = Host::new(index, &mut self.dice);
            self.hosts.push(host);
            let at = self.dice.within(0..=20_000);
            self.agenda.plan(at, Event::StartHost(index));
        }
        self.agenda.plan(500, Event::Call);
        let first = self.dice.within(5_000..=30_000);
        self.agenda.plan(first, Event::Fault);
        self.agenda.plan(self.calm_at, Event::Calm);
    }

    /// Lets everything happen until all work has ended.
    pub async fn run(&mut self) -> Step {
        while let Some((at, event)) = self.agenda.next() {
            self.now = at.max(self.now);
            self.office.clocks.set(self.now);
            if let Some(later) = self.asleep(&event) {
                self.agenda.plan(later, event);
                continue;
            }
            self.trace.step(self.now, &event);
            self.happen(event).await?;
            self.check()?;
            if self.calm && self.is_over() {
                self.check_end()?;
                return self.check_up().await;
            }
            if self.now > self.calm_at + PATIENCE_MS {
                return Err(self.unfinished().await);
            }
        }
        Err(Violation::new(Rule::EverythingEnds, "nothing is going to happen any more"))
    }

    /// Until when the machine that the event concerns sleeps, if it does.
    fn asleep(&self, event: &Event) -> Option<u64> {
        let host = match event {
            Event::Tick(_) | Event::StartCoordinator | Event::Up(_) | Event::Call => {
                return self.office.asleep(self.now);
            }
            Event::Down(conn) => self.conns.get(conn)?.host,
            Event::Keepalive { conn, side, .. } => match side {
                Side::Coordinator => return self.office.asleep(self.now),
                Side::Agent => self.conns.get(conn)?.host,
            },
            Event::NoAnswer(conn) => self.conns.get(conn)?.host,
            Event::Transfer { host, .. } => {
                return self.office.asleep(self.now).max(self.hosts[*host].asleep(self.now));
            }
            Event::Dial { host, .. }
            | Event::HostTick { host, .. }
            | Event::Heartbeat { host, .. }
            | Event::Durable { host, .. }
            | Event::Run { host, .. }
            | Event::StartHost(host) => *host,
            Event::Heal { .. } | Event::Fault | Event::Calm => return None,
        };
        self.hosts[host].asleep(self.now)
    }

    async fn happen(&mut self, event: Event) -> Step {
        match event {
            Event::Tick(run) => return self.tick(run).await,
            Event::StartCoordinator => return self.start_coordinator().await,
            Event::Up(conn) => return self.arrive_up(conn).await,
            Event::Keepalive { conn, side, since } => return self.keepalive(conn, side, since).await,
            Event::Call => return self.user_calls().await,
            Event::Fault => return self.fault().await,
            Event::Down(conn) => self.arrive_down(conn),
            Event::Dial { host, born, dial } => self.dial(host, born, dial),
            Event::NoAnswer(conn) => self.no_answer(conn),
            Event::HostTick { host, born } => self.host_tick(host, born),
            Event::Heartbeat { host, born } => self.heartbeat(host, born),
            Event::Durable { host, born, write } => self.durable(host, born, write),
            Event::Run { host, born, token, serial } => self.runner(host, born, token, serial),
            Event::Transfer { host, born, id } => self.transfer(host, born, id),
            Event::StartHost(host) => self.start_host(host),
            Event::Heal { host, since } => self.heal(host, since),
            Event::Calm => self.calm_down(),
        }
        Ok(())
    }

    /// Gives back what the seed has taken.
    pub async fn end(mut self) {
        if let Some(site) = self.office.site.take() {
            site.end().await;
        }
        self.checks.close().await;
    }

    pub fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Plans something after a random time.
    pub fn plan_in(&mut self, range: std::ops::RangeInclusive<u64>, event: Event) {
        let at = self.now + self.dice.within(range);
        self.agenda.plan(at, event);
    }
}
