//! One control group: a folder of the kernel's.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A group that exists. Its files stay open: it is used again and again.
pub struct Group {
    path: PathBuf,
    procs: File,
    events: File,
    /// Kernels before 5.14 lack it.
    kill: Option<File>,
    /// While there is this, the processes in it are those of one attempt.
    lease: Arc<()>,
}

impl Group {
    pub fn create(path: PathBuf) -> io::Result<Self> {
        fs::create_dir(&path)?;
        let open = |name: &str| OpenOptions::new().write(true).open(path.join(name));
        let opened = open("cgroup.procs").and_then(|procs| Ok((procs, File::open(path.join("cgroup.events"))?)));
        match opened {
            Ok((procs, events)) => {
                Ok(Self { kill: open("cgroup.kill").ok(), procs, events, lease: Arc::default(), path })
            }
            Err(error) => {
                // It is of no use, and empty.
                let _left_for_the_next_start = fs::remove_dir(&path);
                Err(error)
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whoever writes `0` into it is in the group from then on.
    pub fn entrance(&self) -> BorrowedFd<'_> {
        self.procs.as_fd()
    }

    /// Whether anything lives in it or below; zombies do not. What cannot be read is taken for empty: it was removed.
    pub fn is_populated(&self) -> bool {
        let mut text = [0; 256];
        self.events.read_at(&mut text, 0).is_ok_and(|length| says_populated(&text[..length]))
    }

    /// Bounds the memory of all that runs in it, or lifts the bound. Beyond it the kernel kills them together. Without effect
    /// where the agent was not given the memory controller.
    pub fn bound_memory(&self, bytes: Option<u64>) {
        let limit = bytes.map_or_else(|| "max".to_owned(), |bytes| bytes.to_string());
        if fs::write(self.path.join("memory.max"), limit).is_ok() {
            // A half that was left would wait for the other for ever.
            let _older_kernels_lack_it = fs::write(self.path.join("memory.oom.group"), "1");
        }
    }

    /// How many of its processes were killed for memory so far; `None` where nobody counts that.
    pub fn oom_kills(&self) -> Option<u64> {
        oom_kills(&fs::read_to_string(self.path.join("memory.events")).ok()?)
    }

    /// A folder has a link from each folder in it, beside its own two.
    pub fn has_others_below(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|folder| folder.nlink() > 2)
    }

    /// Kills everything in it and below, so far as it is there now.
    pub fn kill(&self) {
        let at_once = self.kill.as_ref().is_some_and(|kill| kill.write_at(b"1", 0).is_ok());
        if !at_once {
            kill_each(&self.path);
        }
    }

    /// A way to find its processes from other threads, for as long as it serves the same attempt.
    pub fn lookup(&self) -> Lookup {
        Lookup { path: self.path.clone(), lease: Arc::downgrade(&self.lease) }
    }

    /// From now on it serves another attempt.
    pub fn renew(&mut self) {
        self.lease = Arc::default();
    }
}

/// Finds the processes of a group.
#[derive(Debug, Clone)]
pub struct Lookup {
    path: PathBuf,
    lease: Weak<()>,
}

impl Lookup {
    /// None once the attempt is over.
    pub fn pids(&self) -> Vec<i32> {
        if self.lease.strong_count() == 0 { Vec::new() } else { pids(&self.path) }
    }
}

/// The first line that counts: `populated 1`.
fn says_populated(events: &[u8]) -> bool {
    events.split(|&byte| byte == b'\n').any(|line| line == b"populated 1")
}

/// Has groups below this one count and bound memory; whether they do. Where the group above holds processes it cannot hand
/// controllers down, except for the root: then whoever started the agent must have done so (`Delegate=memory` of a systemd
/// unit, and `DelegateSubgroup=` for the agent itself).
pub fn delegate_memory(base: &Path) -> bool {
    let has = |path: &Path, file: &str| {
        let text = fs::read_to_string(path.join(file)).unwrap_or_default();
        text.split_ascii_whitespace().any(|controller| controller == "memory")
    };
    let hand_down = |path: &Path| {
        let _as_far_as_it_may = fs::write(path.join("cgroup.subtree_control"), "+memory");
        has(path, "cgroup.subtree_control")
    };
    let above = base.parent().filter(|above| has(above, "cgroup.controllers"));
    above.is_some_and(|above| (has(base, "cgroup.controllers") || hand_down(above)) && hand_down(base))
}

/// Out of `memory.events`.
fn oom_kills(events: &str) -> Option<u64> {
    events.lines().find_map(|line| line.strip_prefix("oom_kill "))?.parse().ok()
}

/// All processes in the group and below.
pub fn pids(path: &Path) -> Vec<i32> {
    let listed = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
    let mut pids: Vec<i32> = listed.lines().filter_map(|line| line.parse().ok()).collect();
    pids.extend(below(path).iter().flat_map(|group| self::pids(group)));
    pids
}

/// Kills a group that nobody has open, and waits a while for its end. How many processes it had.
pub fn kill_and_wait(path: &Path) -> usize {
    const LOOKS: u32 = 200;
    let found = pids(path).len();
    if found == 0 {
        return 0;
    }
    for look in 0..LOOKS {
        // Again and again: where the kernel cannot kill a group at once, one may have forked meanwhile.
        if fs::write(path.join("cgroup.kill"), "1").is_err() {
            kill_each(path);
        }
        let events = fs::read(path.join("cgroup.events")).unwrap_or_default();
        if !says_populated(&events) {
            break;
        }
        // Two seconds in all. What hangs in the kernel is not waited for.
        std::thread::sleep(std::time::Duration::from_millis(u64::from(look.min(10)) + 1));
    }
    found
}

fn kill_each(path: &Path) {
    for pid in pids(path) {
        match kill(Pid::from_raw(pid), Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => tracing::warn!(pid, %error, "cannot kill a process of an attempt"),
        }
    }
}

/// Removes the group and those below it. Fails while anything lives there.
pub fn remove(path: &Path) -> io::Result<()> {
    for group in below(path) {
        remove(&group)?;
    }
    fs::remove_dir(path)
}

/// The groups right below.
pub fn below(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_for_memory_are_counted() {
        assert_eq!(oom_kills("low 0\nhigh 0\nmax 7\noom 2\noom_kill 3\noom_group_kill 1\n"), Some(3));
        assert_eq!(oom_kills(""), None);
    }

    #[test]
    fn only_what_lives_populates() {
        assert!(says_populated(b"populated 1\nfrozen 0\n"));
        assert!(!says_populated(b"populated 0\nfrozen 1\n"));
        assert!(!says_populated(b""));
    }
}
