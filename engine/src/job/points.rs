//! The points that a job has published so far.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sweep_shared::event::{FileRef, RunnerEvent};
use sweep_shared::metrics::Metrics;

use crate::checkpoint::{StateReader, is_plain_name};
use crate::error::{Error, Result};

/// A measured model, in `points/<name>/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublishedPoint {
    pub name: String,
    pub metrics: Metrics,
    /// Names of the files in the point's folder.
    pub files: Vec<String>,
}

impl PublishedPoint {
    pub fn event(&self) -> RunnerEvent {
        let file = |name: &String| FileRef {
            name: name.clone(),
            path: format!("points/{}/{name}", self.name),
            hash: None,
            size_bytes: 0,
        };
        RunnerEvent::Point {
            point: self.name.clone(),
            metrics: self.metrics.clone(),
            files: self.files.iter().map(file).collect(),
        }
    }
}

/// Points in the order of their publication, and their files in the attempt folder.
#[derive(Debug)]
pub struct Points {
    folder: PathBuf,
    published: Vec<PublishedPoint>,
}

impl Points {
    pub fn new(attempt_folder: &Path) -> Self {
        Self { folder: attempt_folder.join("points"), published: Vec::new() }
    }

    pub fn published(&self) -> &[PublishedPoint] {
        &self.published
    }

    /// An empty folder for the files of `name`. What lay there is removed, never overwritten: a checkpoint may share it.
    pub fn fresh_folder(&self, name: &str) -> Result<PathBuf> {
        if !is_plain_name(name) {
            return Err(Error::BadInput(format!("{name:?} cannot be the name of a point: it is no plain file name")));
        }
        let folder = self.folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(Error::io(format!("remove {}", folder.display())))?;
        }
        fs::create_dir_all(&folder).map_err(Error::io(format!("create {}", folder.display())))?;
        Ok(folder)
    }

    pub fn add(&mut self, point: PublishedPoint) {
        self.published.retain(|p| p.name != point.name);
        self.published.push(point);
    }

    /// All files under the names that they have in a checkpoint.
    pub fn files(&self) -> Vec<(String, PathBuf)> {
        let of = |point: &PublishedPoint| {
            let (folder, name) = (self.folder.join(&point.name), point.name.clone());
            let pair = move |file: &String| (in_checkpoint(&name, file), folder.join(file));
            point.files.iter().map(pair).collect::<Vec<_>>()
        };
        self.published.iter().flat_map(of).collect()
    }

    /// Brings the points of a checkpoint back into the attempt folder.
    pub fn restore(&mut self, reader: &StateReader) -> Result<()> {
        for point in reader.value::<Vec<PublishedPoint>>("points")? {
            let folder = self.fresh_folder(&point.name)?;
            for file in &point.files {
                let from = reader.folder().join(in_checkpoint(&point.name, file));
                fs::copy(&from, folder.join(file)).map_err(Error::io(format!("copy {}", from.display())))?;
            }
            self.add(point);
        }
        Ok(())
    }
}

fn in_checkpoint(point: &str, file: &str) -> String {
    format!("point~{point}~{file}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_of_a_checkpoint_cannot_reach_out_of_its_folder() {
        let attempt = tempfile::tempdir().unwrap();
        fs::write(attempt.path().join("job.json"), "{}").unwrap();
        let points = Points::new(attempt.path());
        for name in ["..", "../..", "a/../..", ""] {
            assert!(matches!(points.fresh_folder(name), Err(Error::BadInput(_))), "{name:?}");
        }
        assert!(attempt.path().join("job.json").is_file());
        assert!(points.fresh_folder("s0.50").unwrap().is_dir());
    }
}
