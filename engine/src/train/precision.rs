//! Which number format a fit computes in.

use sweep_engine_sys::autocast::Autocast;
use sweep_shared::spec::Precision;
use tch::{Device, Kind};

use crate::error::Result;

/// Whether forward passes run under bf16 autocast. Quantized networks never do: their simulation is fp32 by definition. `auto` is fp32 on the CPU, where bf16 costs 30 % with AVX-512 but without
/// AMX (measured), and bf16 on GPUs, whose tensor cores make it the faster one since 2020.
pub fn uses_bf16(precision: Precision, device: Device, quantized: bool) -> bool {
    match precision {
        _ if quantized => false,
        Precision::Fp32 => false,
        Precision::Bf16 => true,
        Precision::Auto => device.is_cuda(),
    }
}

/// Switches autocast on while the result lives, if wanted.
pub fn autocast(bf16: bool, device: Device) -> Result<Option<Autocast>> {
    Ok(bf16.then(|| Autocast::new(device, Kind::BFloat16)).transpose()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_depends_on_the_device_and_quantized_networks_stay_fp32() {
        let gpu = Device::Cuda(0);
        assert!(!uses_bf16(Precision::Auto, Device::Cpu, false));
        assert!(uses_bf16(Precision::Auto, gpu, false));
        assert!(uses_bf16(Precision::Bf16, Device::Cpu, false));
        assert!(!uses_bf16(Precision::Fp32, gpu, false));
        assert!(!uses_bf16(Precision::Bf16, gpu, true));
    }
}
