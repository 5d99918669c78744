//! A mark beside a database that was found damaged: the next start looks through all of it before it writes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::upkeep::beside;

fn path(database: &Path) -> PathBuf {
    beside(database, ".damaged")
}

pub fn set(database: &Path, why: &str) {
    if let Err(error) = fs::write(path(database), why) {
        tracing::warn!(%error, "the damage cannot be noted beside the database");
    }
}

/// What was found.
pub fn read(database: &Path) -> Option<String> {
    fs::read_to_string(path(database)).ok()
}

pub fn clear(database: &Path) -> io::Result<()> {
    match fs::remove_file(path(database)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
