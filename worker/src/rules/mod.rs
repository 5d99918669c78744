//! What the owner of a machine allows: `agent.toml`, beside `sweep.toml` in `SWEEP_HOME`.
//!
//! It may be somebody's desktop. Per device the file bounds what sweep's jobs together may have of the memory, what they leave
//! free, how many run at once, their share of the compute units, and the hours in which they rest. `parse` reads the text and
//! names line and remedy where it is wrong; `quiet` knows the hours; [`Rules::of`] says what holds for one device, without I/O and
//! without a clock of its own.

mod file;
mod parse;
mod quiet;

use std::time::Duration;

use sweep_shared::resources::DeviceClass;

pub use file::RulesFile;
pub use parse::{RulesError, parse};
pub use quiet::{Quiet, Until};

use crate::slots::DeviceKey;

/// The whole file. What is said of single devices goes before what is said of all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    sections: Vec<(Which, Rule)>,
}

/// The devices that a section is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// `"*"`
    Every,
    /// `cpu`
    Cpu,
    /// A GPU by NVML's number.
    Index(u32),
    /// A GPU by the beginning of its UUID: `GPU-8e1c`.
    Uuid(String),
}

/// What holds for a device. What is not said is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rule {
    pub memory: Option<Amount>,
    pub keep_free: Option<Amount>,
    pub slots: Option<u32>,
    /// Percent of the compute units, 1 to 99.
    pub compute_percent: Option<u32>,
    pub quiet: Option<Quiet>,
    pub used: Option<bool>,
    pub release_within: Option<Duration>,
}

/// Of a device's memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    Bytes(u64),
    Percent(f64),
}

impl Amount {
    pub fn of(self, total_bytes: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.min(total_bytes),
            Self::Percent(percent) => (total_bytes as f64 * percent / 100.0) as u64,
        }
    }
}

impl Which {
    fn means(&self, (class, index): DeviceKey, uuid: &str) -> bool {
        match self {
            Self::Every => true,
            Self::Cpu => class == DeviceClass::Cpu,
            Self::Index(number) => class == DeviceClass::Cuda && *number == index,
            Self::Uuid(prefix) => class == DeviceClass::Cuda && uuid.starts_with(prefix.as_str()),
        }
    }
}

impl Rules {
    /// The more general first, so that what is said of single devices comes later and wins.
    fn new(mut sections: Vec<(Which, Rule)>) -> Self {
        sections.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self { sections }
    }

    /// What holds for this device, field by field.
    pub fn of(&self, device: DeviceKey, uuid: &str) -> Rule {
        let mine = self.sections.iter().filter(|(which, _)| which.means(device, uuid));
        mine.fold(Rule::default(), |general, (_, special)| special.clone().or(general))
    }
}

impl Rule {
    fn or(self, other: Self) -> Self {
        Self {
            memory: self.memory.or(other.memory),
            keep_free: self.keep_free.or(other.keep_free),
            slots: self.slots.or(other.slots),
            compute_percent: self.compute_percent.or(other.compute_percent),
            quiet: self.quiet.or(other.quiet),
            used: self.used.or(other.used),
            release_within: self.release_within.or(other.release_within),
        }
    }

    pub fn is_used(&self) -> bool {
        self.used.unwrap_or(true)
    }

    /// Until when it is quiet, if it is.
    pub fn quiet_until(&self, now: jiff::civil::DateTime) -> Option<Until> {
        self.quiet.as_ref()?.until(now)
    }

    /// How long memory may take to come back after a runner's end. A driver usually takes less than two seconds.
    pub fn release_within(&self) -> Duration {
        self.release_within.unwrap_or(Duration::from_secs(20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_devices_go_before_all() {
        let text = "[devices.\"*\"]\nslots = 2\nkeep_free = \"1 GiB\"\n[devices.0]\nslots = 3\n\
                    [devices.GPU-8e]\nmemory = \"50 %\"\n[devices.cpu]\nuse = false\n";
        let rules = parse(text).unwrap();
        let gpu = |index, uuid| rules.of((DeviceClass::Cuda, index), uuid);
        assert_eq!((gpu(0, "GPU-aa").slots, gpu(1, "GPU-aa").slots), (Some(3), Some(2)));
        assert_eq!(gpu(0, "GPU-aa").keep_free, Some(Amount::Bytes(1 << 30)));
        assert_eq!(gpu(1, "GPU-8e1c").memory.map(|amount| amount.of(8 << 30)), Some(4 << 30));
        assert_eq!(gpu(1, "GPU-aa").memory, None);
        assert!(gpu(0, "").is_used() && !rules.of((DeviceClass::Cpu, 0), "").is_used());
        assert_eq!(Rules::default().of((DeviceClass::Cpu, 0), ""), Rule::default());
    }

    #[test]
    fn no_more_than_there_is() {
        assert_eq!(Amount::Bytes(9).of(8), 8);
        assert_eq!(Amount::Percent(25.0).of(8), 2);
    }
}
