//! What a runner wrote to stdout and stderr, on its way to the coordinator.
//!
//! The runner writes into the file itself, at no cost to the agent. Of a log beyond its bound the beginning and the very
//! end are kept; what lies between is taken from the disk by punching holes while the runner writes on.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{FallocateFlags, fallocate};

/// Kept of the end of a log that is too long.
const TAIL_BYTES: u64 = 64 << 10;
/// Read at once.
const PIECE_BYTES: u64 = 128 << 10;

/// Reads one attempt's log piece by piece.
pub struct LogTail {
    path: PathBuf,
    /// Bytes from the beginning that are kept.
    head_bytes: u64,
    /// How far the file has been read.
    read: u64,
    /// How much has been handed out: the offset in the coordinator's copy.
    told: u64,
    /// Holes were punched up to here.
    punched: u64,
}

impl LogTail {
    pub fn new(path: PathBuf, most_bytes: u64) -> Self {
        let head_bytes = most_bytes.saturating_sub(TAIL_BYTES);
        Self { path, head_bytes, read: 0, told: 0, punched: 0 }
    }

    /// A new connection: goes on where the coordinator's copy ends. A chunk that comes twice does no harm.
    pub fn rewind(&mut self, to: u64) {
        // Beyond the beginning that is kept, offsets are those of the copy: the end is told again as a whole.
        self.read = to.min(self.head_bytes);
        self.told = self.read;
    }

    /// The next piece and its offset. `over`: the runner writes no more, so the end may be told.
    pub fn next_piece(&mut self, over: bool) -> io::Result<Option<(u64, Vec<u8>)>> {
        let Some((file, size)) = self.open()? else { return Ok(None) };
        // A copy that is longer than the log is of something else.
        if self.read > size {
            self.rewind(0);
        }
        let readable = if over { size } else { size.min(self.head_bytes) };
        if self.read < self.head_bytes.min(readable) {
            let until = readable.min(self.head_bytes).min(self.read + PIECE_BYTES);
            return self.take(&file, until).map(Some);
        }
        if !over {
            return Ok(None);
        }
        if size > self.read + TAIL_BYTES {
            let left_out = size - TAIL_BYTES - self.read;
            self.read = size - TAIL_BYTES;
            return Ok(Some(self.tell(format!("\n[sweep: {left_out} bytes of this log are left out]\n").into_bytes())));
        }
        if self.read < size { self.take(&file, size.min(self.read + PIECE_BYTES)).map(Some) } else { Ok(None) }
    }

    /// Gives back the disk space of what will be left out, while the runner writes on.
    pub fn trim(&mut self) -> io::Result<()> {
        // Most logs are short and need not even be opened: this is asked several times a second.
        let size = fs::metadata(&self.path).map_or(0, |log| log.len());
        if size <= self.punched.max(self.head_bytes) + TAIL_BYTES + PIECE_BYTES {
            return Ok(());
        }
        match self.open()? {
            Some((file, size)) => self.drop_middle(&file, size),
            None => Ok(()),
        }
    }

    fn open(&self) -> io::Result<Option<(File, u64)>> {
        let file = match File::options().read(true).write(true).open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let size = file.metadata()?.len();
        Ok(Some((file, size)))
    }

    fn take(&mut self, file: &File, until: u64) -> io::Result<(u64, Vec<u8>)> {
        let mut data = vec![0; (until - self.read) as usize];
        file.read_exact_at(&mut data, self.read)?;
        self.read = until;
        Ok(self.tell(data))
    }

    fn tell(&mut self, data: Vec<u8>) -> (u64, Vec<u8>) {
        let offset = self.told;
        self.told += data.len() as u64;
        (offset, data)
    }

    fn drop_middle(&mut self, file: &File, size: u64) -> io::Result<()> {
        let from = self.punched.max(self.head_bytes);
        let until = size.saturating_sub(TAIL_BYTES);
        if until > from + PIECE_BYTES {
            let hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
            fallocate(file.as_fd(), hole, from as i64, (until - from) as i64)?;
            self.punched = until;
        }
        Ok(())
    }
}

/// The last lines of a log, for the message of a failure. Empty where there is none.
pub fn last_lines(path: &Path) -> String {
    const BYTES: u64 = 4 << 10;
    const LINES: usize = 10;
    let read = || -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let from = size.saturating_sub(BYTES);
        let mut data = vec![0; (size - from) as usize];
        file.read_exact_at(&mut data, from)?;
        Ok(data)
    };
    let text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn all(tail: &mut LogTail, over: bool) -> Vec<(u64, Vec<u8>)> {
        std::iter::from_fn(|| tail.next_piece(over).unwrap()).collect()
    }

    #[test]
    fn a_log_is_told_in_order_as_it_grows_and_again_after_a_rewind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut tail = LogTail::new(path.clone(), 1 << 20);
        assert_eq!(all(&mut tail, false), []);
        fs::write(&path, "one\n").unwrap();
        assert_eq!(all(&mut tail, false), [(0, b"one\n".to_vec())]);
        fs::write(&path, "one\ntwo\n").unwrap();
        assert_eq!(all(&mut tail, true), [(4, b"two\n".to_vec())]);
        tail.rewind(0);
        assert_eq!(all(&mut tail, true), [(0, b"one\ntwo\n".to_vec())]);
        tail.rewind(5);
        assert_eq!(all(&mut tail, true), [(5, b"wo\n".to_vec())], "only what the coordinator lacks");
        tail.rewind(99);
        assert_eq!(all(&mut tail, true), [(0, b"one\ntwo\n".to_vec())], "its copy was of something else");
    }

    #[test]
    fn beyond_the_bound_the_beginning_and_the_end_are_kept_and_the_disk_is_spared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut tail = LogTail::new(path.clone(), (1 << 20) + TAIL_BYTES);
        let mut bytes = vec![b'a'; 1 << 20];
        bytes.extend(vec![b'b'; 8 << 20]);
        bytes.extend(vec![b'c'; TAIL_BYTES as usize]);
        fs::write(&path, &bytes).unwrap();
        let head: Vec<u8> = all(&mut tail, false).into_iter().flat_map(|(_, data)| data).collect();
        assert_eq!(head, vec![b'a'; 1 << 20]);
        tail.trim().unwrap();
        assert!(fs::metadata(&path).unwrap().blocks() * 512 < 3 << 20);
        let end = all(&mut tail, true);
        assert_eq!(end[0].0, 1 << 20);
        let text = String::from_utf8(end.iter().cloned().flat_map(|(_, data)| data).collect()).unwrap();
        assert!(text.contains(&format!("{} bytes of this log are left out", 8 << 20)));
        assert!(text.ends_with(&"c".repeat(TAIL_BYTES as usize)) && !text.contains('\0'));
        tail.rewind((1 << 20) + 7);
        assert_eq!(all(&mut tail, true), end, "the end is told again as a whole");
    }

    #[test]
    fn the_last_lines_are_few() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let lines: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        fs::write(&path, lines.join("\n") + "\n").unwrap();
        assert_eq!(last_lines(&path), lines[90..].join("\n"));
        assert_eq!(last_lines(&folder.path().join("none")), "");
    }
}
