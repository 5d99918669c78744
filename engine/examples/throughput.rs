//! Images per second of the real training loop: data, augmentation, forward, backward, optimizer.
//!
//! `cargo run --release -p sweep-engine --example throughput -- [MODEL] [BATCH] [THREADS]`
//! (defaults: small-cnn 128 2). The first epoch warms up; the best of the next three counts.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;
use sweep_engine::job::{Events, Job, Stop};
use sweep_engine::stages;
use sweep_shared::spec::Assignment;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize, default: &str| arguments.get(index).map_or(default.to_owned(), Clone::clone);
    let (model, batch, threads) = (argument(0, "small-cnn"), argument(1, "128"), argument(2, "2"));
    let (batch, threads): (u32, u32) = (batch.parse().context("BATCH")?, threads.parse().context("THREADS")?);
    // ResNets are thirty times slower.
    let images = if model.starts_with("resnet") { 10 * batch } else { 100 * batch };
    let assignment: Assignment = serde_json::from_value(json!({
        "token": { "job": 1, "attempt": 1, "lease": 1 },
        "spec": {
            "stage": "throughput", "seed": 0, "inputs": [],
            "data": {
                "source": { "synthetic": { "train": images, "validation": 1, "test": 1 } },
                "validation": 0.1, "augment": ["flip", "crop4"], "normalization": "dataset"
            },
            "kind": "train",
            "params": { "model": model, "fit": {
                "epochs": 4, "batch": batch, "label_smoothing": 0.0, "precision": "auto",
                "optimizer": { "sgd": { "lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4, "nesterov": false } },
                "schedule": "constant"
            } }
        },
        "inputs": [], "resume": [], "device": "cpu", "device_index": 0, "threads": threads, "datasets": "."
    }))?;
    sweep_engine_sys::set_threads(threads as usize, 1)?;
    let folder = std::env::temp_dir().join(format!("sweep-throughput-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = measure(&folder, assignment);
    std::fs::remove_dir_all(&folder)?;
    println!("{model}, batch {batch}, {threads} threads: {:.0} images/s", result?);
    Ok(())
}

fn measure(folder: &Path, assignment: Assignment) -> Result<f64> {
    let log = Rates::default();
    let events = Events::new(Box::new(log.clone()), Stop::new());
    let mut job = Job::open(folder, assignment, tch::Device::Cpu, events, Stop::new())?;
    stages::run(&mut job)?;
    let rates = log.0.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
    rates.iter().skip(1).copied().reduce(f64::max).context("no epochs")
}

/// Collects `images_per_s` from the event lines.
#[derive(Clone, Default)]
struct Rates(std::sync::Arc<std::sync::Mutex<Vec<f64>>>);

impl std::io::Write for Rates {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let event: serde_json::Value = serde_json::from_slice(line)?;
        if let (Some(rate), Ok(mut rates)) = (event["metrics"]["images_per_s"].as_f64(), self.0.lock()) {
            rates.push(rate);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
