//! An agent's machine: its disk, which survives the process, and the process with the real agent's decisions in it, whose effects
//! are carried out here.

use std::collections::BTreeMap;
use std::time::Duration;

use sweep_shared::ids::Token;
use sweep_shared::resources::{Device, DeviceClass};
use sweep_shared::wire::v1;
use sweep_worker::simulation::{Effect, Identity, Input, SimAgent, Start, Terms, to_wire};

use super::disk::{Disk, Write};
use super::network::Path;
use super::runner::Run;
use super::transfer::Transfer;
use super::{Event, World};
use crate::checks::Rule;
use crate::dice::Dice;

/// An agent's machine.
pub struct Host {
    pub name: String,
    agent: String,
    /// Counts boots of the machine, and starts of the agent.
    boots: u64,
    starts: u64,
    pub devices: Vec<Device>,
    pub disk: Disk,
    pub path: Path,
    process: Option<Process>,
    /// It will not come back.
    pub gone: bool,
    asleep_from: u64,
    asleep_until: u64,
    /// How many percent of its runners fail, and how fast epochs pass.
    pub failing: u64,
    pub pace: u64,
}

/// A run of the agent.
pub struct Process {
    pub born: u64,
    pub agent: SimAgent,
    /// The connection that is wanted, and the one that is there.
    pub dial: u64,
    pub conn: Option<u64>,
    pub runs: BTreeMap<Token, Run>,
    pub transfers: BTreeMap<u64, Transfer>,
    /// In order; the numbers name them.
    writes: Vec<(u64, Write)>,
    /// The last report that it was told is recorded, by spool.
    pub acked: (String, u64),
    /// The database that it last heard of.
    pub generation: Option<String>,
    draining: bool,
}

const GIB: u64 = 1 << 30;

impl Host {
    pub fn new(index: usize, dice: &mut Dice) -> Self {
        let mut devices = vec![device(DeviceClass::Cpu, 0, dice.within(1..=2) as u32, 16 * GIB)];
        let memory = dice.pick(&[8, 12, 12, 24]).unwrap_or(12) * GIB;
        for gpu in 0..dice.pick(&[0, 1, 1, 2]).unwrap_or(0) {
            devices.push(device(DeviceClass::Cuda, gpu, dice.within(1..=2) as u32, memory));
        }
        Self {
            name: format!("h{index}"),
            agent: format!("host{index}-0000000{index}"),
            boots: 1,
            starts: 0,
            devices,
            disk: Disk::default(),
            path: Path { slowest_ms: dice.pick(&[20, 200, 2000]).unwrap_or(20), ..Path::default() },
            process: None,
            gone: false,
            asleep_from: 0,
            asleep_until: 0,
            failing: dice.pick(&[0, 5, 15]).unwrap_or(0),
            pace: dice.within(4_000..=25_000),
        }
    }

    /// A machine that can do everything.
    pub fn able(index: usize) -> Self {
        let mut dice = Dice::new(index as u64);
        let mut host = Self::new(index, &mut dice);
        host.devices = vec![device(DeviceClass::Cpu, 0, 2, 16 * GIB), device(DeviceClass::Cuda, 0, 2, 12 * GIB)];
        (host.failing, host.path.slowest_ms) = (0, 20);
        host
    }

    /// The agent's process, if it is still the one that was born then.
    pub fn process(&mut self, born: u64) -> Option<&mut Process> {
        self.process.as_mut().filter(|process| process.born == born)
    }

    pub fn running(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    pub fn agent_id(&self) -> &str {
        &self.agent
    }

    pub fn asleep(&self, now: u64) -> Option<u64> {
        (self.asleep_until > now).then_some(self.asleep_until)
    }

    pub fn sleep(&mut self, from: u64, until: u64) {
        (self.asleep_from, self.asleep_until) = (from, until);
    }

    /// Whether it has slept since then.
    pub fn slept_since(&self, since: u64, now: u64) -> bool {
        self.asleep_until > now && self.asleep_from <= since
    }

    pub fn reboot(&mut self) {
        self.boots += 1;
    }
}

fn device(class: DeviceClass, index: u32, slots: u32, memory: u64) -> Device {
    let name = format!("simulated {} {index}", class.as_str());
    Device {
        class,
        index,
        name,
        memory_total_bytes: memory,
        memory_free_bytes: memory,
        slots,
        status: Default::default(),
    }
}

impl World {
    pub fn start_host(&mut self, index: usize) {
        let now = Duration::from_millis(self.now);
        let luck = self.dice.draw();
        let host = &mut self.hosts[index];
        if host.gone || host.process.is_some() {
            return;
        }
        host.starts += 1;
        let born = host.starts;
        let recovered = host.disk.open(luck);
        let acked = (recovered.spool.clone(), recovered.acked);
        let generation = recovered.generation.clone();
        let start = Start {
            identity: Identity {
                agent: host.agent.clone(),
                host: host.name.clone(),
                boot: format!("boot-{}", host.boots),
                incarnation: host.starts,
                labels: Default::default(),
            },
            devices: host.devices.clone(),
            cores: 8,
            recovered,
            terms: Terms::new((Duration::from_millis(200), Duration::from_secs(8))),
            seed: luck,
        };
        let (agent, effects) = SimAgent::start(start, now);
        host.process = Some(Process {
            born,
            agent,
            dial: 0,
            conn: None,
            runs: BTreeMap::new(),
            transfers: BTreeMap::new(),
            writes: Vec::new(),
            acked,
            generation,
            draining: false,
        });
        self.carry_out(index, effects);
        self.plan_in(0..=1_000, Event::HostTick { host: index, born });
        self.plan_in(1_000..=5_000, Event::Heartbeat { host: index, born });
    }

    pub fn host_tick(&mut self, host: usize, born: u64) {
        if self.hosts[host].process(born).is_some() {
            self.plan_in(500..=1_500, Event::HostTick { host, born });
            self.feed(host, Input::Tick);
        }
    }

    pub fn heartbeat(&mut self, host: usize, born: u64) {
        if self.hosts[host].process(born).is_some() {
            self.plan_in(5_000..=5_500, Event::Heartbeat { host, born });
            let devices = self.hosts[host].devices.clone();
            self.feed(host, Input::Devices(devices));
        }
    }

    /// A write, and all before it, are on disk.
    pub fn durable(&mut self, host: usize, born: u64, write: u64) {
        let now = &mut self.hosts[host];
        let Some(process) = now.process.as_mut().filter(|process| process.born == born) else { return };
        let done = process.writes.partition_point(|(id, _)| *id <= write);
        let mut told = None;
        for (_, write) in process.writes.drain(..done) {
            told = now.disk.write(write).or(told);
        }
        if let Some((spool, seq)) = told {
            self.feed(host, Input::Durable { spool, seq });
        }
    }

    /// Something happens to the agent's session.
    pub fn feed(&mut self, host: usize, input: Input) {
        let now = Duration::from_millis(self.now);
        let Some(process) = &mut self.hosts[host].process else { return };
        let effects = process.agent.on(input, now);
        self.carry_out(host, effects);
    }

    /// The coordinator spoke on this connection.
    pub fn agent_hears(&mut self, host: usize, conn: u64, message: v1::CoordinatorMessage) {
        let now = Duration::from_millis(self.now);
        let Some(process) = self.hosts[host].process.as_mut().filter(|process| process.conn == Some(conn)) else {
            return;
        };
        match process.agent.hear(message, now) {
            Ok(effects) => self.carry_out(host, effects),
            Err(error) => self.checks.found(Rule::NothingStumbles, format!("an agent cannot read a message: {error}")),
        }
    }

    fn carry_out(&mut self, host: usize, effects: Vec<Effect>) {
        for effect in effects {
            let Some(process) = &mut self.hosts[host].process else { return };
            let born = process.born;
            match effect {
                Effect::Send(message) => {
                    if let Some(conn) = process.conn {
                        self.send_up(conn, to_wire(message));
                    }
                }
                Effect::TellLog { .. } | Effect::Welcomed { .. } => {}
                Effect::Connect { after } => {
                    process.dial += 1;
                    let (dial, old) = (process.dial, process.conn.take());
                    let event = Event::Dial { host, born, dial };
                    self.agenda.plan(self.now + after.as_millis() as u64, event);
                    if let Some(old) = old {
                        self.agent_closes(old, true);
                    }
                }
                Effect::Append { seq, record } => self.write(host, Write::Append { seq, payload: record.payload }),
                Effect::Acknowledged(seq) => {
                    process.acked.1 = seq;
                    self.write(host, Write::Acknowledged(seq));
                }
                Effect::Renew { spool, generation, records } => {
                    process.acked = (spool.clone(), 0);
                    process.generation.clone_from(&generation);
                    let payloads = records.into_iter().map(|record| record.payload).collect();
                    self.coverage.note("agent", "spool renewed");
                    self.write(host, Write::Renew { spool, generation, payloads });
                }
                Effect::Remember { generation } => {
                    process.generation = Some(generation.clone());
                    self.write(host, Write::Remember(generation));
                }
                Effect::Start { assign, .. } => self.start_run(host, *assign),
                Effect::Stop(token, stop) => self.ask_run(host, token, stop),
                Effect::Forget(token) => {
                    process.runs.remove(&token);
                }
                Effect::Supply { spool, seq, hashes } => self.supply(host, spool, seq, hashes),
                Effect::Leave => self.agent_leaves(host),
                Effect::GiveUp(reason) => {
                    self.trace.note(format_args!("{} gives up: {reason}", self.hosts[host].name));
                    self.coverage.note("agent", "refused");
                    self.agent_leaves(host);
                }
            }
        }
    }

    fn write(&mut self, host: usize, write: Write) {
        let id = self.id();
        let Some(process) = &mut self.hosts[host].process else { return };
        process.writes.push((id, write));
        let born = process.born;
        let slowest = if self.dice.chance(3) { 3_000 } else { 30 };
        self.plan_in(1..=slowest, Event::Durable { host, born, write: id });
    }

    /// The process ends by itself, and comes back after a while.
    fn agent_leaves(&mut self, host: usize) {
        let Some(process) = self.hosts[host].process.take() else { return };
        for (_, write) in process.writes {
            self.hosts[host].disk.write(write);
        }
        self.kill_runs(process.runs);
        if let Some(conn) = process.conn {
            // What was said goes out before the end.
            self.agent_closes_gently(conn);
        }
        let pause = if self.calm { 1..=5_000 } else { 1..=60_000 };
        self.plan_in(pause, Event::StartHost(host));
    }

    /// The process dies. What had not reached the disk is lost, but for a beginning; runners die with it. `power`: the whole
    /// machine, whose kernel can tell nobody.
    pub fn agent_dies(&mut self, host: usize, power: bool) {
        let Some(mut process) = self.hosts[host].process.take() else { return };
        let kept = self.dice.within(0..=process.writes.len() as u64) as usize;
        for (_, write) in process.writes.drain(..kept) {
            self.hosts[host].disk.write(write);
        }
        self.kill_runs(process.runs);
        if let Some(conn) = process.conn {
            self.agent_closes(conn, !power);
        }
        if power {
            self.hosts[host].reboot();
        }
    }

    fn kill_runs(&mut self, runs: BTreeMap<Token, Run>) {
        for token in runs.into_keys() {
            self.truth.dies(token);
        }
    }

    /// A user, or a system that is shutting down, asks the agent to leave.
    pub fn drain_agent(&mut self, host: usize) {
        let Some(process) = &mut self.hosts[host].process else { return };
        let again = std::mem::replace(&mut process.draining, true);
        let reason = "the agent is shutting down".to_owned();
        self.feed(host, if again { Input::Kill(reason) } else { Input::Drain(reason) });
    }
}
