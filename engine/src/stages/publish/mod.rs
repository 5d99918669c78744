//! Publishing a point: its files, and what the deployed one of them is worth.
//!
//! A point's folder holds the network (`graph.json`, `weights.safetensors`), the ONNX file to ship (`model.onnx`), for
//! quantized points the fp32 network of the same shape that latency is measured beside (`fp32.onnx`), and `evaluation.json`
//! with the confusion matrix. Accuracy is that of `model.onnx` in ONNX Runtime on the whole test split. The engine runs the
//! same images, and how far the two agree is a metric of its own: a file that computes something else must not go unnoticed.

mod agreement;
mod report;

use std::fs;
use std::path::Path;

use sweep_model::passes::fold;
use sweep_model::{Model, cost, model, onnx};
use sweep_shared::metrics::{self as names, Metrics};
use sweep_shared::spec::AtOnce;

use crate::data::Split;
use crate::error::{Error, Result};
use crate::job::{Job, PreparedData};
use crate::lower::Net;
use crate::metrics::Evaluation;
use crate::quant;
use crate::runtime::{self, Cpu, KernelReport, Session};

/// The deployed network.
pub const ONNX_FILE: &str = "model.onnx";
/// The fp32 network beside a quantized one.
pub const REFERENCE_FILE: &str = "fp32.onnx";
/// Confusion matrix, kernels, versions.
pub const EVALUATION_FILE: &str = "evaluation.json";

/// Publishes a network as it was trained, batch norm, quantizers and all; the ONNX file has the batch norm folded and, with
/// quantizers, holds integers. `metrics` are those the stage knows; measured values of the same name replace them, except for how
/// many parameters were trained.
pub fn point(job: &mut Job, name: &str, network: &Model, metrics: Metrics) -> Result<()> {
    let export = |model: &Model| onnx::export(&quant::deploy(model)?).map_err(Error::stage("exporting to ONNX"));
    let float = quant::without_quantizers(network);
    let reference = if network.graph.is_quantized() { Some(export(&float)?) } else { None };
    publish(job, name, &Files { network, float: &float, onnx: export(network)?, reference }, metrics)
}

/// Publishes an existing point again, with its ONNX files as they are, byte by byte.
pub fn existing_point(job: &mut Job, name: &str, folder: &Path, metrics: Metrics) -> Result<()> {
    let network = crate::job::load_model(folder)?;
    let float = quant::without_quantizers(&network);
    if !folder.join(ONNX_FILE).is_file() {
        return Err(Error::BadInput(format!("the input has no {ONNX_FILE} to evaluate")));
    }
    let read = |file: &str| {
        let path = folder.join(file);
        fs::read(&path).map_err(Error::io(format!("read {}", path.display())))
    };
    let reference = if folder.join(REFERENCE_FILE).is_file() { Some(read(REFERENCE_FILE)?) } else { None };
    publish(job, name, &Files { network: &network, float: &float, onnx: read(ONNX_FILE)?, reference }, metrics)
}

/// What a point consists of.
struct Files<'a> {
    network: &'a Model,
    /// The same without quantizers: what is counted.
    float: &'a Model,
    onnx: Vec<u8>,
    /// The fp32 ONNX file of a quantized network.
    reference: Option<Vec<u8>>,
}

impl Files<'_> {
    /// Writes everything but the evaluation; returns the names.
    fn write(&self, folder: &Path) -> Result<Vec<String>> {
        self.network.save(folder)?;
        let mut written = vec![model::GRAPH_FILE.to_owned(), model::WEIGHTS_FILE.to_owned()];
        let onnx = std::iter::once((ONNX_FILE, &self.onnx));
        for (name, bytes) in onnx.chain(self.reference.iter().map(|bytes| (REFERENCE_FILE, bytes))) {
            write(&folder.join(name), bytes)?;
            written.push(name.to_owned());
        }
        Ok(written)
    }

    /// What can be counted without running anything.
    fn counts(&self, folder: &Path) -> Result<Metrics> {
        // What only training needed is not deployed, and so not counted.
        let deployed = fold::remove_auxiliary(self.float);
        let cost = cost::count(&deployed.graph).map_err(Error::stage("counting the network's costs"))?;
        let weights = folder.join(model::WEIGHTS_FILE);
        let weights_bytes = fs::metadata(&weights).map_err(Error::io(format!("read {}", weights.display())))?.len();
        let values = [
            (names::PARAMETERS, cost.parameters as f64),
            (names::PARAMETERS_TRAINABLE, cost.parameters_trainable as f64),
            (names::PARAMETERS_NONZERO, cost::nonzero_parameters(&deployed) as f64),
            (names::MACS, cost.macs as f64),
            (names::SIZE_FP32_BYTES, weights_bytes as f64),
            (names::SIZE_ONNX_BYTES, self.onnx.len() as f64),
            (names::QUANTIZED, f64::from(u8::from(self.network.graph.is_quantized()))),
        ];
        Ok(values.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// What the ONNX file must agree with: the network as it was trained, or the simulation of its integers.
    fn expected(&self) -> Result<Net> {
        if self.network.graph.is_quantized() {
            quant::simulation(self.network, tch::Device::Cpu)
        } else {
            Ok(Net::new(self.network, tch::Device::Cpu)?)
        }
    }
}

fn publish(job: &mut Job, name: &str, files: &Files, mut metrics: Metrics) -> Result<()> {
    let data = job.data()?;
    // ONNX Runtime has an allocator of its own: what training leaves would stand beside it.
    sweep_engine_sys::pool::trim();
    job.events.doing(&format!("evaluating {name}"));
    let folder = job.point_folder(name)?;
    let mut written = files.write(&folder)?;
    let trained = metrics.get(names::PARAMETERS_TRAINABLE).copied();
    metrics.extend(files.counts(&folder)?);
    metrics.extend(trained.map(|trained| (names::PARAMETERS_TRAINABLE.to_owned(), trained)));
    let session = open(&folder.join(ONNX_FILE), job.assignment.threads)?;
    metrics.extend(Evaluator { data: &data, files, folder: &folder, at_once: job.at_once()? }.run(session)?);
    written.push(EVALUATION_FILE.to_owned());
    metrics.insert(names::TRAINING_S.into(), job.training_s);
    metrics.insert(names::PREPARATION_S.into(), job.preparation_s);
    if let Some(joules) = job.training_energy.joules() {
        metrics.insert(names::TRAINING_ENERGY_J.into(), joules);
    }
    if job.micro_batches > 1 {
        metrics.insert(names::MICRO_BATCHES.into(), f64::from(job.micro_batches));
    }
    if job.host_changed {
        metrics.insert(names::HOST_CHANGED.into(), 1.0);
    }
    warn_of_disagreement(name, files, &metrics);
    job.publish(name, metrics, written);
    sweep_engine_sys::pool::trim();
    Ok(())
}

fn open(path: &Path, threads: u32) -> Result<Session> {
    Session::open(path, threads as usize).map_err(Error::stage("opening the exported network"))
}

/// Measures a point's deployed file.
struct Evaluator<'a> {
    data: &'a PreparedData,
    files: &'a Files<'a>,
    folder: &'a Path,
    at_once: AtOnce,
}

impl Evaluator<'_> {
    /// Quality on the test split, accuracy on the validation split, agreement with the engine, and the kernels that ran.
    fn run(&self, mut session: Session) -> Result<Metrics> {
        let dataset = &self.data.dataset;
        let test = self.quality(&mut session, &dataset.test)?;
        let mut metrics = test.metrics();
        if !dataset.validation.is_empty() {
            metrics.insert(names::VAL_ACCURACY.into(), self.quality(&mut session, &dataset.validation)?.accuracy());
        }
        let batch = self.at_once.compared() as usize;
        metrics.extend(agreement::measure(&self.files.expected()?, &mut session, self.data, batch)?);
        let kernels = session.into_kernels(self.folder).map_err(Error::stage("reading the optimised network"))?;
        metrics.extend(kernel_metrics(self.files, &kernels));
        let text = report::render(dataset, &test, &kernels)?;
        write(&self.folder.join(EVALUATION_FILE), text.as_bytes())?;
        Ok(metrics)
    }

    fn quality(&self, session: &mut Session, split: &Split) -> Result<Evaluation> {
        let (classes, batch) = (self.data.dataset.classes.len(), self.at_once.deployed() as usize);
        runtime::evaluate(session, split, self.data.normaliser(), classes, batch)
            .map_err(Error::stage("evaluating the exported network"))
    }
}

fn kernel_metrics(files: &Files, kernels: &KernelReport) -> Metrics {
    if !files.network.graph.is_quantized() {
        return Metrics::new();
    }
    let left_float: usize = kernels.left_float().values().sum();
    Metrics::from([
        (names::FUSED_SHARE.to_owned(), kernels.fused_share()),
        ("ops_left_float".to_owned(), left_float as f64),
    ])
}

fn warn_of_disagreement(name: &str, files: &Files, metrics: &Metrics) {
    let value = |metric: &str| metrics.get(metric).copied().unwrap_or(f64::NAN);
    let (relative, top1) = (value(names::PARITY_MAX_RELATIVE), value(names::PARITY_TOP1));
    let sound = if files.network.graph.is_quantized() { top1 >= 0.99 } else { relative < 1e-4 };
    if !sound {
        tracing::warn!(point = name, relative, top1, "the ONNX file does not compute what the engine computes");
    }
    if files.network.graph.is_quantized() && Cpu::this().saturates() {
        tracing::warn!(
            point = name,
            "this processor has no VNNI: int8 sums saturate, and accuracy may be below that of a VNNI machine"
        );
    }
    if value(names::FUSED_SHARE) < 1.0 {
        tracing::warn!(point = name, "some layers of the int8 file run on floats: see {EVALUATION_FILE}");
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(Error::io(format!("write {}", path.display())))
}
