//! The last look at memory, before weights are moved. The coordinator and the agent have looked before; in between somebody
//! else may have taken what was free.

use std::fs;
use std::path::{Path, PathBuf};

use sweep_model::Graph;
use sweep_model::memory::{self, Setting};
use sweep_shared::spec::{FitSpec, FreezeSpec, OptimizerSpec};
use tch::Device;

use crate::error::{Error, Result};
use crate::train::uses_bf16;

/// Whether training `graph` as `fit` says should fit into what is free now. On GPUs the agent's look through NVML is the last.
pub fn check(graph: &Graph, fit: &FitSpec, frozen: &FreezeSpec, device: Device) -> Result<()> {
    if device != Device::Cpu {
        return Ok(());
    }
    let slots = match fit.optimizer {
        OptimizerSpec::Sgd { .. } => 1,
        OptimizerSpec::Adamw { .. } => 2,
    };
    let bf16 = uses_bf16(fit.precision, device, graph.is_quantized());
    let precision = if bf16 { memory::Precision::Bf16 } else { memory::Precision::Fp32 };
    let frozen = graph.params().map(|(name, _)| name).filter(|name| frozen.is_frozen(name)).collect();
    let setting = Setting::training(fit.batch as usize, slots).precision(precision).frozen(frozen);
    let needed = memory::predict(graph, &setting).map_err(|e| Error::BadInput(e.to_string()))?;
    match free() {
        Some(free) if needed.total() > free => Err(Error::Memory { needed: needed.total(), free }),
        _ => Ok(()),
    }
}

/// Bytes that this process may still take: what the kernel thinks is available, or what the control groups around it allow.
fn free() -> Option<u64> {
    let host = available(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let groups = control_groups(&fs::read_to_string("/proc/self/cgroup").unwrap_or_default());
    let left = groups.iter().filter_map(|group| {
        let read = |file: &str| fs::read_to_string(group.join(file)).ok();
        left_in_group(&read("memory.max")?, &read("memory.current")?, &read("memory.stat").unwrap_or_default())
    });
    Some(left.fold(host, u64::min))
}

/// The folder of the control group (version 2) that `/proc/self/cgroup` names, and of those around it, each with its own limit.
fn control_groups(text: &str) -> Vec<PathBuf> {
    let own = text.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    Path::new(own).ancestors().map(|group| Path::new("/sys/fs/cgroup").join(group)).collect()
}

/// What a control group has left, in bytes; `None` without a limit. Cached files count as used there, but the kernel drops them
/// before it refuses anybody memory, and a data set that was just read is cached.
fn left_in_group(max: &str, current: &str, stat: &str) -> Option<u64> {
    let (max, current): (u64, u64) = (max.trim().parse().ok()?, current.trim().parse().ok()?);
    let number = |name: &str| stat.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    let cached: u64 = ["active_file ", "inactive_file "].into_iter().filter_map(number).sum();
    Some(max.saturating_sub(current.saturating_sub(cached)))
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
    fn cached_files_do_not_count_as_taken_and_all_groups_around_are_asked() {
        let stat = "anon 10\nfile 600\ninactive_file 400\nactive_file 200\n";
        assert_eq!(left_in_group("1000\n", "900\n", stat), Some(700));
        assert_eq!(left_in_group("1000\n", "900\n", ""), Some(100));
        assert_eq!(left_in_group("max\n", "900\n", stat), None);
        let groups = control_groups("1:name=x:/y\n0::/user.slice/agent.scope\n");
        let folders = ["/sys/fs/cgroup/user.slice/agent.scope", "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup/"];
        assert_eq!(groups, folders.map(PathBuf::from));
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
        check(&graph, &fit(1), &FreezeSpec::default(), Device::Cpu).unwrap();
        let error = check(&graph, &fit(100_000_000), &FreezeSpec::default(), Device::Cpu).unwrap_err();
        assert_eq!(error.class(), Some(FailureClass::OutOfMemory), "{error}");
    }
}
