//! Looking at one device: its memory, and whose it is.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sweep_shared::ids::Token;
use sweep_shared::resources::{DeviceClass, OtherProcess, named};
use tokio::task::spawn_blocking;

use super::ledger::Ledger;
use super::shares::{Shares, split};
use crate::probe::{Cpu, Gpu, Line, People, Reading, Trouble, owner};
use crate::process::{Members, resident_together};
use crate::slots::DeviceKey;

/// A device, and all that the agent keeps of it.
pub struct Desk {
    pub key: DeviceKey,
    pub uuid: String,
    pub name: String,
    pub all_slots: u32,
    pub ledger: RefCell<Ledger>,
    /// Held from a reading to the promise that rests on it.
    pub admission: tokio::sync::Mutex<()>,
    source: Source,
    people: Arc<Mutex<People>>,
    last: RefCell<Survey>,
}

pub enum Source {
    Gpu(Line),
    Cpu(Arc<Mutex<Cpu>>),
}

/// What was seen. With `trouble` it is what was seen last.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    pub reading: Reading,
    pub shares: Shares,
    pub trouble: Option<Trouble>,
}

/// An attempt with a runner: its processes, and what it was promised.
type Runner = (Token, Members, u64);

impl Desk {
    pub fn gpu(gpu: Gpu, line: Line, all_slots: u32, people: Arc<Mutex<People>>) -> Self {
        let reading = Reading { total_bytes: gpu.total_bytes, ..Reading::default() };
        let last = RefCell::new(Survey { reading, ..Survey::default() });
        let key = gpu.key();
        Self::new(key, gpu.uuid, gpu.name, all_slots, Source::Gpu(line), people, last)
    }

    pub fn cpu(cpu: Cpu, all_slots: u32, people: Arc<Mutex<People>>) -> Self {
        let name = cpu.name.clone();
        let source = Source::Cpu(Arc::new(Mutex::new(cpu)));
        Self::new((DeviceClass::Cpu, 0), String::new(), name, all_slots, source, people, RefCell::default())
    }

    fn new(
        key: DeviceKey,
        uuid: String,
        name: String,
        all_slots: u32,
        source: Source,
        people: Arc<Mutex<People>>,
        last: RefCell<Survey>,
    ) -> Self {
        let (ledger, admission) = (RefCell::default(), tokio::sync::Mutex::default());
        Self { key, uuid, name, all_slots, ledger, admission, source, people, last }
    }

    /// As people call it.
    pub fn named(&self) -> String {
        named(self.key)
    }

    /// Reads the device and sees who has what. What is learnt is remembered.
    pub async fn survey(&self) -> Survey {
        let seen = match self.read().await {
            Ok((reading, shares)) => {
                let mut ledger = self.ledger.borrow_mut();
                ledger.count_errors(reading.memory_errors);
                if self.key.0 == DeviceClass::Cuda {
                    ledger.take(shares.hidden_bytes);
                }
                Survey { reading, shares, trouble: None }
            }
            Err(trouble) => Survey { trouble: Some(trouble), ..self.last.borrow().clone() },
        };
        self.last.replace(seen.clone());
        seen
    }

    async fn read(&self) -> Result<(Reading, Shares), Trouble> {
        let people = Arc::clone(&self.people);
        match &self.source {
            Source::Gpu(line) => {
                let reading = line.ask().await?;
                let (runners, known) = (self.runners(), self.ledger.borrow().known_bytes());
                blocking(move || Ok(of_gpu(reading, &runners, known, &mut lock(&people)))).await
            }
            Source::Cpu(cpu) => {
                let (cpu, mut runners) = (Arc::clone(cpu), self.runners());
                // Looking for processes takes time that a job of milliseconds, which was promised nothing, should not cost.
                runners.retain(|(_, _, promised)| *promised > 0);
                blocking(move || Ok(of_cpu(lock(&cpu).read(), &runners, &mut lock(&people)))).await
            }
        }
    }

    fn runners(&self) -> Vec<Runner> {
        self.ledger.borrow().runners().map(|(token, members, promised)| (token, members.clone(), promised)).collect()
    }
}

fn of_gpu(reading: Reading, runners: &[Runner], known_bytes: u64, people: &mut People) -> (Reading, Shares) {
    let attempts: Vec<(Token, Members)> = runners.iter().map(|(token, members, _)| (*token, members.clone())).collect();
    let mut owners = HashMap::new();
    let mut others: Vec<OtherProcess> = Vec::new();
    for holder in &reading.holders {
        match owner(holder.pid, &attempts) {
            Some(token) => drop(owners.insert(holder.pid, token)),
            None => others.push(people.describe(holder)),
        }
    }
    let promised: Vec<(Token, u64)> = runners.iter().map(|(token, _, promised)| (*token, *promised)).collect();
    let shares = split(&reading, &owners, others, &promised, known_bytes);
    (reading, shares)
}

fn of_cpu(reading: Reading, runners: &[Runner], people: &mut People) -> (Reading, Shares) {
    let pids: Vec<(Token, Vec<i32>)> = runners.iter().map(|(token, members, _)| (*token, members.pids())).collect();
    let uses = pids.iter().map(|(token, pids)| (*token, resident_together(pids))).collect();
    let mine: Vec<i32> = pids.into_iter().flat_map(|(_, pids)| pids).collect();
    let others = people.largest(&mine);
    (reading, Shares { uses, others, ..Shares::default() })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
