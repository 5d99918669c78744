//! The file on disk: read at the agent's start, and again when it changed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Rules, RulesError, parse};

pub struct RulesFile {
    path: Option<PathBuf>,
    seen: Stamp,
    rules: Rules,
}

/// What changes when somebody writes the file; `None`: there is none.
type Stamp = Option<(SystemTime, u64)>;

impl RulesFile {
    /// A missing file is an empty one; one that is wrong is an error.
    pub fn open(path: Option<PathBuf>) -> Result<Self, RulesError> {
        let seen = path.as_deref().and_then(stamp);
        let rules = path.as_deref().map_or_else(|| Ok(Rules::default()), read)?;
        Ok(Self { path, seen, rules })
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Reads the file again where it changed. What is wrong is told once, and what held before goes on to hold.
    pub fn refresh(&mut self) {
        let Some(path) = &self.path else { return };
        let now = stamp(path);
        if now == self.seen {
            return;
        }
        self.seen = now;
        match read(path) {
            Ok(rules) => {
                tracing::info!("{} was read again", path.display());
                self.rules = rules;
            }
            Err(error) => tracing::error!("{error}; what it said before goes on to hold"),
        }
    }
}

fn stamp(path: &Path) -> Stamp {
    let meta = fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

fn read(path: &Path) -> Result<Rules, RulesError> {
    match fs::read_to_string(path) {
        Ok(text) => parse(&text).map_err(|error| error.of(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Rules::default()),
        Err(error) => Err(RulesError { file: path.display().to_string(), line: None, message: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_read_again_and_a_wrong_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.toml");
        let mut file = RulesFile::open(Some(path.clone())).unwrap();
        assert_eq!(*file.rules(), Rules::default());
        fs::write(&path, "[devices.0]\nslots = 3\n").unwrap();
        file.refresh();
        let good = parse("[devices.0]\nslots = 3\n").unwrap();
        assert_eq!(*file.rules(), good);
        fs::write(&path, "[devices.0]\nslots = 'three'\n").unwrap();
        file.refresh();
        assert_eq!(*file.rules(), good);
        let error = RulesFile::open(Some(path.clone())).err().unwrap().to_string();
        assert!(error.starts_with(&format!("{}:2: ", path.display())), "{error}");
        fs::remove_file(&path).unwrap();
        file.refresh();
        assert_eq!(*file.rules(), Rules::default());
    }
}
