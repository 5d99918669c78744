//! The library made of `shim/cuda.cpp`: carried inside this program, opened after libtorch's CUDA half has given it its symbols.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::OnceLock;

use crate::error::{Error, Result};

static LIBRARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libsweep_cuda.so"));

type Answer = *mut c_char;

/// Its functions.
#[derive(Debug)]
pub struct Shim {
    pub limit: unsafe extern "C" fn(c_int, u64) -> Answer,
    pub side_enter: unsafe extern "C" fn(c_int, *mut *mut c_void) -> Answer,
    pub side_leave: unsafe extern "C" fn(*mut c_void) -> Answer,
    pub graph_begin: unsafe extern "C" fn(*mut *mut c_void) -> Answer,
    pub graph_end: unsafe extern "C" fn(*mut c_void) -> Answer,
    pub graph_replay: unsafe extern "C" fn(*mut c_void) -> Answer,
    pub graph_free: unsafe extern "C" fn(*mut c_void) -> Answer,
}

/// Opened at the first use. An error where libtorch's CUDA half was not loaded: its symbols are missing then.
pub fn get() -> Result<&'static Shim> {
    static SHIM: OnceLock<std::result::Result<Shim, String>> = OnceLock::new();
    let shim = SHIM.get_or_init(|| open().map_err(|error| format!("CUDA is not loaded: {error}")));
    shim.as_ref().map_err(|error| Error(error.clone()))
}

fn open() -> std::result::Result<Shim, String> {
    let file = in_memory().map_err(|error| format!("no room for the library: {error}"))?;
    let path = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())).expect("no zero byte");
    // SAFETY: opening runs the initialisers of our own library. It stays open for good; its file need not.
    let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    if library.is_null() {
        // SAFETY: after a failed dlopen there is a text, which is copied at once.
        return Err(unsafe { CStr::from_ptr(libc::dlerror()) }.to_string_lossy().into_owned());
    }
    // SAFETY: `shim/cuda.cpp` defines each of these as `Shim` says.
    unsafe {
        Ok(Shim {
            limit: function(library, c"sweep_cuda_limit")?,
            side_enter: function(library, c"sweep_cuda_side_enter")?,
            side_leave: function(library, c"sweep_cuda_side_leave")?,
            graph_begin: function(library, c"sweep_cuda_graph_begin")?,
            graph_end: function(library, c"sweep_cuda_graph_end")?,
            graph_replay: function(library, c"sweep_cuda_graph_replay")?,
            graph_free: function(library, c"sweep_cuda_graph_free")?,
        })
    }
}

/// # Safety
/// The library must be open, and `F` the type of a pointer to this function.
unsafe fn function<F: Copy>(library: *mut c_void, name: &CStr) -> std::result::Result<F, String> {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: the caller's word; function pointers and data pointers are alike here (POSIX).
    let symbol = unsafe { libc::dlsym(library, name.as_ptr()) };
    if symbol.is_null() {
        Err(format!("{name:?} is not in it"))
    } else {
        Ok(unsafe { std::mem::transmute_copy(&symbol) })
    }
}

/// A file that lies nowhere: a runner's folder may be on a disk that forbids executables.
fn in_memory() -> std::io::Result<File> {
    // SAFETY: a fresh descriptor that nobody else owns.
    let mut file = unsafe {
        let fd = libc::memfd_create(c"libsweep_cuda.so".as_ptr(), libc::MFD_CLOEXEC);
        if fd < 0 {
            return Err(std::io::Error::last_os_error());
        }
        File::from_raw_fd(fd)
    };
    file.write_all(LIBRARY)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_cuda_it_says_so_and_does_not_crash() {
        if matches!(crate::cuda::load_cuda(), crate::cuda::CudaSupport::Loaded { .. }) {
            return;
        }
        let error = get().unwrap_err().to_string();
        assert!(error.contains("CUDA is not loaded") && error.contains("undefined symbol"), "{error}");
        assert!(crate::cuda::memory::memory(0).is_err());
    }
}
