//! A CUDA device's memory, as the driver and libtorch's caching allocator tell it.

use super::shim;
use crate::error::{Result, check};
use crate::ffi;

/// One moment of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceMemory {
    /// Bytes that nobody has taken (`cudaMemGetInfo`); every process counts.
    pub free_bytes: u64,
    pub total_bytes: u64,
    /// The most that this process's allocator has held at once. The CUDA context is not in it.
    pub peak_bytes: u64,
}

/// Asks device `index`, as CUDA numbers the visible ones. An error where libtorch has no CUDA.
pub fn memory(index: usize) -> Result<DeviceMemory> {
    let mut memory = DeviceMemory { free_bytes: 0, total_bytes: 0, peak_bytes: 0 };
    let DeviceMemory { free_bytes, total_bytes, peak_bytes } = &mut memory;
    // SAFETY: three valid places for numbers; exceptions are caught on the other side.
    check(unsafe { ffi::sweep_device_memory(index as i32, free_bytes, total_bytes, peak_bytes) })?;
    Ok(memory)
}

/// Bounds what libtorch's allocator takes of device `index`: beyond it an allocation fails with "CUDA out of memory" although the
/// device has more. The context (some hundred MB) is outside the bound.
pub fn limit(index: usize, bytes: u64) -> Result<()> {
    let shim = shim::get()?;
    // SAFETY: plain values; exceptions are caught on the other side.
    check(unsafe { (shim.limit)(index as i32, bytes) })
}
