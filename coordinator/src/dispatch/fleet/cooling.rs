//! Refusals rest: the same job is not offered to the same agent again until its memory changed or some time went by.

use std::collections::BTreeMap;
use std::time::Duration;

use sweep_shared::ids::JobId;
use sweep_shared::resources::Device;

/// How long a refusal stands when the reports stay the same.
const REST: Duration = Duration::from_secs(30);
/// Free memory that must have come back for another try before that.
const CHANGE_BYTES: u64 = 256 << 20;

#[derive(Debug, Default)]
pub struct Cooling {
    pairs: BTreeMap<(JobId, String), Refused>,
}

#[derive(Debug)]
struct Refused {
    until: Duration,
    free_bytes: u64,
}

impl Cooling {
    pub fn refused(&mut self, job: JobId, agent: &str, devices: &[Device], now: Duration) {
        let refused = Refused { until: now + REST, free_bytes: most_free(devices) };
        self.pairs.insert((job, agent.to_owned()), refused);
    }

    pub fn reported(&mut self, agent: &str, devices: &[Device]) {
        let free = most_free(devices);
        self.pairs.retain(|(_, of), refused| of != agent || free < refused.free_bytes + CHANGE_BYTES);
    }

    pub fn forget(&mut self, agent: &str) {
        self.pairs.retain(|(_, of), _| of != agent);
    }

    pub fn tick(&mut self, now: Duration) {
        self.pairs.retain(|_, refused| refused.until > now);
    }

    pub fn is_cooled(&self, job: JobId, agent: &str) -> bool {
        !self.pairs.is_empty() && self.pairs.contains_key(&(job, agent.to_owned()))
    }

    pub fn len(&self) -> usize {
        self.pairs.len()
    }
}

fn most_free(devices: &[Device]) -> u64 {
    devices.iter().map(|device| device.memory_free_bytes).max().unwrap_or(0)
}
