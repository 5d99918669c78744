//! One binary for CPU and CUDA: libtorch's CUDA half is opened at run time, where there is a driver and a full libtorch.

use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What [`load_cuda`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CudaSupport {
    /// The machine has no NVIDIA driver.
    NoDriver,
    /// There is a driver, but beside the libtorch in use lies no CUDA half: point LD_LIBRARY_PATH at a full one.
    NotInstalled { looked_for: PathBuf },
    /// There is a driver and a file, and the dynamic linker refused it.
    Failed { file: PathBuf, reason: String },
    /// Loaded: `tch::Cuda::is_available()` tells whether a device answers.
    Loaded { file: PathBuf },
}

/// Loads libtorch's CUDA half if this machine has a driver. Must run at the start of `main`, **before any other tch
/// call**: `Cuda::is_available()` and `manual_seed` cache the CPU-only hooks for good.
pub fn load_cuda() -> CudaSupport {
    if open("libcuda.so.1".as_ref(), libc::RTLD_LAZY).is_err() {
        return CudaSupport::NoDriver;
    }
    let Some(folder) = mapped_libtorch_folder() else {
        return CudaSupport::NotInstalled { looked_for: PathBuf::from("libtorch_cuda.so") };
    };
    let file = folder.join("libtorch_cuda.so");
    if !file.is_file() {
        return CudaSupport::NotInstalled { looked_for: file };
    }
    match open(file.as_os_str(), libc::RTLD_NOW | libc::RTLD_GLOBAL) {
        Ok(()) => CudaSupport::Loaded { file },
        Err(reason) => CudaSupport::Failed { file, reason },
    }
}

/// Opens a shared library for the rest of the process's life.
fn open(name: &OsStr, flags: i32) -> Result<(), String> {
    let name = CString::new(name.as_bytes()).map_err(|e| e.to_string())?;
    // SAFETY: loading runs the libraries' initialisers, which is the purpose; dlerror's text is copied at once.
    unsafe {
        if !libc::dlopen(name.as_ptr(), flags).is_null() {
            return Ok(());
        }
        let error = libc::dlerror();
        Err(if error.is_null() { "unknown".into() } else { CStr::from_ptr(error).to_string_lossy().into_owned() })
    }
}

fn mapped_libtorch_folder() -> Option<PathBuf> {
    folder_in_maps(&std::fs::read_to_string("/proc/self/maps").ok()?)
}

/// The folder of `libtorch_cpu.so` in the text of `/proc/self/maps`; paths may contain spaces.
fn folder_in_maps(maps: &str) -> Option<PathBuf> {
    maps.lines().find_map(|line| {
        let path = Path::new(&line[line.find('/')?..]);
        (path.file_name()? == "libtorch_cpu.so").then(|| path.parent().map(Path::to_path_buf))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_folder_of_the_mapped_library() {
        let maps = "7f00-7f01 r-xp 00000000 08:01 42 /usr/lib/libc.so.6\n\
                    7f02-7f03 r-xp 00000000 08:01 43                    /home/a b/lib/libtorch_cpu.so\n";
        assert_eq!(folder_in_maps(maps), Some(PathBuf::from("/home/a b/lib")));
        assert_eq!(folder_in_maps("7f00-7f01 r-xp 00000000 00:00 0 [heap]\n"), None);
    }

    #[test]
    fn this_process_has_the_library_mapped() {
        tch::manual_seed(1);
        assert!(mapped_libtorch_folder().is_some_and(|f| f.join("libtorch_cpu.so").is_file()));
    }
}
