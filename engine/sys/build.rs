//! Compiles the C++ shim against the libtorch headers that tch is built with.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=shim/shim.cpp");
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
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .include(&include)
        .include(include.join("torch/csrc/api/include"))
        .file("shim/shim.cpp")
        .compile("sweep_torch_shim");
}
