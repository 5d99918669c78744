//! GPUs through NVML.

use nvml_wrapper::Nvml;
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;
use sweep_shared::resources::{Device, DeviceClass};

use super::Memory;

/// The GPUs that this agent may use.
pub struct Gpus {
    nvml: Nvml,
    /// NVML's numbers, which follow the PCI bus.
    indices: Vec<u32>,
}

impl Gpus {
    /// `None`: no driver, no GPU, or all of them hidden by `CUDA_VISIBLE_DEVICES`.
    pub fn find() -> Option<Self> {
        let nvml = match Nvml::init() {
            Ok(nvml) => nvml,
            Err(error) => {
                tracing::debug!(%error, "no NVML: this is a CPU agent");
                return None;
            }
        };
        let count = nvml.device_count().unwrap_or(0);
        let known: Vec<(u32, String)> = (0..count).filter_map(|index| Some((index, uuid(&nvml, index)?))).collect();
        let indices = visible(&known, std::env::var("CUDA_VISIBLE_DEVICES").ok().as_deref());
        (!indices.is_empty()).then_some(Self { nvml, indices })
    }

    /// A GPU that does not answer is left out, so that nothing is assigned to it.
    pub fn devices(&self, slots: u32) -> Vec<Device> {
        let describe = |index: u32| -> Result<Device, NvmlError> {
            let device = self.nvml.device_by_index(index)?;
            let memory = device.memory_info()?;
            Ok(Device {
                class: DeviceClass::Cuda,
                index,
                name: device.name()?,
                memory_total_bytes: memory.total,
                memory_free_bytes: memory.free,
                slots,
            })
        };
        let told = self.indices.iter().filter_map(|&index| {
            describe(index).inspect_err(|error| tracing::warn!(index, %error, "a GPU does not answer")).ok()
        });
        told.collect()
    }

    pub fn uuid(&self, index: u32) -> Option<String> {
        uuid(&self.nvml, index)
    }

    pub fn memory(&self, index: u32, pids: &[i32]) -> Option<Memory> {
        let device = self.nvml.device_by_index(index).ok()?;
        let free_bytes = device.memory_info().ok()?.free;
        // Inside a container the driver may show no processes: then every runner counts as not loaded yet, which errs
        // towards refusing.
        let processes = device.running_compute_processes().unwrap_or_default();
        let used = |pid: &i32| {
            let mine = processes.iter().filter(|process| i64::from(process.pid) == i64::from(*pid));
            mine.map(|process| if let UsedGpuMemory::Used(bytes) = process.used_gpu_memory { bytes } else { 0 }).sum()
        };
        Some(Memory { free_bytes, used_bytes: pids.iter().map(used).collect() })
    }
}

fn uuid(nvml: &Nvml, index: u32) -> Option<String> {
    nvml.device_by_index(index).ok()?.uuid().ok()
}

/// Which of the GPUs `CUDA_VISIBLE_DEVICES` leaves: numbers or prefixes of UUIDs; as in CUDA, what follows a word that
/// names none is ignored.
fn visible(known: &[(u32, String)], wanted: Option<&str>) -> Vec<u32> {
    let Some(wanted) = wanted else { return known.iter().map(|(index, _)| *index).collect() };
    let find = |word: &str| {
        let named = |(index, uuid): &&(u32, String)| {
            word.parse() == Ok(*index) || (word.starts_with("GPU-") && uuid.starts_with(word))
        };
        known.iter().find(named).map(|(index, _)| *index)
    };
    wanted.split(',').map(str::trim).map_while(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuda_visible_devices_is_obeyed() {
        let known = [(0, "GPU-aa11".to_owned()), (1, "GPU-bb22".to_owned()), (2, "GPU-cc33".to_owned())];
        assert_eq!(visible(&known, None), [0, 1, 2]);
        assert_eq!(visible(&known, Some("")), [] as [u32; 0]);
        assert_eq!(visible(&known, Some("2, 0")), [2, 0]);
        assert_eq!(visible(&known, Some("GPU-bb")), [1]);
        assert_eq!(visible(&known, Some("1,-1,0")), [1]);
    }
}
