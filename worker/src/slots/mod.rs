//! Which attempt may run where, and with how many threads. Pure bookkeeping: nothing here waits or starts anything.
//!
//! A device has a fixed number of slots. What is assigned beyond them waits in the order of its arrival, so that the
//! next attempt starts the instant a slot is free. A slot can be held for an attempt that is over, until its device's memory
//! is back. An exclusive attempt (a measurement) waits for the whole agent to be
//! idle and nothing starts beside it.

use std::collections::{BTreeSet, VecDeque};

use sweep_shared::ids::Token;
use sweep_shared::resources::{Device, DeviceClass};

/// Names a device of this agent.
pub type DeviceKey = (DeviceClass, u32);

/// What an attempt asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub token: Token,
    pub device: DeviceKey,
    pub exclusive: bool,
}

/// The agent's slots.
#[derive(Debug)]
pub struct Slots {
    devices: Vec<(DeviceKey, u32)>,
    /// Compute threads of the host.
    cores: u32,
    running: Vec<Claim>,
    /// Those of them that are over, and keep their slots all the same.
    held: BTreeSet<Token>,
    waiting: VecDeque<Claim>,
}

impl Slots {
    pub fn new(devices: &[Device], cores: u32) -> Self {
        // What is closed just now may be open later.
        let slots = |device: &Device| device.slots.max(device.status.all_slots).max(1);
        let devices = devices.iter().map(|device| ((device.class, device.index), slots(device))).collect();
        Self { devices, cores: cores.max(1), running: Vec::new(), held: BTreeSet::new(), waiting: VecDeque::new() }
    }

    pub fn total(&self) -> u32 {
        self.devices.iter().map(|(_, slots)| slots).sum()
    }

    pub fn has_device(&self, device: DeviceKey) -> bool {
        self.devices.iter().any(|(key, _)| *key == device)
    }

    /// Threads for one attempt: the host's cores divided evenly, so that full slots do not fight.
    pub fn threads(&self, exclusive: bool) -> u32 {
        if exclusive { self.cores } else { (self.cores / self.total().max(1)).max(1) }
    }

    pub fn enqueue(&mut self, claim: Claim) {
        self.waiting.push_back(claim);
    }

    /// Takes an attempt out of the queue. False: it was not waiting.
    pub fn withdraw(&mut self, token: Token) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|claim| claim.token != token);
        before != self.waiting.len()
    }

    /// The attempt's processes are gone.
    pub fn release(&mut self, token: Token) {
        if !self.held.contains(&token) {
            self.running.retain(|claim| claim.token != token);
        }
    }

    /// Its slot stays taken when it is released.
    pub fn hold(&mut self, token: Token) {
        self.held.insert(token);
    }

    /// Its slot is held no longer.
    pub fn let_go(&mut self, token: Token) {
        self.held.remove(&token);
        self.release(token);
    }

    /// The attempts on a device: those that run, and those that wait.
    pub fn on(&self, device: DeviceKey) -> Vec<Token> {
        let here = self.running.iter().chain(&self.waiting).filter(|claim| claim.device == device);
        here.map(|claim| claim.token).collect()
    }

    /// The next attempt that may start now; it holds its slot from here on.
    pub fn start_next(&mut self) -> Option<Claim> {
        if self.running.iter().any(|claim| claim.exclusive) {
            return None;
        }
        let position = self
            .waiting
            .iter()
            .position(|claim| if claim.exclusive { self.running.is_empty() } else { self.free(claim.device) > 0 })?;
        // What came after a waiting exclusive attempt does not overtake it, or it might wait for ever.
        if self.waiting.iter().take(position).any(|claim| claim.exclusive) {
            return None;
        }
        let claim = self.waiting.remove(position)?;
        self.running.push(claim);
        Some(claim)
    }

    fn free(&self, device: DeviceKey) -> u32 {
        let slots = self.devices.iter().find(|(key, _)| *key == device).map_or(0, |(_, slots)| *slots);
        let taken = self.running.iter().filter(|claim| claim.device == device).count() as u32;
        slots.saturating_sub(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep_shared::ids::JobId;

    const CPU: DeviceKey = (DeviceClass::Cpu, 0);
    const GPU: DeviceKey = (DeviceClass::Cuda, 0);

    fn device((class, index): DeviceKey, slots: u32) -> Device {
        Device {
            class,
            index,
            name: String::new(),
            memory_total_bytes: 0,
            memory_free_bytes: 0,
            slots,
            status: Default::default(),
        }
    }

    fn token(job: i64) -> Token {
        Token { job: JobId(job), attempt: 1, lease: 0 }
    }

    fn claim(job: i64, device: DeviceKey) -> Claim {
        Claim { token: token(job), device, exclusive: false }
    }

    fn exclusive(job: i64) -> Claim {
        Claim { exclusive: true, ..claim(job, CPU) }
    }

    fn start_all(slots: &mut Slots) -> Vec<i64> {
        std::iter::from_fn(|| slots.start_next()).map(|claim| claim.token.job.0).collect()
    }

    #[test]
    fn attempts_start_in_order_as_slots_become_free() {
        let mut slots = Slots::new(&[device(CPU, 2)], 8);
        (1..=4).for_each(|job| slots.enqueue(claim(job, CPU)));
        assert_eq!(start_all(&mut slots), [1, 2]);
        slots.release(token(2));
        assert_eq!(start_all(&mut slots), [3]);
    }

    #[test]
    fn a_full_device_does_not_hold_up_another() {
        let mut slots = Slots::new(&[device(GPU, 1), device(CPU, 1)], 8);
        slots.enqueue(claim(1, GPU));
        slots.enqueue(claim(2, GPU));
        slots.enqueue(claim(3, CPU));
        assert_eq!(start_all(&mut slots), [1, 3]);
    }

    #[test]
    fn an_exclusive_attempt_runs_alone_and_is_not_overtaken() {
        let mut slots = Slots::new(&[device(CPU, 2)], 8);
        slots.enqueue(claim(1, CPU));
        slots.enqueue(exclusive(2));
        slots.enqueue(claim(3, CPU));
        assert_eq!(start_all(&mut slots), [1]);
        slots.release(token(1));
        assert_eq!(start_all(&mut slots), [2]);
        slots.release(token(2));
        assert_eq!(start_all(&mut slots), [3]);
    }

    #[test]
    fn a_held_slot_is_free_when_it_is_let_go() {
        let mut slots = Slots::new(&[device(GPU, 1)], 8);
        slots.enqueue(claim(1, GPU));
        slots.enqueue(claim(2, GPU));
        assert_eq!(start_all(&mut slots), [1]);
        slots.hold(token(1));
        slots.release(token(1));
        assert_eq!(start_all(&mut slots), [] as [i64; 0]);
        assert_eq!(slots.on(GPU), [token(1), token(2)]);
        slots.let_go(token(1));
        assert_eq!(start_all(&mut slots), [2]);
    }

    #[test]
    fn a_withdrawn_attempt_never_starts() {
        let mut slots = Slots::new(&[device(CPU, 1)], 1);
        slots.enqueue(claim(1, CPU));
        assert!(slots.withdraw(token(1)));
        assert!(!slots.withdraw(token(1)));
        assert_eq!(start_all(&mut slots), [] as [i64; 0]);
    }

    #[test]
    fn cores_are_divided_among_slots_and_given_whole_to_measurements() {
        let slots = Slots::new(&[device(CPU, 3)], 8);
        assert_eq!((slots.threads(false), slots.threads(true)), (2, 8));
        assert_eq!(Slots::new(&[device(CPU, 4)], 2).threads(false), 1);
    }
}
