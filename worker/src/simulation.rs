//! The agent's decisions without an agent, for a simulator that owns the disk, the runners, the network and the time.
//!
//! [`SimAgent`] is the real session behind the real wire format. It is told what happens and answers with [`Effect`]s, to
//! be carried out in order; what it forgets when it dies is everything but its [`Disk`]. A simulator that carries out
//! effects late, or loses them with a crash, does what machines do.

use std::time::Duration;

use sweep_shared::resources::Device;
use sweep_shared::wire::{WireError, v1};

pub use crate::attempt::News;
pub use crate::identity::Identity;
pub use crate::report::{Checkpoint, End, Point, Report, Success};
pub use crate::session::{Assign, Effect, Inbound, Input, Outbound, Outcome, Stop, Terms};
pub use crate::spool::{Record, Recovered};

use crate::luck::Luck;
use crate::session::{Session, Setup, inbound, outbound};

/// What an agent starts with.
pub struct Start {
    pub identity: Identity,
    pub devices: Vec<Device>,
    /// Compute threads of the host.
    pub cores: u32,
    /// See [`Disk::recovered`].
    pub recovered: Recovered,
    pub terms: Terms,
    /// Of its waits' jitter, and the names of renewed spools.
    pub seed: u64,
}

/// One incarnation of an agent.
pub struct SimAgent {
    session: Session,
}

impl SimAgent {
    /// The agent, and what it does first. Times are since any fixed moment.
    pub fn start(start: Start, now: Duration) -> (Self, Vec<Effect>) {
        let Start { identity, devices, cores, recovered, terms, seed } = start;
        let setup = Setup { identity, devices, cores, recovered, terms, luck: Luck::seeded(seed) };
        let (session, effects) = Session::new(setup, now);
        (Self { session }, effects)
    }

    /// Something happened. [`Input::Tick`] comes five times a second, [`Input::Devices`] every five seconds.
    pub fn on(&mut self, input: Input, now: Duration) -> Vec<Effect> {
        self.session.on(input, now)
    }

    /// The coordinator spoke, on the connection that was opened last.
    pub fn hear(&mut self, message: v1::CoordinatorMessage, now: Duration) -> Result<Vec<Effect>, WireError> {
        Ok(self.session.on(Input::Message(inbound(message)?), now))
    }

    /// Attempts that run here, or whose ends are not acknowledged.
    pub fn attempts(&self) -> Vec<sweep_shared::ids::Token> {
        self.session.attempts()
    }

    pub fn is_welcomed(&self) -> bool {
        self.session.is_welcomed()
    }
}

/// What crosses the network for [`Effect::Send`].
pub fn to_wire(message: Outbound) -> v1::AgentMessage {
    outbound(message)
}

/// A spool as the real one behaves: what was ordered is durable only after the next [`Disk::sync`].
#[derive(Debug, Clone)]
pub struct Disk {
    durable: Spool,
    ordered: Spool,
}

#[derive(Debug, Clone)]
struct Spool {
    name: String,
    generation: Option<String>,
    acked: u64,
    next_seq: u64,
    payloads: Vec<(u64, Vec<u8>)>,
}

impl Disk {
    /// An empty disk whose first spool bears this name, which no other disk's may.
    pub fn new(spool: &str) -> Self {
        let spool = Spool { name: spool.to_owned(), generation: None, acked: 0, next_seq: 1, payloads: Vec::new() };
        Self { durable: spool.clone(), ordered: spool }
    }

    /// Takes the effects that concern the spool. False: this is none.
    pub fn order(&mut self, effect: &Effect) -> bool {
        let spool = &mut self.ordered;
        match effect {
            Effect::Append { seq, record } => {
                assert_eq!(*seq, spool.next_seq, "records are numbered without gaps");
                spool.next_seq += 1;
                spool.payloads.push((*seq, record.payload.clone()));
            }
            Effect::Acknowledged(seq) => {
                spool.acked = *seq;
                spool.payloads.retain(|(other, _)| other > seq);
            }
            Effect::Renew { spool: name, generation, records } => {
                let payloads: Vec<_> = (1..).zip(records.iter().map(|record| record.payload.clone())).collect();
                let next_seq = payloads.len() as u64 + 1;
                *spool = Spool { name: name.clone(), generation: generation.clone(), acked: 0, next_seq, payloads };
            }
            Effect::Remember { generation } => spool.generation = Some(generation.clone()),
            _ => return false,
        }
        true
    }

    /// Whether [`Self::sync`] would change anything that the agent waits for.
    pub fn is_behind(&self) -> bool {
        (&self.durable.name, self.durable.next_seq) != (&self.ordered.name, self.ordered.next_seq)
    }

    /// Everything ordered is durable. What to tell the agent.
    pub fn sync(&mut self) -> Input {
        self.durable.clone_from(&self.ordered);
        Input::Durable { spool: self.durable.name.clone(), seq: self.durable.next_seq - 1 }
    }

    /// The agent died: what was not durable is gone.
    pub fn crash(&mut self) {
        self.ordered.clone_from(&self.durable);
    }

    /// For the next start.
    ///
    /// # Panics
    /// If it was told to keep what no agent wrote.
    pub fn recovered(&self) -> Recovered {
        let Spool { name, generation, acked, next_seq, payloads } = self.durable.clone();
        let decode = |payload: &[u8]| Report::decode(payload).expect("an agent wrote it");
        let reports = payloads.iter().map(|(seq, payload)| (*seq, decode(payload))).collect();
        Recovered { spool: name, generation, acked, next_seq, reports }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep_shared::ids::{JobId, Token};
    use sweep_shared::labels::Labels;
    use sweep_shared::wire::v1::coordinator_message::Body;

    const NOW: Duration = Duration::from_secs(1);

    fn start(disk: &Disk, incarnation: u64) -> (SimAgent, Vec<Effect>) {
        let name = || "a".to_owned();
        let identity = Identity { agent: name(), host: name(), boot: name(), incarnation, labels: Labels::default() };
        let terms = Terms::new((Duration::from_millis(100), Duration::from_secs(5)));
        let recovered = disk.recovered();
        SimAgent::start(Start { identity, devices: vec![], cores: 1, recovered, terms, seed: 1 }, NOW)
    }

    fn hear(agent: &mut SimAgent, body: Body) -> Vec<Effect> {
        agent.hear(v1::CoordinatorMessage { body: Some(body) }, NOW).unwrap()
    }

    fn welcome(agent: &mut SimAgent) -> Vec<Effect> {
        agent.on(Input::Opened, NOW);
        hear(agent, Body::Welcome(v1::Welcome { generation: "g".to_owned(), lease_ms: 1000, ..v1::Welcome::default() }))
    }

    #[test]
    fn an_agent_that_dies_keeps_what_its_disk_kept() {
        let token = Token { job: JobId(1), attempt: 1, lease: 1 };
        let mut disk = Disk::new("one");
        for synced in [false, true] {
            let (mut agent, _) = start(&disk, 1);
            for effect in welcome(&mut agent) {
                disk.order(&effect);
            }
            let cancelled = hear(&mut agent, Body::Cancel(v1::Cancel { token: Some(token.into()) }));
            assert!(cancelled.iter().all(|effect| disk.order(effect)) && disk.is_behind(), "{cancelled:?}");
            if synced {
                let sent = agent.on(disk.sync(), NOW);
                let [.., Effect::Send(message)] = &sent[..] else { panic!("{sent:?}") };
                assert_eq!(to_wire(message.clone()).seq, 1);
            }
            disk.crash();
            let (again, _) = start(&disk, 2);
            assert_eq!(again.attempts(), if synced { vec![token] } else { vec![] });
        }
        assert_eq!(disk.recovered().generation.as_deref(), Some("g"));
    }
}
