//! Making a program's disk fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use sweep_tests::workspace_root;
use tempfile::TempDir;

/// The library, built once.
fn library() -> &'static Path {
    static BUILT: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, library) = BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("libfaults.so");
        let source = workspace_root().join("tests/disks/faults.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-o"]).arg(&library).arg(source).arg("-ldl");
        let built = compiler.output().expect("a C compiler, which building sweep takes, too");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        (folder, library)
    });
    library
}

/// What the disk below a folder does.
pub struct Disk {
    under: PathBuf,
    order: PathBuf,
}

impl Disk {
    /// `order`: a file that nobody else uses, outside of the folder.
    pub fn new(under: &Path, order: PathBuf) -> Self {
        Self { under: under.to_owned(), order }
    }

    /// This program's, and its children's.
    pub fn of<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("LD_PRELOAD", library())
            .env("SWEEP_TEST_FAULTS_UNDER", &self.under)
            .env("SWEEP_TEST_FAULTS", &self.order)
    }

    /// From now on every write fails with this error.
    pub fn fails(&self, error: i32) {
        // Whole or not at all.
        let beside = self.order.with_extension("new");
        fs::write(&beside, error.to_string()).unwrap();
        fs::rename(beside, &self.order).unwrap();
    }

    pub fn works(&self) {
        fs::remove_file(&self.order).unwrap();
    }
}
