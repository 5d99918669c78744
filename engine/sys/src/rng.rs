//! The state of libtorch's default random generators, which dropout draws from.

use tch::Device;

use crate::error::{Result, check};
use crate::ffi;

fn index(device: Device) -> i32 {
    match device {
        Device::Cuda(i) => i as i32,
        _ => -1,
    }
}

/// The state of `device`'s default generator (5 056 bytes on the CPU).
pub fn state(device: Device) -> Result<Vec<u8>> {
    let mut size = 0usize;
    // SAFETY: a null buffer asks for the size only; then the buffer has that size, which the shim checks again.
    unsafe {
        check(ffi::sweep_rng_get(index(device), std::ptr::null_mut(), &raw mut size))?;
        let mut bytes = vec![0u8; size];
        check(ffi::sweep_rng_get(index(device), bytes.as_mut_ptr(), &raw mut size))?;
        Ok(bytes)
    }
}

/// Restores what [`state`] gave; bytes of another size or kind are refused by libtorch.
pub fn set_state(device: Device, bytes: &[u8]) -> Result<()> {
    // SAFETY: the shim copies `bytes.len()` bytes before it interprets them.
    check(unsafe { ffi::sweep_rng_set(index(device), bytes.as_ptr(), bytes.len()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Kind, Tensor};

    // One test: the generator is global, and tests of a binary run in parallel.
    #[test]
    fn a_restored_state_repeats_the_same_numbers_and_nonsense_is_refused() {
        tch::manual_seed(7);
        let saved = state(Device::Cpu).unwrap();
        let draw = || Vec::<f32>::try_from(Tensor::rand([64], (Kind::Float, Device::Cpu))).unwrap();
        let first = draw();
        assert_ne!(first, draw(), "the generator moved on");
        set_state(Device::Cpu, &saved).unwrap();
        assert_eq!(first, draw());
        assert!(set_state(Device::Cpu, &saved[..100]).is_err());
    }
}
