//! Whether an attempt's memory fits a device at this moment.
//!
//! What a runner was promised but has not taken yet is not free, though the device says so: a runner that is still
//! loading shows in no report. One lock makes probing and promising one step.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use sweep_shared::ids::Token;
use sweep_shared::resources::DeviceClass;

use super::{Memory, Prober};
use crate::slots::DeviceKey;

/// Who was promised what. Lives on the agent's thread.
pub struct Admission {
    prober: Prober,
    lock: tokio::sync::Mutex<()>,
    held: Rc<RefCell<HashMap<Token, Promise>>>,
}

struct Promise {
    device: DeviceKey,
    bytes: u64,
    /// Once it is spawned.
    pid: Option<i32>,
}

/// Keeps a promise while it exists.
pub struct Held {
    token: Token,
    held: Rc<RefCell<HashMap<Token, Promise>>>,
}

impl Held {
    /// From now on the runner's own use counts towards its promise.
    pub fn spawned(&self, pid: i32) {
        if let Some(promise) = self.held.borrow_mut().get_mut(&self.token) {
            promise.pid = Some(pid);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.held.borrow_mut().remove(&self.token);
    }
}

impl Admission {
    pub fn new(prober: Prober) -> Self {
        Self { prober, lock: tokio::sync::Mutex::new(()), held: Rc::default() }
    }

    /// Promises the memory, or says why it cannot. A driver gives memory back some time after a process has ended, so on
    /// a GPU a shortage has to last.
    pub async fn admit(&self, token: Token, device: DeviceKey, bytes: u64) -> Result<Held, String> {
        const TRIES: u32 = 10;
        const PAUSE: Duration = Duration::from_millis(500);
        let tries = if device.0 == DeviceClass::Cuda { TRIES } else { 1 };
        for _ in 1..tries {
            if let Ok(held) = self.try_admit(token, device, bytes).await {
                return Ok(held);
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.try_admit(token, device, bytes).await
    }

    async fn try_admit(&self, token: Token, device: DeviceKey, bytes: u64) -> Result<Held, String> {
        let _lock = self.lock.lock().await;
        let promises: Vec<(u64, Option<i32>)> = {
            let held = self.held.borrow();
            held.values()
                .filter(|promise| promise.device == device)
                .map(|promise| (promise.bytes, promise.pid))
                .collect()
        };
        // A promise whose runner has not been spawned uses nothing; no process has the number 0.
        let pids = promises.iter().map(|(_, pid)| pid.unwrap_or(0)).collect();
        let Some(memory) = self.prober.memory(device, pids).await else {
            return Err(format!("{} {} does not answer", device.0.as_str(), device.1));
        };
        let promised: Vec<u64> = promises.iter().map(|(bytes, _)| *bytes).collect();
        decide(&memory, &promised, bytes)?;
        self.held.borrow_mut().insert(token, Promise { device, bytes, pid: None });
        Ok(Held { token, held: Rc::clone(&self.held) })
    }
}

/// free − Σ max(0, promised − used) must hold what is needed.
fn decide(memory: &Memory, promised: &[u64], need_bytes: u64) -> Result<(), String> {
    let outstanding: u64 =
        promised.iter().zip(&memory.used_bytes).map(|(promised, used)| promised.saturating_sub(*used)).sum();
    let available = memory.free_bytes.saturating_sub(outstanding);
    if need_bytes <= available {
        return Ok(());
    }
    let mib = |bytes: u64| bytes >> 20;
    Err(format!(
        "needs {} MiB, but {} MiB are free and {} MiB of those are promised to runners that are still loading",
        mib(need_bytes),
        mib(memory.free_bytes),
        mib(outstanding)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(free_bytes: u64, used_bytes: &[u64]) -> Memory {
        Memory { free_bytes, used_bytes: used_bytes.to_vec() }
    }

    #[test]
    fn promises_that_are_not_taken_yet_are_not_free() {
        assert!(decide(&memory(10, &[]), &[], 10).is_ok());
        assert!(decide(&memory(10, &[0]), &[4], 6).is_ok());
        assert!(decide(&memory(10, &[0]), &[4], 7).is_err());
    }

    #[test]
    fn what_a_runner_uses_is_not_counted_twice_nor_given_to_others() {
        // It was promised 4, took 3 (free shows that already) and may still take 1.
        assert!(decide(&memory(7, &[3]), &[4], 6).is_ok());
        assert!(decide(&memory(7, &[3]), &[4], 7).is_err());
        // It took more than it was promised: nothing of that is free for others.
        assert!(decide(&memory(5, &[9]), &[4], 5).is_ok());
        assert!(decide(&memory(5, &[9]), &[4], 6).is_err());
    }

    #[tokio::test]
    async fn a_promise_holds_until_it_is_dropped() {
        let prober = Prober::new(1).await;
        let device = (sweep_shared::resources::DeviceClass::Cpu, 0);
        let free = prober.memory(device, vec![]).await.unwrap().free_bytes;
        let admission = Admission::new(prober);
        let token = |job| Token { job: sweep_shared::ids::JobId(job), attempt: 1, lease: 0 };
        let most = free / 10 * 8;
        let held = admission.admit(token(1), device, most).await.ok().unwrap();
        let refusal = admission.admit(token(2), device, most).await.err().unwrap();
        assert!(refusal.contains("promised"), "{refusal}");
        drop(held);
        assert!(admission.admit(token(2), device, most).await.is_ok());
    }
}
