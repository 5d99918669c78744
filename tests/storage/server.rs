//! The server. It checks signatures, and keeps objects as files under their names, so that a test can look and meddle.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sweep_tests::{Talking, runs, workspace_root};

pub const KEY: &str = "AKIDSWEEP";
pub const SECRET: &str = "s3cr3t/of+nobody";
pub const BUCKET: &str = "lab";

pub struct Server {
    process: Option<Talking>,
    root: PathBuf,
    pub address: String,
}

fn program() -> PathBuf {
    workspace_root().join(".tools/bin/s3s-fs")
}

/// Says whether the story runs.
pub fn met(story: &str) -> bool {
    let lacking = (!program().exists()).then(|| "no s3s-fs (scripts/need-s3.sh)".to_owned());
    runs(story, lacking, true)
}

impl Server {
    /// With one empty bucket, below this folder.
    pub fn start(root: &Path) -> Self {
        fs::create_dir_all(root.join(BUCKET)).unwrap();
        let mut command = Command::new(program());
        command.arg(root).args(["--host", "127.0.0.1", "--port", "0", "--access-key", KEY, "--secret-key", SECRET]);
        let mut process = Talking::start(command.env("RUST_LOG", "info"));
        let said = process.wait_for(|line| line.contains("server is running at http://"));
        let address = said.rsplit("http://").next().unwrap().trim().to_owned();
        Self { process: Some(process), root: root.to_owned(), address }
    }

    /// Where an object lies on the disk.
    pub fn path(&self, key: &str) -> PathBuf {
        self.root.join(BUCKET).join(key)
    }

    /// The names of all blobs below a prefix.
    pub fn blobs(&self, prefix: &str) -> Vec<String> {
        let entries = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        let folders = entries(self.path(prefix).join("artifacts"));
        let mut names: Vec<String> =
            folders.flat_map(entries).map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.signal("-KILL");
            process.finish();
        }
    }
}
