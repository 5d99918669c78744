//! One process of a host decodes a folder, and the others wait for what it writes.
//!
//! The lock is the kernel's (flock): a process that dies gives it back. Where a lock cannot be had, as on a read-only disk, each decodes for
//! itself, which costs time and nothing else.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use super::super::error::DataError;
use super::super::watch::Watch;

/// How often it is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Between two words about the waiting: a job that says nothing looks hung.
const TELL_EVERY: u32 = 50;

/// Held while one decodes; given back when dropped.
pub struct Alone {
    _lock: Option<File>,
}

/// Returns once nobody else holds the lock of this name.
pub fn wait(lock: &Path, watch: Watch) -> Result<Alone, DataError> {
    let Some(file) = open(lock) else { return Ok(Alone { _lock: None }) };
    let mut looks = 0_u32;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Alone { _lock: Some(file) }),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => {
                tracing::debug!(path = %lock.display(), %error, "no lock can be had there");
                return Ok(Alone { _lock: None });
            }
        }
        if (watch.stopped)() {
            return Err(DataError::Stopped);
        }
        if looks.is_multiple_of(TELL_EVERY) {
            (watch.tell)("waiting for another job of this host that decodes the same images");
        }
        looks += 1;
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// The file stays: whoever removed it would let two in.
fn open(lock: &Path) -> Option<File> {
    let opened = fs::create_dir_all(lock.parent()?)
        .and_then(|()| OpenOptions::new().write(true).create(true).truncate(false).open(lock));
    opened.inspect_err(|error| tracing::debug!(path = %lock.display(), %error, "no lock can be had there")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn is_held(alone: &Alone) -> bool {
        matches!(alone, Alone { _lock: Some(_) })
    }

    #[test]
    fn the_second_waits_says_so_and_can_be_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("decoded/images.lock");
        let first = wait(&lock, Watch::NOBODY).unwrap();
        assert!(is_held(&first));
        let stopped = wait(&lock, Watch { stopped: &|| true, ..Watch::NOBODY });
        assert!(matches!(stopped, Err(DataError::Stopped)));
        let (tells, told) = mpsc::channel();
        let waiting = std::thread::spawn(move || {
            let tells = std::sync::Mutex::new(tells);
            let tell = |words: &str| tells.lock().unwrap().send(words.to_owned()).unwrap();
            is_held(&wait(&lock, Watch { tell: &tell, ..Watch::NOBODY }).unwrap())
        });
        assert!(told.recv().unwrap().contains("another job of this host"));
        drop(first);
        assert!(waiting.join().unwrap());
    }

    #[test]
    fn where_no_lock_can_be_had_nobody_waits() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("decoded"), "a file").unwrap();
        let alone = wait(&folder.path().join("decoded/images.lock"), Watch::NOBODY).unwrap();
        assert!(!is_held(&alone));
    }
}
