//! C++ exceptions as Rust errors.

use std::ffi::{CStr, c_char};

use crate::ffi;

/// The text of a C++ exception that libtorch threw.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("libtorch: {0}")]
pub struct Error(pub String);

pub type Result<T> = std::result::Result<T, Error>;

/// Turns a shim function's answer into a result, and frees its text.
pub(crate) fn check(message: *mut c_char) -> Result<()> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: the shim returns either null or a NUL-terminated string from strdup, which is ours to free once.
    let text = unsafe {
        let text = CStr::from_ptr(message).to_string_lossy().trim().to_string();
        ffi::sweep_free(message);
        text
    };
    Err(Error(text))
}
