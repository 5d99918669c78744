//! What the machine is, and how much of it this process uses.

use std::fs;
use std::path::Path;

use serde::Serialize;
use sweep_shared::metrics::Metrics;
use sweep_shared::spec::MeasureSpec;

use crate::error::{Error, Result};
use crate::runtime;

#[derive(Serialize)]
struct Description<'a> {
    cpu: &'a str,
    instruction_sets: &'a [&'static str],
    threads: u32,
    runs: u32,
    warm_up_runs: u32,
    runtime: String,
    metrics: &'a Metrics,
}

/// Writes the measurement with everything one needs to judge it.
pub fn write_description(path: &Path, spec: &MeasureSpec, metrics: &Metrics) -> Result<()> {
    let cpu = runtime::Cpu::this();
    let version = runtime::version().map_err(Error::stage("asking ONNX Runtime for its version"))?;
    let description = Description {
        cpu: &cpu.name,
        instruction_sets: &cpu.instruction_sets,
        threads: spec.threads,
        runs: spec.runs,
        warm_up_runs: super::WARM_UP,
        runtime: format!("onnxruntime {version}"),
        metrics,
    };
    let text = serde_json::to_string_pretty(&description).map_err(Error::stage("describing the measurement"))?;
    fs::write(path, text + "\n").map_err(Error::io(format!("write {}", path.display())))
}

/// Forgets the peak so far; returns the present resident size in bytes, or `None` where the kernel does not offer this.
pub fn reset_peak_rss() -> Option<u64> {
    fs::write("/proc/self/clear_refs", "5").ok()?;
    status("VmRSS:")
}

/// The largest resident size since the last reset, in bytes.
pub fn peak_rss() -> Option<u64> {
    status("VmHWM:")
}

fn status(field: &str) -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/self/status").ok()?, field)
}

fn kilobytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with(field))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernel_s_table() {
        let status = "Name:\tx\nVmHWM:\t   1234 kB\nVmRSS:\t    1000 kB\n";
        assert_eq!((kilobytes(status, "VmHWM:"), kilobytes(status, "VmRSS:")), (Some(1234 * 1024), Some(1000 * 1024)));
        assert_eq!(kilobytes(status, "VmPeak:"), None);
    }

    #[test]
    fn the_peak_sees_memory_that_is_gone_again() {
        let Some(before) = reset_peak_rss() else { return };
        let ballast = vec![1u8; 64 << 20];
        assert_eq!(ballast.iter().map(|&byte| u64::from(byte)).sum::<u64>(), 64 << 20);
        drop(ballast);
        assert!(peak_rss().is_some_and(|peak| peak >= before + (32 << 20)));
    }
}
