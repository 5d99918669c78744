//! The most that this process may take of its device.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tch::Device;

use crate::error::{Error, Result};

/// What a process takes of a GPU beside what libtorch's allocator hands out: the CUDA context and the libraries' kernels. NVML shows
/// 300–600 MB where nothing else is loaded, depending on the driver and the card.
const CONTEXT_BYTES: u64 = 512 << 20;

/// Bounds the process, before anything large is allocated: what goes beyond fails as if the device were full.
///
/// On the CPU the kernel counts writable private memory (RLIMIT_DATA), so neither the libraries' code, which runners share, nor
/// address space that is only reserved. On GPUs libtorch's allocator counts.
pub fn set(bytes: u64, device: Device) -> Result<()> {
    tracing::info!(bytes, "memory is limited");
    match device {
        Device::Cuda(index) => Ok(sweep_engine_sys::cuda::memory::limit(index, bytes.saturating_sub(CONTEXT_BYTES))?),
        _ => of_data(bytes).map_err(|error| Error::io("limit this process's memory")(error.into())),
    }
}

fn of_data(bytes: u64) -> nix::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_DATA)?;
    setrlimit(Resource::RLIMIT_DATA, bytes.min(hard), hard)
}
