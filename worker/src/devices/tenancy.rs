//! An attempt's place on a device: promised, taken, and given back.

use std::rc::Rc;
use std::time::Duration;

use sweep_shared::ids::Token;
use sweep_shared::resources::DeviceClass;
use sweep_shared::size::Size;
use tokio::time::{Instant, sleep};

use super::room::{admit, room};
use super::survey::Desk;
use super::{Devices, Trouble};
use crate::process::Members;
use crate::slots::DeviceKey;

/// A place on a device, for as long as this exists.
pub struct Tenancy {
    devices: Rc<Devices>,
    device: DeviceKey,
    token: Token,
    promised: u64,
    pub limits: Limits,
}

/// What the owner of the machine allows the runner.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// Of the device's memory; `None`: whatever is free.
    pub memory_bytes: Option<u64>,
    /// Of its compute units; `None`: all.
    pub compute_percent: Option<u32>,
}

/// A driver gives memory back some time after a process has ended, and a desktop's programs come and go: a shortage has to
/// last.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(300);
/// How often memory that is awaited is looked for.
const LOOK: Duration = Duration::from_millis(200);

impl Devices {
    /// Promises the memory, or says why it cannot.
    pub async fn admit(self: &Rc<Self>, token: Token, device: DeviceKey, bytes: u64) -> Result<Tenancy, String> {
        let missing = || format!("the agent has no device {} {}", device.0.as_str(), device.1);
        let desk = self.desk(device).ok_or_else(missing)?;
        if device.0 == DeviceClass::Cpu && bytes == 0 {
            // Nothing is known, and a job of milliseconds should not wait for the kernel's statistics.
            desk.ledger.borrow_mut().promise(token, 0);
            let compute_percent = self.compute_percent(device);
            let limits = Limits { memory_bytes: None, compute_percent };
            return Ok(Tenancy { devices: Rc::clone(self), device, token, promised: 0, limits });
        }
        let tries = if device.0 == DeviceClass::Cuda { TRIES } else { 1 };
        for _ in 1..tries {
            if let Ok(admitted) = self.try_admit(desk, token, bytes).await {
                return Ok(admitted);
            }
            sleep(PAUSE).await;
        }
        self.try_admit(desk, token, bytes).await
    }

    async fn try_admit(self: &Rc<Self>, desk: &Desk, token: Token, bytes: u64) -> Result<Tenancy, String> {
        let _one_at_a_time = desk.admission.lock().await;
        let survey = desk.survey().await;
        let named = desk.named();
        match survey.trouble {
            Some(Trouble::Lost(reason) | Trouble::Silent(reason)) => return Err(format!("{named}: {reason}")),
            None => {}
        }
        let rule = self.rules.borrow().rules().of(desk.key, &desk.uuid);
        let mut ledger = desk.ledger.borrow_mut();
        if let Some(reason) = ledger.excluded() {
            return Err(format!("{named} is not used until this agent is started again: {reason}"));
        }
        let room = room(&survey.reading, &survey.shares, ledger.missing_bytes(), &rule);
        let available = admit(&named, room, &survey.shares, &ledger, bytes)?;
        ledger.promise(token, bytes);
        let bounded = rule.memory.is_some() || rule.keep_free.is_some();
        let limits = Limits { memory_bytes: bounded.then_some(available), compute_percent: rule.compute_percent };
        Ok(Tenancy { devices: Rc::clone(self), device: desk.key, token, promised: bytes, limits })
    }
}

impl Tenancy {
    fn desk(&self) -> &Desk {
        self.devices.desk(self.device).expect("it was found when the place was given")
    }

    /// From now on what the runner's processes use counts towards its promise.
    pub fn spawned(&self, members: Members) {
        self.desk().ledger.borrow_mut().running(self.token, members);
    }

    /// The processes are gone. `None`: so is all that they had; otherwise the place is taken until that has come back.
    pub async fn vacate(self) -> Option<Leaving> {
        let desk = self.desk();
        desk.ledger.borrow_mut().leaving(self.token);
        if self.device.0 == DeviceClass::Cpu {
            // The kernel takes memory back with the process.
            return None;
        }
        let awaited = self.awaited().await;
        awaited.map(|_| Leaving { tenancy: self })
    }

    /// What has not come back. A device that does not answer is not waited for: it takes no work anyway.
    async fn awaited(&self) -> Option<u64> {
        let desk = self.desk();
        let survey = desk.survey().await;
        if survey.trouble.is_some() {
            return None;
        }
        desk.ledger.borrow().awaited(&survey.shares)
    }
}

impl Drop for Tenancy {
    fn drop(&mut self) {
        self.desk().ledger.borrow_mut().remove(self.token);
        if self.promised > 0 || self.device.0 == DeviceClass::Cuda {
            self.devices.changed.notify_one();
        }
    }
}

/// A place whose runner has gone and whose memory has not.
pub struct Leaving {
    tenancy: Tenancy,
}

impl Leaving {
    /// Waits until the memory is back, or for so long that it counts as lost.
    pub async fn wait(self) {
        let Self { tenancy } = self;
        let desk = tenancy.desk();
        let rule = tenancy.devices.rules.borrow().rules().of(desk.key, &desk.uuid);
        let until = Instant::now() + rule.release_within();
        while let Some(bytes) = tenancy.awaited().await {
            if Instant::now() >= until {
                let token = tenancy.token;
                tracing::warn!(%token, "{} of {} did not come back and are not counted any more", Size(bytes), desk.named());
                desk.ledger.borrow_mut().write_off(token, bytes);
                return;
            }
            sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Machine;
    use crate::rules::RulesFile;
    use sweep_shared::ids::JobId;

    const CPU: DeviceKey = (DeviceClass::Cpu, 0);

    fn token(job: i64) -> Token {
        Token { job: JobId(job), attempt: 1, lease: 0 }
    }

    fn cpu_only() -> Rc<Devices> {
        let (_, xids) = tokio::sync::mpsc::unbounded_channel();
        let machine = Machine { gpus: Vec::new(), xids };
        let now = Box::new(|| jiff::civil::date(2026, 1, 1).at(12, 0, 0, 0));
        Devices::new(machine, RulesFile::open(None).unwrap(), 1, now).0
    }

    #[tokio::test]
    async fn a_promise_holds_until_it_is_dropped() {
        let devices = cpu_only();
        let free = devices.report().await[0].memory_free_bytes;
        let most = free / 10 * 8;
        let held = devices.admit(token(1), CPU, most).await.ok().unwrap();
        let refusal = devices.admit(token(2), CPU, most).await.err().unwrap();
        assert!(refusal.contains("promised"), "{refusal}");
        drop(held);
        assert!(devices.admit(token(2), CPU, most).await.is_ok());
    }

    #[tokio::test]
    async fn what_was_promised_nothing_is_not_asked_for() {
        let devices = cpu_only();
        let held = devices.admit(token(1), CPU, 0).await.ok().unwrap();
        assert!(held.vacate().await.is_none());
        assert!(devices.admit(token(1), (DeviceClass::Cuda, 0), 0).await.is_err());
    }
}
