//! Why nothing can be recorded, and what it takes to go on.
//!
//! A commit that fails says little: SQLite tells a full disk and a lock from the rest, and calls most else an input or output
//! error. So the disk is asked as well, by trying to write to it.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use nix::errno::Errno;

/// What is wrong. All but [`Trouble::Corrupt`] end by themselves once their cause is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// No space, or no quota.
    Full,
    /// A file system that was mounted, or has made itself, read-only; or files that this user may not write any more.
    ReadOnly,
    /// The disk does not do what it is told.
    Io,
    /// The file holds what SQLite cannot have written. Nothing is written to it any more.
    Corrupt,
    /// Another program keeps the file to itself.
    Locked,
}

impl Trouble {
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::ReadOnly => "read_only",
            Self::Io => "io",
            Self::Corrupt => "corrupt",
            Self::Locked => "locked",
        }
    }
}

/// A store that records nothing at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    pub trouble: Trouble,
    /// `the disk is full (0 bytes free in /home/…)`.
    pub reason: String,
    /// What a person can do.
    pub remedy: String,
    /// Nothing of the commit that failed can be on disk. Otherwise what is believed has to be read anew.
    pub certain: bool,
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, remedy, .. } = self;
        write!(f, "SWEEP_HOME is read-only: {reason}. Nothing new is recorded; running work goes on. {remedy}")
    }
}

/// SQLite's primary result codes; the extended ones hold them in their low byte.
pub mod code {
    pub const PERMISSION: u32 = 3;
    pub const BUSY: u32 = 5;
    pub const READ_ONLY: u32 = 8;
    pub const IO_ERROR: u32 = 10;
    pub const CORRUPT: u32 = 11;
    pub const FULL: u32 = 13;
    pub const CANNOT_OPEN: u32 = 14;
    pub const NOT_A_DATABASE: u32 = 26;
}

/// Whether it is the files that failed, and not what was asked of the database.
pub fn is_of_files(code: u32) -> bool {
    use code::{BUSY, CANNOT_OPEN, CORRUPT, FULL, IO_ERROR, NOT_A_DATABASE, PERMISSION, READ_ONLY};
    matches!(code, PERMISSION | BUSY | READ_ONLY | IO_ERROR | CORRUPT | FULL | CANNOT_OPEN | NOT_A_DATABASE)
}

/// What the disk itself says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// What this user may still write; `None`: it does not tell.
    pub free_bytes: Option<u64>,
    /// Why a small file cannot be written; `None`: it can.
    pub refuses: Option<Errno>,
}

/// With less than this free, an error without a cause means that the disk is full.
const SCARCE_BYTES: u64 = 64 << 10;

/// What a result code of SQLite means on such a disk.
pub fn classify(code: u32, disk: Disk) -> Trouble {
    match (code, disk.refuses) {
        (code::CORRUPT | code::NOT_A_DATABASE, _) => Trouble::Corrupt,
        (code::BUSY, _) => Trouble::Locked,
        (code::FULL, _) | (_, Some(Errno::ENOSPC | Errno::EDQUOT)) => Trouble::Full,
        (_, Some(Errno::EROFS | Errno::EACCES | Errno::EPERM)) => Trouble::ReadOnly,
        // SQLite opens what it cannot open for writing to read from it; the disk has more to say.
        (_, Some(_)) => Trouble::Io,
        (code::READ_ONLY | code::PERMISSION, None) => Trouble::ReadOnly,
        _ if disk.free_bytes.is_some_and(|free| free < SCARCE_BYTES) => Trouble::Full,
        _ => Trouble::Io,
    }
}

/// SQLite gave up before it wrote, or before the sync that a commit ends with.
pub fn is_certain(code: u32) -> bool {
    matches!(code, code::FULL | code::BUSY | code::READ_ONLY)
}

impl Disk {
    /// Tries it.
    pub fn look(folder: &Path) -> Self {
        let refused = touch(folder).err().and_then(|error| error.raw_os_error()).map(Errno::from_raw);
        Self { free_bytes: free_bytes(folder), refuses: refused }
    }
}

/// Writes a small file, and removes it.
fn touch(folder: &Path) -> io::Result<()> {
    let path = folder.join(".can-be-written");
    let written = fs::File::create(&path).and_then(|mut file| {
        file.write_all(&[0; 4096])?;
        file.sync_all()
    });
    let removed = fs::remove_file(&path);
    written.and(removed)
}

/// What this user may still write there.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let stat = nix::sys::statvfs::statvfs(folder).ok()?;
    Some(stat.blocks_available() as u64 * stat.fragment_size() as u64)
}

pub fn free_words(free: Option<u64>) -> String {
    free.map_or("unknown space free".to_owned(), |free| format!("{free} bytes free"))
}

/// `holders`: who else has the database locked.
pub fn halt(code: u32, error: &dyn fmt::Display, disk: Disk, database: &Path, holders: &[String]) -> Halt {
    let trouble = classify(code, disk);
    let folder = database.parent().unwrap_or(Path::new(".")).display();
    let reason = match trouble {
        Trouble::Full if disk.refuses == Some(Errno::EDQUOT) => format!("your quota is used up in {folder}"),
        Trouble::Full => format!("the disk is full ({} in {folder})", free_words(disk.free_bytes)),
        Trouble::ReadOnly => {
            format!("{folder} cannot be written to ({})", disk.refuses.map_or("read-only", Errno::desc))
        }
        Trouble::Io => format!("the disk of {folder} fails ({error})"),
        Trouble::Corrupt => format!("{} is damaged ({error})", database.display()),
        Trouble::Locked if holders.is_empty() => format!("another program has {} locked", database.display()),
        Trouble::Locked => format!("{} is locked by {}", database.display(), holders.join(", ")),
    };
    let remedy = match trouble {
        Trouble::Full => "Free some space there; the work goes on by itself",
        Trouble::ReadOnly => {
            "Make it writable again (has the kernel made it read-only after errors? see dmesg); the work goes on by itself"
        }
        Trouble::Io => "Look for the disk's errors with dmesg; it is tried again until it works",
        Trouble::Corrupt => {
            "Stop the coordinator, look with `sweep db check`, and put a backup back with `sweep db restore`"
        }
        Trouble::Locked => "End that program, or its transaction; the work goes on by itself",
    };
    Halt { trouble, reason, remedy: remedy.to_owned(), certain: is_certain(code) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEALTHY: Disk = Disk { free_bytes: Some(1 << 30), refuses: None };

    fn refusing(errno: Errno) -> Disk {
        Disk { refuses: Some(errno), ..HEALTHY }
    }

    #[test]
    fn the_disk_tells_what_sqlite_does_not() {
        use code::{BUSY, CANNOT_OPEN, CORRUPT, FULL, IO_ERROR, NOT_A_DATABASE, READ_ONLY};
        let cases = [
            (FULL, HEALTHY, Trouble::Full),
            (IO_ERROR, refusing(Errno::ENOSPC), Trouble::Full),
            (IO_ERROR, refusing(Errno::EDQUOT), Trouble::Full),
            (IO_ERROR, Disk { free_bytes: Some(0), refuses: None }, Trouble::Full),
            (READ_ONLY, HEALTHY, Trouble::ReadOnly),
            (IO_ERROR, refusing(Errno::EROFS), Trouble::ReadOnly),
            (CANNOT_OPEN, refusing(Errno::EACCES), Trouble::ReadOnly),
            (IO_ERROR, HEALTHY, Trouble::Io),
            (IO_ERROR, refusing(Errno::EIO), Trouble::Io),
            (READ_ONLY, refusing(Errno::EIO), Trouble::Io),
            (CANNOT_OPEN, Disk { free_bytes: None, refuses: None }, Trouble::Io),
            (CORRUPT, refusing(Errno::ENOSPC), Trouble::Corrupt),
            (NOT_A_DATABASE, HEALTHY, Trouble::Corrupt),
            (BUSY, refusing(Errno::ENOSPC), Trouble::Locked),
        ];
        for (code, disk, trouble) in cases {
            assert_eq!(classify(code, disk), trouble, "{code} {disk:?}");
            assert!(is_of_files(code));
        }
        assert!(!is_of_files(19), "a constraint is a matter of what was asked");
    }

    #[test]
    fn whoever_asks_is_told_the_place_and_the_remedy() {
        let database = Path::new("/h/sweep.db");
        let said = |code, disk, holders: &[&str]| {
            let holders: Vec<String> = holders.iter().map(|holder| (*holder).to_owned()).collect();
            halt(code, &"disk I/O error", disk, database, &holders).to_string()
        };
        let full = said(code::FULL, Disk { free_bytes: Some(0), refuses: None }, &[]);
        assert_eq!(
            full,
            "SWEEP_HOME is read-only: the disk is full (0 bytes free in /h). Nothing new is recorded; running work goes on. \
             Free some space there; the work goes on by itself"
        );
        assert!(said(code::IO_ERROR, refusing(Errno::EDQUOT), &[]).contains("quota is used up in /h"));
        assert!(
            said(code::IO_ERROR, refusing(Errno::EROFS), &[])
                .contains("/h cannot be written to (Read-only file system)")
        );
        assert!(said(code::IO_ERROR, HEALTHY, &[]).contains("dmesg"));
        assert!(said(code::CORRUPT, HEALTHY, &[]).contains("sweep db restore"));
        assert!(said(code::BUSY, HEALTHY, &["sqlite3 (pid 7)"]).contains("/h/sweep.db is locked by sqlite3 (pid 7)"));
    }

    #[test]
    fn only_where_nothing_can_be_on_disk_is_the_same_tried_again() {
        let certain = |code, disk| halt(code, &"", disk, Path::new("/h/sweep.db"), &[]).certain;
        assert!(certain(code::FULL, HEALTHY) && certain(code::BUSY, HEALTHY));
        assert!(!certain(code::IO_ERROR, refusing(Errno::ENOSPC)), "a sync that failed may have written all the same");
    }

    #[test]
    fn a_disk_that_can_be_written_refuses_nothing_and_keeps_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::look(folder.path());
        assert!(disk.refuses.is_none() && disk.free_bytes > Some(0), "{disk:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(Disk::look(&folder.path().join("gone")).refuses, Some(Errno::ENOENT));
    }
}
