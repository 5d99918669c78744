//! One ONNX file, ready to run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ort::session::SessionOutputs;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::{TensorRef, ValueType};
use sweep_model::Tensor;

use super::error::RuntimeError;
use super::kernels::KernelReport;
use super::library::environment;
use crate::data::{Images, Normaliser, Split};
use crate::metrics::Evaluation;

/// A loaded file with one float input `[N, C, H, W]` and one float output `[N, classes]`.
#[derive(Debug)]
pub struct Session {
    path: PathBuf,
    inner: ort::session::Session,
    /// `[C, H, W]`.
    input: [usize; 3],
    threads: usize,
}

impl Session {
    /// Loads `path` with every optimisation that the runtime has, on `threads` threads.
    pub fn open(path: &Path, threads: usize) -> Result<Session, RuntimeError> {
        let refused = |reason: String| RuntimeError::Model { path: path.to_owned(), reason };
        let inner = builder(threads)
            .and_then(|mut builder| builder.commit_from_file(path))
            .map_err(|error| refused(error.to_string()))?;
        let input = input_shape(&inner).map_err(refused)?;
        Ok(Session { path: path.to_owned(), inner, input, threads })
    }

    /// [`Self::open`] for a file that is in memory only.
    pub fn of_bytes(onnx: &[u8], threads: usize) -> Result<Session, RuntimeError> {
        let path = PathBuf::from("(in memory)");
        let refused = |reason: String| RuntimeError::Model { path: path.clone(), reason };
        let inner = builder(threads)
            .and_then(|mut builder| builder.commit_from_memory(onnx))
            .map_err(|error| refused(error.to_string()))?;
        let input = input_shape(&inner).map_err(refused)?;
        Ok(Session { path, inner, input, threads })
    }

    /// The `[C, H, W]` it wants.
    pub fn input(&self) -> [usize; 3] {
        self.input
    }

    /// Runs `[N, C, H, W]` values in row-major order; returns the first output in the same manner.
    pub fn run(&mut self, values: &[f32]) -> Result<Vec<f32>, RuntimeError> {
        let outputs = self.outputs(values)?;
        let (_, logits) = outputs[0].try_extract_tensor::<f32>().map_err(failed)?;
        Ok(logits.to_vec())
    }

    /// [`Self::run`] for a file with any number of float outputs, which it returns by name.
    pub fn run_all(&mut self, values: &[f32]) -> Result<BTreeMap<String, Tensor>, RuntimeError> {
        let outputs = self.outputs(values)?;
        let extract = |(name, value): (&str, ort::value::ValueRef<'_>)| {
            let (shape, data) = value.try_extract_tensor::<f32>().map_err(failed)?;
            let shape: Vec<usize> = shape.iter().map(|&side| side as usize).collect();
            Ok((name.to_owned(), Tensor { shape, data: data.to_vec() }))
        };
        outputs.iter().map(extract).collect()
    }

    fn outputs(&mut self, values: &[f32]) -> Result<SessionOutputs<'_>, RuntimeError> {
        let [channels, height, width] = self.input;
        let count = values.len() / (channels * height * width);
        let shape = [count, channels, height, width].map(|side| side as i64);
        let input = TensorRef::from_array_view((shape, values)).map_err(failed)?;
        self.inner.run(ort::inputs![input]).map_err(failed)
    }

    /// What the runtime made of the file, which is read anew: what this session held is given up before. `scratch` is a folder that
    /// may be written to; nothing stays there.
    pub fn into_kernels(self, scratch: &Path) -> Result<KernelReport, RuntimeError> {
        let Session { path, inner, threads, .. } = self;
        drop(inner);
        let refused = |reason: String| RuntimeError::Model { path: path.clone(), reason };
        let optimised = scratch.join(format!("optimised-{}.onnx", std::process::id()));
        let saved = builder(threads)
            .and_then(|builder| Ok(builder.with_optimized_model_path(&optimised)?))
            .and_then(|mut builder| builder.commit_from_file(&path));
        let bytes =
            saved.map_err(|error| error.to_string()).and_then(|_| std::fs::read(&optimised).map_err(|e| e.to_string()));
        let _ = std::fs::remove_file(&optimised);
        KernelReport::of_optimised(&bytes.map_err(&refused)?).map_err(refused)
    }
}

/// Runs the whole of `split` through `session`, as the deployed file would see it, `batch` images at a time.
pub fn evaluate(
    session: &mut Session,
    split: &Split,
    normaliser: &Normaliser,
    classes: usize,
    batch: usize,
) -> Result<Evaluation, RuntimeError> {
    let mut evaluation = Evaluation::new(classes);
    for start in (0..split.len()).step_by(batch) {
        let end = split.len().min(start + batch);
        let logits = session.run(&planes(&split.images, start..end, normaliser))?;
        if logits.len() != (end - start) * classes {
            let found = logits.len() / (end - start);
            return Err(RuntimeError::Run(format!("the file has {found} outputs, but the data set {classes} classes")));
        }
        evaluation.add(&logits, &split.labels[start..end]);
    }
    Ok(evaluation)
}

/// Normalised images in NCHW order, which is what ONNX files take.
pub fn planes(images: &Images, range: std::ops::Range<usize>, normaliser: &Normaliser) -> Vec<f32> {
    let plane = images.height * images.width;
    let mut values = vec![0.0; range.len() * images.image_bytes()];
    for (index, out) in range.zip(values.chunks_exact_mut(images.image_bytes())) {
        for (at, pixel) in images.image(index).chunks_exact(out.len() / plane).enumerate() {
            for (channel, &value) in pixel.iter().enumerate() {
                out[channel * plane + at] = normaliser.value(channel, value);
            }
        }
    }
    values
}

fn failed(error: ort::Error) -> RuntimeError {
    RuntimeError::Run(error.to_string())
}

fn builder(threads: usize) -> ort::Result<SessionBuilder> {
    let environment = environment().map_err(|error| ort::Error::new(error.to_string()))?;
    Ok(ort::session::Session::builder(environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(threads.max(1))?
        .with_inter_threads(1)?
        // Without this a session's idle threads spin on after a run, on the cores of whichever session runs next.
        .with_config_entry("session.force_spinning_stop", "1")?)
}

fn input_shape(session: &ort::session::Session) -> Result<[usize; 3], String> {
    let [input] = session.inputs() else {
        return Err(format!("it has {} inputs instead of one", session.inputs().len()));
    };
    let ValueType::Tensor { shape, .. } = input.dtype() else {
        return Err("its input is not a tensor".into());
    };
    match shape[..] {
        [_, channels, height, width] if channels > 0 && height > 0 && width > 0 => {
            Ok([channels, height, width].map(|side| side as usize))
        }
        _ => Err(format!("its input has shape {shape:?} instead of [N, C, H, W]")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Statistics;

    #[test]
    fn planes_are_channel_by_channel() {
        let images = Images { height: 1, width: 2, pixels: (0..12).collect() };
        let plain = Normaliser::new(&Statistics { mean: [0.0; 3], std: [1.0 / 255.0; 3] });
        let values: Vec<i32> = planes(&images, 1..2, &plain).iter().map(|value| value.round() as i32).collect();
        assert_eq!(values, [6, 9, 7, 10, 8, 11]);
    }

    #[test]
    fn a_file_that_is_no_network_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("junk.onnx");
        std::fs::write(&path, b"junk").unwrap();
        let text = Session::open(&path, 1).unwrap_err().to_string();
        assert!(text.contains("junk.onnx"), "{text}");
    }
}
