//! `measure`: latency and throughput of a deployed file, beside its fp32 reference.
//!
//! A job of its own, so that the process is fresh (the first inferences after training run 2–4 times slower) and the host is
//! its alone. Both files are loaded into this one process, each is warmed up, and then they take turns, so that whatever else
//! the machine does hits both alike ([`timing`] turns the samples into metrics). No libtorch runs here.

mod host;
mod timing;

use std::path::{Path, PathBuf};
use std::time::Instant;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sweep_shared::metrics::{self as names, Metrics};
use sweep_shared::spec::{MAIN_POINT, MeasureSpec, Role};

use super::publish::{ONNX_FILE, REFERENCE_FILE};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::runtime::{self, Session};
use timing::Samples;

/// Untimed runs of each network before those that count, at each batch size.
const WARM_UP: u32 = 10;
/// What was measured on what.
const FILE: &str = "measurement.json";

pub fn run(job: &mut Job, spec: &MeasureSpec) -> Result<()> {
    if spec.batches.is_empty() || spec.batches.contains(&0) || spec.runs == 0 || spec.threads == 0 {
        return Err(Error::BadInput("measuring needs batch sizes, runs and threads of at least 1".into()));
    }
    let candidate_folder = job.input(Role::Candidate)?;
    let (mut candidate, memory) = with_peak_memory(|| Subject::open_and_run(&candidate_folder.join(ONNX_FILE), spec))?;
    let mut metrics = Metrics::new();
    metrics.extend(memory.map(|bytes| (names::PEAK_MEMORY_BYTES.to_owned(), bytes as f64)));
    let mut reference = match reference_file(job, &candidate_folder) {
        Some(path) => Some(Subject::open(&path, spec)?),
        None => None,
    };
    for (index, &batch) in spec.batches.iter().enumerate() {
        job.events.progress(index as f64 / spec.batches.len() as f64, &format!("batch {batch}"));
        let samples = take_turns(job, &mut candidate, reference.as_mut(), batch, spec.runs)?;
        metrics.extend(samples.metrics(batch));
        warn_if_slower(&samples, batch);
    }
    metrics.insert("threads".into(), f64::from(spec.threads));
    let folder = job.point_folder(MAIN_POINT)?;
    host::write_description(&folder.join(FILE), spec, &metrics)?;
    job.publish(MAIN_POINT, metrics, vec![FILE.into()]);
    Ok(())
}

/// The fp32 network: the reference input's (a quantized point brings its own as [`REFERENCE_FILE`]), else the candidate's.
fn reference_file(job: &Job, candidate: &Path) -> Option<PathBuf> {
    let given = job.input(Role::Reference).ok();
    let files = given.iter().flat_map(|folder| [folder.join(REFERENCE_FILE), folder.join(ONNX_FILE)]);
    files.chain([candidate.join(REFERENCE_FILE)]).find(|file| file.is_file())
}

/// A loaded network with images to run it on.
struct Subject {
    session: Session,
    /// Enough for the largest batch; random, since the time does not depend on what is seen.
    images: Vec<f32>,
}

impl Subject {
    fn open(path: &Path, spec: &MeasureSpec) -> Result<Subject> {
        let session =
            Session::open(path, spec.threads as usize).map_err(Error::stage("opening the network to measure"))?;
        let image: usize = session.input().iter().product();
        let largest = spec.batches.iter().copied().max().unwrap_or(1) as usize;
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let mut value = || (f64::from(random.next_u32()) / f64::from(u32::MAX) * 4.0 - 2.0) as f32;
        Ok(Subject { session, images: (0..largest * image).map(|_| value()).collect() })
    }

    /// Loads it, and runs it once at each batch size.
    fn open_and_run(path: &Path, spec: &MeasureSpec) -> Result<Subject> {
        let mut subject = Subject::open(path, spec)?;
        spec.batches.iter().try_for_each(|&batch| subject.time(batch).map(|_| ()))?;
        Ok(subject)
    }

    /// Seconds that one batch takes.
    fn time(&mut self, batch: u32) -> Result<f64> {
        let image: usize = self.session.input().iter().product();
        let started = Instant::now();
        let logits = self.session.run(&self.images[..batch as usize * image]);
        let seconds = started.elapsed().as_secs_f64();
        logits.map_err(Error::stage("running the network to measure"))?;
        Ok(seconds)
    }
}

/// By how much the process grows, at most, during `work`. `None` where the kernel does not tell.
fn with_peak_memory<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Option<u64>)> {
    // The library itself is not the network's.
    runtime::version().map_err(Error::stage("starting ONNX Runtime"))?;
    let before = host::reset_peak_rss();
    let done = work()?;
    Ok((done, before.and_then(|before| Some(host::peak_rss()?.saturating_sub(before)))))
}

/// Warms both up, then times them in turns; who goes first alternates.
fn take_turns(
    job: &Job,
    candidate: &mut Subject,
    mut reference: Option<&mut Subject>,
    batch: u32,
    runs: u32,
) -> Result<Samples> {
    for _ in 0..WARM_UP {
        candidate.time(batch)?;
        if let Some(reference) = reference.as_mut() {
            reference.time(batch)?;
        }
    }
    let mut samples = Samples::default();
    for run in 0..runs {
        if job.stop.asked() {
            return Err(Error::Interrupted);
        }
        if run % 2 == 0 {
            samples.candidate.push(candidate.time(batch)?);
        }
        if let Some(reference) = reference.as_mut() {
            samples.reference.push(reference.time(batch)?);
        }
        if run % 2 == 1 {
            samples.candidate.push(candidate.time(batch)?);
        }
    }
    Ok(samples)
}

fn warn_if_slower(samples: &Samples, batch: u32) {
    if let Some(speedup) = samples.speedup().filter(|&speedup| speedup < 1.0) {
        tracing::warn!(batch, speedup, "the candidate is SLOWER than its fp32 reference");
    }
}
