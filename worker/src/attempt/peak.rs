//! How much memory an attempt takes at most of its device, so that the next one like it is given as much.
//!
//! While the runner lives, all processes of the attempt are looked at once a second: in RAM by the kernel's account, on a GPU by NVML's, where
//! libtorch keeps what it once took. A runner that is over before the first look was seen by nobody on a GPU; of RAM the kernel
//! tells its peak when it is collected.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use sweep_shared::ids::Token;
use sweep_shared::resources::DeviceClass;
use tokio::task::spawn_blocking;

use super::Context;
use crate::process::{Ended, Members, own_peak_bytes, resident_together};
use crate::slots::DeviceKey;

/// Seldom enough to cost nothing, often enough to see what a training step takes.
const EVERY: Duration = Duration::from_secs(1);

/// What was seen of one runner.
pub struct Peak {
    context: Rc<Context>,
    token: Token,
    device: DeviceKey,
    members: Members,
    seen: Cell<u64>,
}

impl Peak {
    pub fn new(context: &Rc<Context>, token: Token, device: DeviceKey, members: Members) -> Self {
        Self { context: Rc::clone(context), token, device, members, seen: Cell::new(0) }
    }

    /// Looks until nobody waits for it any more.
    pub async fn watch(&self) -> Infallible {
        loop {
            tokio::time::sleep(EVERY).await;
            let bytes = self.look().await.unwrap_or(0);
            self.seen.set(self.seen.get().max(bytes));
        }
    }

    async fn look(&self) -> Option<u64> {
        match self.device.0 {
            DeviceClass::Cpu => {
                let members = self.members.clone();
                spawn_blocking(move || resident_together(&members.pids())).await.ok()
            }
            DeviceClass::Cuda => {
                // The device's own account of whose processes are whose.
                self.context.devices.used_by(self.device, self.token).await
            }
        }
    }

    /// The most that it took; 0: nobody knows.
    pub fn bytes(&self, ended: &Ended) -> u64 {
        match self.device.0 {
            DeviceClass::Cpu => in_ram(self.seen.get(), ended.peak_bytes, own_peak_bytes()),
            DeviceClass::Cuda => self.seen.get(),
        }
    }
}

/// The larger of what was seen and what the kernel noted, as far as that is the runner's own.
fn in_ram(seen: u64, noted: u64, agents_own: u64) -> u64 {
    if noted > agents_own { seen.max(noted) } else { seen }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_noted_counts_where_it_cannot_be_the_agents() {
        assert_eq!(in_ram(0, 900, 100), 900);
        assert_eq!(in_ram(950, 900, 100), 950, "several processes together");
        assert_eq!((in_ram(0, 100, 100), in_ram(40, 100, 100)), (0, 40), "a small runner that was hardly there");
    }
}
