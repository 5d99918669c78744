//! GPUs through NVML. Everything here may block.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use nvml_wrapper::enum_wrappers::device::{EccCounter, MemoryError, TemperatureSensor};
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use sweep_shared::resources::Sensors;

use super::{Answer, Holder, Reading, Trouble};

/// A GPU that this agent may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// NVML's number, which follows the PCI bus.
    pub index: u32,
    /// Numbers move when a GPU falls off the bus; this stays.
    pub uuid: String,
    pub name: String,
    pub total_bytes: u64,
}

/// `None`: no driver, no GPU, or all of them hidden by `CUDA_VISIBLE_DEVICES`.
pub fn load() -> Option<(Arc<Nvml>, Vec<Gpu>)> {
    let nvml = match Nvml::init() {
        Ok(nvml) => nvml,
        Err(error) => {
            tracing::debug!(%error, "no NVML: this is a CPU agent");
            return None;
        }
    };
    let known: Vec<Gpu> = (0..nvml.device_count().unwrap_or(0)).filter_map(|index| describe(&nvml, index)).collect();
    let seen = visible(&known, std::env::var("CUDA_VISIBLE_DEVICES").ok().as_deref());
    (!seen.is_empty()).then(|| (Arc::new(nvml), seen))
}

/// One that does not answer at the start is left out.
fn describe(nvml: &Nvml, index: u32) -> Option<Gpu> {
    let told = || -> Result<Gpu, NvmlError> {
        let device = nvml.device_by_index(index)?;
        let total_bytes = device.memory_info()?.total;
        Ok(Gpu { index, uuid: device.uuid()?, name: device.name()?, total_bytes })
    };
    told().inspect_err(|error| tracing::warn!(index, %error, "a GPU does not answer and is left out")).ok()
}

/// Which of the GPUs `CUDA_VISIBLE_DEVICES` leaves: numbers or prefixes of UUIDs; as in CUDA, what follows a word that
/// names none is ignored.
fn visible(known: &[Gpu], wanted: Option<&str>) -> Vec<Gpu> {
    let Some(wanted) = wanted else { return known.to_vec() };
    let find = |word: &str| {
        let named =
            |gpu: &&Gpu| word.parse() == Ok(gpu.index) || (word.starts_with("GPU-") && gpu.uuid.starts_with(word));
        known.iter().find(named).cloned()
    };
    wanted.split(',').map(str::trim).map_while(find).collect()
}

/// How the GPU is at this moment.
pub fn read(nvml: &Nvml, gpu: &Gpu) -> Answer {
    let told = || -> Result<Reading, NvmlError> {
        let device = nvml.device_by_uuid(gpu.uuid.as_str())?;
        let memory = device.memory_info()?;
        let errors = device.total_ecc_errors(MemoryError::Uncorrected, EccCounter::Volatile);
        if matches!(errors, Err(NvmlError::GpuLost)) {
            return Err(NvmlError::GpuLost);
        }
        let holders = holders(nvml, &device);
        Ok(Reading {
            total_bytes: memory.total,
            free_bytes: memory.free,
            holders,
            memory_errors: errors.ok(),
            sensors: sensors(&device),
        })
    };
    told().map_err(trouble)
}

/// No card has to have all of them (laptops' tell no power, vGPUs no temperature), and a lost card is noticed by its memory.
fn sensors(device: &Device<'_>) -> Sensors {
    Sensors {
        temperature_c: device.temperature(TemperatureSensor::Gpu).ok(),
        busy_percent: device.utilization_rates().ok().map(|rates| rates.gpu.min(100)),
        power_mw: device.power_usage().ok(),
        power_limit_mw: device.enforced_power_limit().ok(),
    }
}

fn trouble(error: NvmlError) -> Trouble {
    match error {
        NvmlError::GpuLost => Trouble::Lost("it has fallen off the bus (NVML: GPU is lost)".to_owned()),
        NvmlError::NotFound | NvmlError::InvalidArg => {
            Trouble::Lost("NVML does not find it any more (it may have fallen off the bus)".to_owned())
        }
        other => Trouble::Silent(format!("NVML says: {other}")),
    }
}

/// Compute and graphics processes, each once. In a container the driver may show none.
fn holders(nvml: &Nvml, device: &Device<'_>) -> Vec<Holder> {
    let mut bytes: BTreeMap<u32, Option<u64>> = BTreeMap::new();
    let compute = device.running_compute_processes().unwrap_or_default();
    // A process that computes and draws is listed twice, each time with all that it has.
    for process in compute.into_iter().chain(device.running_graphics_processes().unwrap_or_default()) {
        let used = match process.used_gpu_memory {
            UsedGpuMemory::Used(bytes) => Some(bytes),
            UsedGpuMemory::Unavailable => None,
        };
        let had = bytes.entry(process.pid).or_default();
        *had = (*had).max(used);
    }
    let name = |pid: u32| {
        let known = Path::new(&format!("/proc/{pid}")).exists();
        let path = if known { None } else { nvml.sys_process_name(pid, NAME).ok() }?;
        Path::new(&path).file_name().map(|name| name.to_string_lossy().into_owned())
    };
    bytes.into_iter().map(|(pid, bytes)| Holder { pid, bytes, name: name(pid) }).collect()
}

/// Bytes of a process' name.
const NAME: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuda_visible_devices_is_obeyed() {
        let gpu =
            |(index, uuid): (u32, &str)| Gpu { index, uuid: uuid.to_owned(), name: String::new(), total_bytes: 1 };
        let known = [(0, "GPU-aa11"), (1, "GPU-bb22"), (2, "GPU-cc33")].map(gpu);
        let seen = |wanted| visible(&known, wanted).into_iter().map(|gpu| gpu.index).collect::<Vec<_>>();
        assert_eq!(seen(None), [0, 1, 2]);
        assert_eq!(seen(Some("")), [] as [u32; 0]);
        assert_eq!(seen(Some("2, 0")), [2, 0]);
        assert_eq!(seen(Some("GPU-bb")), [1]);
        assert_eq!(seen(Some("1,-1,0")), [1]);
    }

    #[test]
    fn a_gpu_that_is_gone_is_told_from_one_that_says_nothing() {
        assert!(matches!(trouble(NvmlError::GpuLost), Trouble::Lost(_)));
        assert!(matches!(trouble(NvmlError::NotFound), Trouble::Lost(_)));
        assert!(matches!(trouble(NvmlError::Unknown), Trouble::Silent(_)));
    }
}
