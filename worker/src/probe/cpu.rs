//! The CPU as a device. Everything here may block.

use std::fs;

use sysinfo::System;

use super::Reading;

pub struct Cpu {
    /// `None` where the kernel tells nothing: then no memory counts as free.
    system: Option<System>,
    pub name: String,
}

impl Cpu {
    pub fn new() -> Self {
        Self { system: System::new().ok(), name: model_name().unwrap_or_else(|| "CPU".to_owned()) }
    }

    /// Total and available, the tighter of host and control group.
    pub fn read(&mut self) -> Reading {
        let Some(system) = &mut self.system else { return Reading::default() };
        system.refresh_memory();
        let (total, free) = (system.total_memory(), system.available_memory());
        let (total_bytes, free_bytes) = match system.cgroup_limits() {
            Some(limits) if limits.total_memory > 0 && limits.total_memory < total => {
                (limits.total_memory, limits.free_memory.min(free))
            }
            _ => (total, free),
        };
        Reading { total_bytes, free_bytes, ..Reading::default() }
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
        let mut cpu = Cpu::new();
        let reading = cpu.read();
        assert!(reading.free_bytes > 0 && reading.free_bytes <= reading.total_bytes);
        assert!(!cpu.name.is_empty());
    }
}
