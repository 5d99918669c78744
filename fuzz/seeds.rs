//! Writes the seeds that are not files of PyTorch: the small network of `lib.rs` in our own formats.

use std::fs;
use std::path::Path;

use sweep_model::{onnx, state_dict};

fn main() -> std::io::Result<()> {
    let model = sweep_fuzz::small();
    let weights = state_dict::to_safetensors(&model).map_err(std::io::Error::other)?;
    let file = onnx::export(&model).map_err(std::io::Error::other)?;
    let seeds = [("safetensors", weights), ("onnx", file), ("graph", model.graph.to_json().into_bytes())];
    for (target, bytes) in seeds {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("small"), bytes)?;
    }
    Ok(())
}
