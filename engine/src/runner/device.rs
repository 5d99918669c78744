//! The device an attempt runs on.

use sweep_engine_sys::cuda::{CudaSupport, load_cuda};
use sweep_shared::resources::DeviceClass;
use tch::Device;

use crate::error::{Error, Result};

/// Loads libtorch's CUDA half where the machine has a driver. Must come before any other use of libtorch.
pub fn prepare_cuda() {
    match load_cuda() {
        CudaSupport::NoDriver => {}
        CudaSupport::Loaded { file } => tracing::info!(file = %file.display(), "CUDA support loaded"),
        CudaSupport::NotInstalled { looked_for } => tracing::info!(
            looked_for = %looked_for.display(),
            "there is a CUDA driver, but this libtorch is CPU-only; put a full one's folder into LD_LIBRARY_PATH to use the GPU"
        ),
        CudaSupport::Failed { file, reason } => {
            tracing::warn!(file = %file.display(), reason, "CUDA support could not be loaded");
        }
    }
}

/// The libtorch device that the agent assigned.
pub fn choose(class: DeviceClass, index: u32) -> Result<Device> {
    if class == DeviceClass::Cpu {
        return Ok(Device::Cpu);
    }
    if !tch::Cuda::is_available() {
        return Err(Error::NoDevice { index, reason: "libtorch sees no usable CUDA device".into() });
    }
    let count = tch::Cuda::device_count();
    if i64::from(index) >= count {
        return Err(Error::NoDevice { index, reason: format!("there are only {count}") });
    }
    // Benchmarking kernels picks different ones from run to run.
    tch::Cuda::cudnn_set_benchmark(false);
    Ok(Device::Cuda(index as usize))
}
