//! The CPU as a device.

use std::fs;

use sweep_shared::resources::{Device, DeviceClass};
use sysinfo::System;

use super::Memory;
use crate::process::resident_bytes;

pub struct Cpu {
    /// `None` where the kernel tells nothing: then no memory counts as free.
    system: Option<System>,
    name: String,
}

impl Cpu {
    pub fn new() -> Self {
        Self { system: System::new().ok(), name: model_name().unwrap_or_else(|| "CPU".to_owned()) }
    }

    pub fn device(&mut self, slots: u32) -> Device {
        let (total, free) = self.bytes();
        Device {
            class: DeviceClass::Cpu,
            index: 0,
            name: self.name.clone(),
            memory_total_bytes: total,
            memory_free_bytes: free,
            slots,
        }
    }

    /// What a runner uses is what its leader has resident; helpers of it count as anybody's.
    pub fn memory(&mut self, pids: &[i32]) -> Memory {
        let used_bytes = pids.iter().map(|pid| resident_bytes(*pid).unwrap_or(0)).collect();
        Memory { free_bytes: self.bytes().1, used_bytes }
    }

    /// Total and available, the tighter of host and control group.
    fn bytes(&mut self) -> (u64, u64) {
        let Some(system) = &mut self.system else { return (0, 0) };
        system.refresh_memory();
        let (total, free) = (system.total_memory(), system.available_memory());
        match system.cgroup_limits() {
            Some(limits) if limits.total_memory > 0 && limits.total_memory < total => {
                (limits.total_memory, limits.free_memory.min(free))
            }
            _ => (total, free),
        }
    }
}

fn model_name() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_memory_and_a_name() {
        let device = Cpu::new().device(3);
        assert!(device.memory_free_bytes > 0 && device.memory_free_bytes <= device.memory_total_bytes);
        assert!(!device.name.is_empty());
        assert_eq!(device.slots, 3);
    }
}
