//! Which number format a fit computes in.

use sweep_engine_sys::autocast::Autocast;
use sweep_shared::spec::Precision;
use tch::{Device, Kind};

use crate::error::Result;

/// Whether forward passes run under bf16 autocast. `auto` is fp32 on the CPU, where bf16 costs 30 % with AVX-512 but without
/// AMX (measured), and bf16 on GPUs, whose tensor cores make it the faster one since 2020.
pub fn uses_bf16(precision: Precision, device: Device) -> bool {
    match precision {
        Precision::Fp32 => false,
        Precision::Bf16 => true,
        Precision::Auto => device.is_cuda(),
    }
}

/// Switches autocast on while the result lives, if wanted.
pub fn autocast(bf16: bool, device: Device) -> Result<Option<Autocast>> {
    Ok(bf16.then(|| Autocast::new(device, Kind::BFloat16)).transpose()?)
}
