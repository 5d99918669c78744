//! Generates the gRPC messages from the `.proto` with protox, so that no `protoc` need be installed.

use std::env;
use std::fs;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto/sweep.proto");
    let set = protox::compile(["proto/sweep.proto"], ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // For gRPC reflection.
    fs::write(out.join("sweep_descriptor.bin"), protox::prost::Message::encode_to_vec(&set))?;
    tonic_prost_build::configure().compile_fds(set)?;
    Ok(())
}
