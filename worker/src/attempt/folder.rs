//! An attempt's folder: `attempts/<job>.<attempt>-<lease>`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use sweep_shared::ids::Token;

use super::Context;
use crate::space;

/// A folder that exists, with its log open.
pub struct Folder {
    pub path: PathBuf,
    /// The runner's stdout and stderr; what the agent has to say about the attempt goes there too.
    pub log: File,
}

/// The lease keeps attempts apart whose numbers return after a backup was restored.
pub fn folder_path(attempts: &Path, token: Token) -> PathBuf {
    attempts.join(format!("{token}-{:x}", token.lease))
}

pub fn log_path(attempts: &Path, token: Token) -> PathBuf {
    folder_path(attempts, token).join("log")
}

impl Folder {
    pub fn create(context: &Context, token: Token) -> io::Result<Self> {
        let path = folder_path(&context.attempts(), token);
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_dir_all(&path)?;
                fs::create_dir(&path)?;
            }
            made => made?,
        }
        let log = OpenOptions::new().create_new(true).append(true).open(path.join("log"))?;
        Ok(Self { path, log })
    }

    pub fn log_path(&self) -> PathBuf {
        self.path.join("log")
    }

    /// A line of the agent's in the attempt's log.
    pub fn note(&self, text: &str) {
        if let Err(error) = (&self.log).write_all(format!("sweep: {text}\n").as_bytes()) {
            tracing::warn!(%error, "cannot write an attempt's log");
        }
    }

    /// Where a name from outside lies in this folder, with the folders above it made.
    pub fn place(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path.join(inner(name)?);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(path)
    }

    /// A regular file that the runner named. Links are followed, and must not lead out of the folder.
    pub fn find(&self, name: &str) -> io::Result<PathBuf> {
        let found = self.path.join(inner(name)?).canonicalize()?;
        if !found.starts_with(self.path.canonicalize()?) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it lies outside the attempt's folder"));
        }
        if !found.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        Ok(found)
    }
}

/// A relative path without `..`.
fn inner(name: &str) -> io::Result<&Path> {
    let path = Path::new(name);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    if name.is_empty() || !inside {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it lies outside the attempt's folder"));
    }
    Ok(path)
}

/// Most short jobs leave nothing: then nothing is kept. A folder with anything in it stays until the end is acknowledged.
pub fn remove_if_empty(context: &Context, token: Token) {
    let log = log_path(&context.attempts(), token);
    if fs::metadata(&log).is_ok_and(|meta| meta.len() == 0) && fs::remove_file(&log).is_ok() {
        // Fails where there are other files, which is meant.
        let _kept = fs::remove_dir(folder_path(&context.attempts(), token));
    }
}

/// The attempt is over and its disk full: what it leaves must not keep its own end from being recorded.
pub fn keep_only_log(context: &Context, token: Token) {
    let folder = folder_path(&context.attempts(), token);
    if space::is_scarce(&folder) {
        remove_all_but(&folder, "log");
    }
}

/// What cannot be removed now goes with the folder, later.
fn remove_all_but(folder: &Path, kept: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.file_name() != kept) {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let _later = if is_folder { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_log_is_kept() {
        let (_home, folder) = folder();
        fs::create_dir_all(folder.path.join("checkpoints/.writing-1")).unwrap();
        fs::write(folder.path.join("checkpoints/.writing-1/state"), "half").unwrap();
        std::os::unix::fs::symlink("/etc", folder.path.join("link")).unwrap();
        remove_all_but(&folder.path, "log");
        let left: Vec<_> = fs::read_dir(&folder.path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["log"]);
        assert!(Path::new("/etc").is_dir());
    }

    fn folder() -> (tempfile::TempDir, Folder) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("attempt");
        fs::create_dir(&path).unwrap();
        let log = File::create(path.join("log")).unwrap();
        (home, Folder { path, log })
    }

    #[test]
    fn names_from_outside_stay_inside() {
        let (_home, folder) = folder();
        assert!(folder.place("scripts/train.py").unwrap().starts_with(&folder.path));
        for name in ["", "/etc/passwd", "../x", "a/../../x"] {
            assert!(folder.place(name).is_err(), "{name}");
            assert!(folder.find(name).is_err(), "{name}");
        }
    }

    #[test]
    fn links_may_not_lead_out() {
        let (home, folder) = folder();
        fs::write(home.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink(home.path().join("secret"), folder.path.join("model.onnx")).unwrap();
        assert!(folder.find("model.onnx").unwrap_err().to_string().contains("outside"));
        fs::write(folder.path.join("real"), "x").unwrap();
        std::os::unix::fs::symlink("real", folder.path.join("alias")).unwrap();
        assert!(folder.find("alias").unwrap().ends_with("real"));
        assert!(folder.find("log").is_ok() && folder.find("missing").is_err());
    }
}
