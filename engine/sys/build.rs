//! Compiles the C++ shims against the libtorch headers that tch is built with: `shim.cpp` into the program, `cuda.cpp` into a
//! library of its own that is carried inside the program and opened on machines with a GPU (`src/cuda/shim.rs`).

use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=shim");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let libtorch = PathBuf::from(std::env::var_os("LIBTORCH").unwrap_or_else(|| "../../.libtorch".into()));
    let include = libtorch.join("include");
    println!("cargo:rerun-if-changed={}", include.join("ATen/Version.h").display());
    assert!(
        include.join("ATen/ATen.h").is_file(),
        "\n\nlibtorch's headers were not found under {}: run `make setup` in the checkout first, \
         or set LIBTORCH to an unpacked libtorch 2.11.0.\n",
        include.display()
    );
    base(&include).file("shim/shim.cpp").file("shim/pool.cpp").compile("sweep_torch_shim");
    cuda(&libtorch, &include);
}

fn base(include: &Path) -> cc::Build {
    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").warnings(false).define("_GLIBCXX_USE_CXX11_ABI", "1");
    build.include(include).include(include.join("torch/csrc/api/include"));
    build
}

/// A shared library whose symbols of libtorch_cuda stay open: the process that opens it has them by then.
fn cuda(libtorch: &Path, include: &Path) {
    let headers = libtorch.join("cuda/include");
    assert!(
        headers.join("cuda_runtime_api.h").is_file(),
        "\n\nCUDA's headers were not found under {}: run `make setup` in the checkout.\n",
        headers.display()
    );
    let library = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it")).join("libsweep_cuda.so");
    let mut compile = base(include).include(&headers).pic(true).get_compiler().to_command();
    let status = compile.args(["-shared", "shim/cuda.cpp", "-o"]).arg(&library).status();
    assert!(status.is_ok_and(|status| status.success()), "shim/cuda.cpp does not compile");
}
