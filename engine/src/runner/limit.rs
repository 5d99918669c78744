//! The most that this process may take of its device.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use sweep_shared::resources::DeviceClass;
use sweep_shared::spec::footprint;
use tch::Device;

use crate::error::{Error, Result};

/// Bounds the process, before anything large is allocated: what goes beyond fails as if the device were full.
///
/// On the CPU the kernel counts writable private memory (RLIMIT_DATA), so neither the libraries' code, which runners share, nor
/// address space that is only reserved. On GPUs libtorch's allocator counts.
pub fn set(bytes: u64, device: Device) -> Result<()> {
    tracing::info!(bytes, "memory is limited");
    match device {
        Device::Cuda(index) => {
            // The context and the libraries' kernels are outside what libtorch's allocator hands out.
            let context = footprint::runner_bytes(DeviceClass::Cuda);
            Ok(sweep_engine_sys::cuda::memory::limit(index, bytes.saturating_sub(context))?)
        }
        _ => of_data(bytes).map_err(|error| Error::io("limit this process's memory")(error.into())),
    }
}

fn of_data(bytes: u64) -> nix::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_DATA)?;
    setrlimit(Resource::RLIMIT_DATA, bytes.min(hard), hard)
}
