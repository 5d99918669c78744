//! Where a job is not tried for a while. A refusal stands until the agent's memory changed or some time went by; a device that
//! failed under a job is not offered to it again for longer.

use std::collections::BTreeMap;
use std::time::Duration;

use sweep_shared::ids::JobId;
use sweep_shared::resources::{Device, DeviceClass};

use crate::explain::Barred;

/// How long a refusal stands when the reports stay the same.
const REST: Duration = Duration::from_secs(30);
/// Free memory that must have come back for another try before that.
const CHANGE_BYTES: u64 = 256 << 20;
/// How long a device that failed under a job is not tried for it. Another job may well fare better there: the fault is the
/// pair's until more is known.
pub const FAULT: Duration = Duration::from_hours(1);

#[derive(Debug, Default)]
pub struct Cooling {
    pairs: BTreeMap<(JobId, String), Refused>,
    faults: BTreeMap<(JobId, String, DeviceClass, u32), Duration>,
}

#[derive(Debug)]
struct Refused {
    until: Duration,
    device: (DeviceClass, u32),
    /// Of that device, then.
    free_bytes: u64,
    reason: String,
}

impl Cooling {
    /// `devices`: the agent's, of which it was granted one.
    pub fn refused(
        &mut self,
        job: JobId,
        agent: &str,
        device: (DeviceClass, u32),
        reason: &str,
        devices: &[Device],
        now: Duration,
    ) {
        let free_bytes = free(devices, device);
        let refused = Refused { until: now + REST, device, free_bytes, reason: reason.to_owned() };
        self.pairs.insert((job, agent.to_owned()), refused);
    }

    pub fn device_failed(&mut self, job: JobId, agent: &str, (class, index): (DeviceClass, u32), now: Duration) {
        self.faults.insert((job, agent.to_owned(), class, index), now + FAULT);
    }

    /// The same, so long ago.
    pub fn device_failed_before(
        &mut self,
        job: JobId,
        agent: &str,
        (class, index): (DeviceClass, u32),
        ago: Duration,
        now: Duration,
    ) {
        if let Some(left) = FAULT.checked_sub(ago) {
            self.faults.insert((job, agent.to_owned(), class, index), now + left);
        }
    }

    pub fn reported(&mut self, agent: &str, devices: &[Device]) {
        self.pairs.retain(|(_, of), refused| {
            of != agent || free(devices, refused.device) < refused.free_bytes + CHANGE_BYTES
        });
    }

    /// What the agent refused says nothing any more.
    pub fn forget(&mut self, agent: &str) {
        self.pairs.retain(|(_, of), _| of != agent);
    }

    pub fn tick(&mut self, now: Duration) {
        self.pairs.retain(|_, refused| refused.until > now);
        self.faults.retain(|_, until| *until > now);
    }

    pub fn is_barred(&self, job: JobId, agent: &str, (class, index): (DeviceClass, u32)) -> bool {
        let refused = || self.pairs.contains_key(&(job, agent.to_owned()));
        let failed = || self.faults.contains_key(&(job, agent.to_owned(), class, index));
        (!self.pairs.is_empty() && refused()) || (!self.faults.is_empty() && failed())
    }

    /// Why, and for how long.
    pub fn why(&self, job: JobId, agent: &str, (class, index): (DeviceClass, u32), now: Duration) -> Option<Barred> {
        if let Some(until) = self.faults.get(&(job, agent.to_owned(), class, index)) {
            return Some(Barred::Failed { left: until.saturating_sub(now) });
        }
        let refused = self.pairs.get(&(job, agent.to_owned()))?;
        Some(Barred::Refused { reason: refused.reason.clone(), left: refused.until.saturating_sub(now) })
    }

    pub fn len(&self) -> usize {
        self.pairs.len() + self.faults.len()
    }
}

fn free(devices: &[Device], (class, index): (DeviceClass, u32)) -> u64 {
    let found = devices.iter().find(|device| (device.class, device.index) == (class, index));
    found.map_or(0, |device| device.memory_free_bytes)
}
