//! Generates the gRPC messages from the `.proto` with protox, so that no `protoc` need be installed.

use std::env;
use std::fs;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto/sweep.proto");
    let set = protox::compile(["proto/sweep.proto"], ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=proto/previous/sweep.proto");
    // For gRPC reflection.
    fs::write(out.join("sweep_descriptor.bin"), protox::prost::Message::encode_to_vec(&set))?;
    // For the test that adjacent versions work together.
    let previous = protox::compile(["sweep.proto"], ["proto/previous"])?;
    fs::write(out.join("previous_descriptor.bin"), protox::prost::Message::encode_to_vec(&previous))?;
    tonic_prost_build::configure().compile_fds(set)?;
    Ok(())
}
