//! The last look at memory, before weights are moved. The coordinator and the agent have looked before; in between somebody
//! else may have taken what was free.

use std::fs;

use sweep_model::{Graph, memory};
use sweep_shared::spec::{FitSpec, OptimizerSpec};
use tch::Device;

use crate::error::{Error, Result};

/// Whether training `graph` as `fit` says should fit into what is free now. On GPUs the agent's look through NVML is the last.
pub fn check(graph: &Graph, fit: &FitSpec, device: Device) -> Result<()> {
    if device != Device::Cpu {
        return Ok(());
    }
    let slots = match fit.optimizer {
        OptimizerSpec::Sgd { .. } => 1,
        OptimizerSpec::Adamw { .. } => 2,
    };
    let needed = memory::predict(graph, fit.batch as usize, slots, true).map_err(|e| Error::BadInput(e.to_string()))?;
    match free() {
        Some(free) if needed.total() > free => Err(Error::Memory { needed: needed.total(), free }),
        _ => Ok(()),
    }
}

/// Bytes that this process may still take: what the kernel thinks is available, or what the control group allows.
fn free() -> Option<u64> {
    let host = available(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let number = |file: &str| fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?.trim().parse::<u64>().ok();
    let group = number("memory.max").zip(number("memory.current")).map(|(max, used)| max.saturating_sub(used));
    Some(group.map_or(host, |group| group.min(host)))
}

/// `MemAvailable` in the text of `/proc/meminfo`, in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep_model::zoo::{self, ZooOptions};
    use sweep_shared::spec::{Precision, ScheduleSpec};
    use sweep_shared::states::FailureClass;

    #[test]
    fn reads_what_the_kernel_calls_available() {
        assert_eq!(available("MemTotal:  9 kB\nMemAvailable:     12 kB\n"), Some(12 * 1024));
        assert_eq!(available("MemTotal:  9 kB\n"), None);
    }

    #[test]
    fn a_batch_that_cannot_fit_is_out_of_memory_before_anything_is_allocated() {
        let graph = zoo::build("resnet18-cifar", &ZooOptions::default()).unwrap();
        let fit = |batch| FitSpec {
            epochs: 1,
            batch,
            optimizer: OptimizerSpec::Sgd { lr: 0.1, momentum: 0.9, weight_decay: 0.0, nesterov: false },
            schedule: ScheduleSpec::Constant,
            label_smoothing: 0.0,
            precision: Precision::Fp32,
        };
        check(&graph, &fit(1), Device::Cpu).unwrap();
        let error = check(&graph, &fit(100_000_000), Device::Cpu).unwrap_err();
        assert_eq!(error.class(), Some(FailureClass::OutOfMemory), "{error}");
    }
}
