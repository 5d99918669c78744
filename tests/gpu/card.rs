//! The GPU of this machine, and studies on it.

use std::path::Path;

use serde_json::Value;
use sweep_tests::{Home, text};

/// A folder of images that came with the bundle.
pub fn images() -> Option<String> {
    std::env::var("SWEEP_GPU_IMAGES").ok().filter(|folder| !folder.is_empty())
}

/// Whether this machine has a GPU; if not, why, on standard error.
pub fn is_here(test: &str) -> bool {
    // What the driver makes when it is loaded, inside containers too.
    if Path::new("/dev/nvidiactl").exists() {
        eprintln!("{test}: ran");
        true
    } else {
        eprintln!("{test}: skipped: there is no /dev/nvidiactl, so no NVIDIA driver");
        false
    }
}

/// A plan of these stages, all on the GPU.
pub fn plan(stages: &str) -> String {
    let data = match images() {
        Some(folder) => {
            format!("{{ name: folder, path: {folder:?}, size: 32, augment: [flip, crop4], validation: 0.1 }}")
        }
        None => "{ name: synthetic, train: 4000, validation: 500, test: 1000, augment: [flip, crop4] }".to_owned(),
    };
    format!(
        "name: gpu\ndata: {data}\ndefaults: {{ device: cuda, batch: 64 }}\nmeasure: {{ latency: {{ batch: [1], runs: 5 }} }}\nstages:\n{stages}"
    )
}
/// A study that has run to its end.
pub struct Study {
    pub home: Home,
    points: Vec<Value>,
}

impl Study {
    /// Runs these stages with `sweep local`.
    pub fn run(stages: &str, args: &[&str]) -> Self {
        Self::run_on(Home::new(), stages, args)
    }

    /// The same in this home.
    pub fn run_on(home: Home, stages: &str, args: &[&str]) -> Self {
        let plan = home.plan(&plan(stages));
        let output = home.sweep().args(["local", plan.to_str().unwrap()]).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let points = home.json(&["results"]).as_array().unwrap().clone();
        Self { home, points }
    }

    pub fn points(&self, stage: &str) -> Vec<&Value> {
        let points: Vec<&Value> = self.points.iter().filter(|point| point["stage"] == stage).collect();
        assert!(!points.is_empty(), "no point of {stage}");
        points
    }

    pub fn accuracies(&self) -> Vec<(String, f64)> {
        let all =
            self.points.iter().filter_map(|point| Some((point["stage"].to_string(), point["accuracy"].as_f64()?)));
        all.collect()
    }

    /// When the last attempt of each job of the stage began and ended, in Unix milliseconds.
    pub fn spans(&self, stage: &str) -> Vec<(i64, i64)> {
        let status = self.home.json(&["status"]);
        let jobs = status["jobs"].as_array().unwrap().iter().filter(|job| job["stage"] == stage);
        jobs.map(|job| {
            let job = self.home.json(&["status", &job["id"].to_string().replace('"', "")]);
            let attempt = job["jobs"][0]["attempts"].as_array().unwrap().last().unwrap().clone();
            (attempt["started_ms"].as_i64().unwrap(), attempt["finished_ms"].as_i64().unwrap())
        })
        .collect()
    }
}
