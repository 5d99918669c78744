//! Autocast: matrix products and convolutions in 16 bits, the rest in fp32. tch's own switch does nothing without CUDA.

use tch::{Device, Kind};

use crate::error::{Error, Result, check};
use crate::ffi;

/// Autocast is on while this lives. Guards nest, and belong to the thread that made them.
#[derive(Debug)]
pub struct Autocast {
    cuda: bool,
    _this_thread_only: std::marker::PhantomData<*const ()>,
}

impl Autocast {
    /// Switches autocast to `kind` (`BFloat16` or `Half`) on `device`.
    pub fn new(device: Device, kind: Kind) -> Result<Self> {
        let cuda = matches!(device, Device::Cuda(_));
        let dtype = match kind {
            Kind::BFloat16 => 1,
            Kind::Half => 2,
            other => return Err(Error(format!("autocast to {other:?} does not exist: use BFloat16 or Half"))),
        };
        // SAFETY: takes plain values; exceptions are caught on the other side.
        check(unsafe { ffi::sweep_autocast(cuda, dtype) })?;
        Ok(Self { cuda, _this_thread_only: std::marker::PhantomData })
    }
}

impl Drop for Autocast {
    fn drop(&mut self) {
        // SAFETY: as above. A failure to switch off has no remedy here, and libtorch documents none.
        let _ = check(unsafe { ffi::sweep_autocast(self.cuda, 0) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Tensor;

    #[test]
    fn products_are_bf16_inside_the_guard_only() {
        let x = Tensor::ones([8, 8], (Kind::Float, Device::Cpu));
        assert_eq!(x.matmul(&x).kind(), Kind::Float);
        {
            let _guard = Autocast::new(Device::Cpu, Kind::BFloat16).unwrap();
            assert_eq!(x.matmul(&x).kind(), Kind::BFloat16);
        }
        assert_eq!(x.matmul(&x).kind(), Kind::Float);
        assert!(Autocast::new(Device::Cpu, Kind::Int8).is_err());
    }
}
