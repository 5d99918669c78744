//! What the agent says, in a file that does not grow for ever: the newest part, and the one before it.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Bytes of each of the two.
pub const MOST: u64 = 4 << 20;

pub struct Log {
    path: PathBuf,
    most: u64,
    file: Option<File>,
    size: u64,
}

impl Log {
    /// Goes on behind what is there.
    pub fn open(path: &Path, most: u64) -> Self {
        let mut log = Self { path: path.to_owned(), most, file: None, size: 0 };
        log.reopen();
        log
    }

    fn reopen(&mut self) {
        self.file = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path).ok();
        self.size = self.file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |meta| meta.len());
    }

    /// A log that cannot be written must not end the agent.
    pub fn write(&mut self, bytes: &[u8]) {
        if self.size > 0 && self.size + bytes.len() as u64 > self.most {
            let mut old = self.path.clone().into_os_string();
            old.push(".old");
            let _ = fs::rename(&self.path, old);
            self.reopen();
        }
        if self.file.as_mut().is_some_and(|file| file.write_all(bytes).is_ok()) {
            self.size += bytes.len() as u64;
        } else {
            self.reopen();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_newest_and_what_was_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.log");
        let mut log = Log::open(&path, 10);
        for line in ["one\n", "two\n", "three\n", "four\n"] {
            log.write(line.as_bytes());
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!((read("agent.log").as_str(), read("agent.log.old").as_str()), ("four\n", "three\n"));
        Log::open(&path, 100).write(b"five\n");
        assert_eq!(read("agent.log"), "four\nfive\n");
    }
}
