//! The shim's C functions. `TensorPtr` is what `tch::Tensor::as_ptr` gives: a pointer to an `at::Tensor`.

use std::ffi::{c_char, c_int, c_void};

pub type TensorPtr = *const c_void;

unsafe extern "C" {
    pub fn sweep_free(message: *mut c_char);
    pub fn sweep_pool_install() -> *mut c_char;
    pub fn sweep_pool_trim();
    pub fn sweep_pool_amounts(in_use: *mut u64, waiting: *mut u64);
    pub fn sweep_threads(intra_op: c_int, inter_op: c_int) -> *mut c_char;
    pub fn sweep_torch_version() -> *const c_char;
    pub fn sweep_cpu_capability(out: *mut *mut c_char) -> *mut c_char;
    pub fn sweep_rng_get(cuda_index: c_int, buffer: *mut u8, size: *mut usize) -> *mut c_char;
    pub fn sweep_rng_set(cuda_index: c_int, bytes: *const u8, size: usize) -> *mut c_char;
    pub fn sweep_device_memory(cuda_index: c_int, free: *mut u64, total: *mut u64, peak: *mut u64) -> *mut c_char;
    pub fn sweep_autocast(cuda: bool, dtype: c_int) -> *mut c_char;
    pub fn sweep_zero_grads(params: *const TensorPtr, count: usize) -> *mut c_char;
    pub fn sweep_fused_sgd(
        params: *const TensorPtr,
        buffers: *const TensorPtr,
        count: usize,
        lr: f64,
        momentum: f64,
        weight_decay: f64,
        nesterov: bool,
        first_step: bool,
    ) -> *mut c_char;
    pub fn sweep_fused_adamw(
        params: *const TensorPtr,
        exp_avgs: *const TensorPtr,
        exp_avg_sqs: *const TensorPtr,
        steps: *const TensorPtr,
        count: usize,
        lr: f64,
        beta1: f64,
        beta2: f64,
        weight_decay: f64,
        eps: f64,
    ) -> *mut c_char;
}
