//! Threads, and what the processor and the library call themselves.

use std::ffi::{CStr, c_char};

use crate::error::{Result, check};
use crate::ffi;

/// Sets libtorch's intra-op and inter-op thread counts. Bits of results depend on the intra-op count, so a job records
/// it. The inter-op count can be set once per process, before any parallel work; later changes are an error.
pub fn set_threads(intra_op: usize, inter_op: usize) -> Result<()> {
    // SAFETY: takes two numbers; exceptions are caught on the other side.
    check(unsafe { ffi::sweep_threads(intra_op.max(1) as i32, inter_op.max(1) as i32) })
}

/// The version of the libtorch headers that this binary was built with, such as `2.11.0`.
pub fn torch_version() -> String {
    // SAFETY: a string literal with static lifetime.
    unsafe { CStr::from_ptr(ffi::sweep_torch_version()) }.to_string_lossy().into_owned()
}

/// The instruction set libtorch dispatches to on this CPU: `DEFAULT`, `AVX2`, `AVX512`. Results of another instruction
/// set differ in bits.
pub fn cpu_capability() -> Result<String> {
    let mut name: *mut c_char = std::ptr::null_mut();
    // SAFETY: on success `name` points to a string from strdup, ours to free once.
    unsafe {
        check(ffi::sweep_cpu_capability(&raw mut name))?;
        let text = CStr::from_ptr(name).to_string_lossy().into_owned();
        ffi::sweep_free(name);
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_the_pinned_one() {
        assert!(torch_version().starts_with("2.11."), "{}", torch_version());
        assert!(!cpu_capability().unwrap().is_empty());
    }
}
