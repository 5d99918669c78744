//! Who else has locked the database: the kernel lists all locks with their processes.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::upkeep::beside;

/// `sqlite3 (pid 4711)`, for those that can be seen.
pub fn of(database: &Path) -> Vec<String> {
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let files = [database.to_owned(), beside(database, "-shm")];
    let inodes: Vec<u64> = files.iter().filter_map(|file| Some(fs::metadata(file).ok()?.ino())).collect();
    let mut pids = writers(&locks, &inodes, std::process::id());
    pids.dedup();
    let name = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    pids.iter().filter_map(|pid| Some(format!("{} (pid {pid})", name(pid)?.trim()))).collect()
}

/// The processes other than `own` that hold one of these files for writing. A line is
/// `1: POSIX  ADVISORY  WRITE 4711 00:2f:123 120 120`.
fn writers(locks: &str, inodes: &[u64], own: u32) -> Vec<u32> {
    let mut pids: Vec<u32> = locks.lines().filter_map(|line| writer(line, inodes)).filter(|pid| *pid != own).collect();
    pids.sort_unstable();
    pids
}

fn writer(line: &str, inodes: &[u64]) -> Option<u32> {
    let mut words = line.split_whitespace().skip_while(|word| *word != "WRITE").skip(1);
    let pid = words.next()?.parse().ok()?;
    let inode = words.next()?.rsplit(':').next()?.parse().ok()?;
    inodes.contains(&inode).then_some(pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_others_that_write_are_named() {
        let locks = "\
1: POSIX  ADVISORY  WRITE 40 00:2f:7 120 120
2: POSIX  ADVISORY  READ  41 00:2f:7 124 124
3: POSIX  ADVISORY  WRITE 42 00:2f:8 0 EOF
4: -> POSIX  ADVISORY  WRITE 43 00:2f:7 120 120
5: FLOCK  ADVISORY  WRITE 44 08:01:9 0 EOF
6: POSIX  ADVISORY  WRITE 45 00:2f:8 1 2
";
        assert_eq!(writers(locks, &[7, 8], 42), [40, 43, 45]);
        assert_eq!(writers("", &[7], 1), [0; 0]);
    }
}
