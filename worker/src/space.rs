//! Whether the agent's disk has room for more work, and can be written at all. Where not, the agent offers no slots, says so once,
//! and looks again until there is room.

use std::io;
use std::path::{Path, PathBuf};

/// With less than this free, nothing is begun: it could not even write down why it failed.
const LEAST_BYTES: u64 = 1 << 20;
/// This must be free before work is taken again, so that a disk at the brink does not change its mind all the time.
const ENOUGH_BYTES: u64 = 2 * LEAST_BYTES;

pub struct Space {
    folder: PathBuf,
    is_there: bool,
}

impl Space {
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), is_there: true }
    }

    pub fn is_there(&self) -> bool {
        self.is_there
    }

    /// Looks at the disk. `spare`: whether the ends of new attempts are sure to find space in the spool. True where the
    /// answer changed.
    pub fn look(&mut self, spare: bool) -> bool {
        // What cannot be asked for is not missed.
        let free = of(&self.folder).map_or(u64::MAX, |bytes| bytes.free);
        let has_room = spare && free >= if self.is_there { LEAST_BYTES } else { ENOUGH_BYTES };
        let written = if has_room { can_be_written(&self.folder) } else { Ok(()) };
        let is_there = has_room && written.is_ok();
        if is_there == self.is_there {
            return false;
        }
        self.is_there = is_there;
        let folder = self.folder.display();
        if let Err(error) = written {
            tracing::warn!(
                "this agent's disk cannot be written ({error}) in {folder}: it begins no more jobs until it can"
            );
            return true;
        }
        if is_there {
            tracing::warn!("there is space again ({free} bytes free in {folder}): this agent takes jobs");
        } else {
            tracing::warn!(
                "this agent's disk is full ({free} bytes free in {folder}): it begins no more jobs until there is space"
            );
        }
        true
    }
}

/// Whether so little is left that a failure is most likely the disk's.
pub fn is_scarce(folder: &Path) -> bool {
    of(folder).is_some_and(|bytes| bytes.free < LEAST_BYTES)
}

/// A file system's size, and what this user may still write there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes {
    pub free: u64,
    pub total: u64,
}

/// `None`: that cannot be asked.
pub fn of(folder: &Path) -> Option<Bytes> {
    let stat = nix::sys::statvfs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks * stat.fragment_size();
    Some(Bytes { free: bytes(stat.blocks_available()), total: bytes(stat.blocks()) })
}

/// Tries it. A file system may have turned read-only under a running agent.
pub fn can_be_written(folder: &Path) -> io::Result<()> {
    let path = folder.join(".can-be-written");
    let written = std::fs::write(&path, "yes");
    let removed = std::fs::remove_file(&path);
    written.and(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_spare_there_is_no_room_and_the_change_is_told_once() {
        let home = tempfile::tempdir().unwrap();
        let mut space = Space::new(home.path());
        assert!(!space.look(true));
        assert!(space.look(false) && !space.look(false));
        assert!(!space.is_there());
        assert!(space.look(true) && space.is_there());
    }

    #[test]
    fn a_folder_that_cannot_be_written_has_no_room() {
        let home = tempfile::tempdir().unwrap();
        let gone = home.path().join("gone");
        let mut space = Space::new(&gone);
        assert!(space.look(true) && !space.is_there());
        std::fs::create_dir(&gone).unwrap();
        assert!(space.look(true) && space.is_there());
        assert_eq!(std::fs::read_dir(&gone).unwrap().count(), 0);
    }
}
