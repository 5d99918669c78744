//! What runners wrote, as files: `SWEEP_HOME/logs/<job>/<attempt>.log`. Agents send chunks with their offset, so that a
//! chunk that comes twice does no harm; readers follow as the file grows. Each is bounded here, all of them together in
//! [`bound`].

mod bound;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::Arc;

use sweep_shared::ids::JobId;
use tokio::sync::watch;

use crate::home::Home;

/// What is kept of one attempt's log, whatever its agent sends.
const MOST_BYTES: u64 = 64 << 20;
/// Read at once.
const PIECE: usize = 64 << 10;

/// A cheap handle to all logs.
#[derive(Clone)]
pub struct Logs {
    home: Home,
    /// Counts writes, to wake those who follow.
    written: Arc<watch::Sender<u64>>,
}

impl Logs {
    pub fn new(home: Home) -> Self {
        Self { home, written: Arc::new(watch::channel(0).0) }
    }

    /// Puts the bytes where they belong. Bytes beyond the bound are dropped.
    pub fn write(&self, job: JobId, attempt: u32, offset: u64, data: &[u8]) -> io::Result<()> {
        if offset >= MOST_BYTES || data.is_empty() {
            return Ok(());
        }
        let data = &data[..data.len().min((MOST_BYTES - offset) as usize)];
        let path = self.home.log(job, attempt);
        let open = || OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(path.parent().unwrap_or(&path))?;
                open()?
            }
            opened => opened?,
        };
        file.write_all_at(data, offset)?;
        self.written.send_modify(|count| *count = count.wrapping_add(1));
        Ok(())
    }

    /// How much of it is here.
    pub fn length(&self, job: JobId, attempt: u32) -> u64 {
        fs::metadata(self.home.log(job, attempt)).map_or(0, |log| log.len())
    }

    /// The next bytes from `offset`; empty where there are none (yet).
    pub fn read(&self, job: JobId, attempt: u32, offset: u64) -> io::Result<Vec<u8>> {
        let mut file = match File::open(self.home.log(job, attempt)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened?,
        };
        file.seek(SeekFrom::Start(offset))?;
        let mut data = Vec::with_capacity(PIECE);
        file.take(PIECE as u64).read_to_end(&mut data)?;
        Ok(data)
    }

    /// Removes the oldest where all together are too many. Those of jobs that `is_live` stay. How many went. Blocks.
    pub fn make_room(&self, is_live: impl Fn(JobId) -> bool) -> usize {
        bound::make_room(&self.home.logs(), bound::MOST_BYTES, is_live)
    }

    /// Changes with each write from now on.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_may_come_twice_and_nothing_grows_without_bound() {
        let folder = tempfile::tempdir().unwrap();
        let logs = Logs::new(Home::new(folder.path()));
        let job = JobId(1);
        assert_eq!(logs.read(job, 1, 0).unwrap(), b"");
        logs.write(job, 1, 0, b"hello ").unwrap();
        logs.write(job, 1, 6, b"world").unwrap();
        logs.write(job, 1, 0, b"hello ").unwrap();
        assert_eq!(logs.read(job, 1, 0).unwrap(), b"hello world");
        assert_eq!(logs.read(job, 1, 6).unwrap(), b"world");
        logs.write(job, 1, MOST_BYTES - 1, b"xy").unwrap();
        assert_eq!(fs::metadata(folder.path().join("logs/1/1.log")).unwrap().len(), MOST_BYTES);
    }

    #[test]
    fn followers_are_woken() {
        let folder = tempfile::tempdir().unwrap();
        let logs = Logs::new(Home::new(folder.path()));
        let news = logs.watch();
        assert!(!news.has_changed().unwrap());
        logs.write(JobId(1), 1, 0, b"x").unwrap();
        assert!(news.has_changed().unwrap());
    }
}
