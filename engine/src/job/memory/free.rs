//! What is left for this process.

use std::fs;
use std::path::{Path, PathBuf};

/// Bytes of RAM that this process may still take: what the kernel thinks is available, or what the control groups around it allow.
pub fn of_host() -> Option<u64> {
    let host = available(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let groups = control_groups(&fs::read_to_string("/proc/self/cgroup").unwrap_or_default());
    Some(groups.iter().filter_map(|group| group.left(|path| fs::read_to_string(path).ok())).fold(host, u64::min))
}

/// Of this process, in bytes: what is resident, and the writable private memory that a limit counts.
pub fn taken() -> Option<(u64, u64)> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    Some((kilobytes(&status, "VmRSS:")?, kilobytes(&status, "VmData:")?))
}

/// A control group with a say in memory, and how its version calls things.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    folder: PathBuf,
    files: &'static Files,
}

#[derive(Debug, PartialEq, Eq)]
struct Files {
    most: &'static str,
    now: &'static str,
    /// Lines of `memory.stat`: of the group and all below it.
    cached: [&'static str; 2],
}

const VERSION_1: Files = Files {
    most: "memory.limit_in_bytes",
    now: "memory.usage_in_bytes",
    cached: ["total_active_file ", "total_inactive_file "],
};
const VERSION_2: Files =
    Files { most: "memory.max", now: "memory.current", cached: ["active_file ", "inactive_file "] };

/// The groups of both versions that `/proc/self/cgroup` names, and those around them, each with its own limit.
fn control_groups(text: &str) -> Vec<Group> {
    let mut groups = Vec::new();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let (mount, files) = match controllers {
            "" => ("/sys/fs/cgroup", &VERSION_2),
            all if all.split(',').any(|controller| controller == "memory") => ("/sys/fs/cgroup/memory", &VERSION_1),
            _ => continue,
        };
        let own = Path::new(path.trim_start_matches('/'));
        groups.extend(own.ancestors().map(|group| Group { folder: Path::new(mount).join(group), files }));
    }
    groups
}

impl Group {
    /// What it has left, in bytes; `None` without a limit. Cached files count as used there, but the kernel drops them before it
    /// refuses anybody memory, and a data set that was just read is cached.
    fn left(&self, read: impl Fn(&Path) -> Option<String>) -> Option<u64> {
        let number = |file: &str| read(&self.folder.join(file))?.trim().parse::<u64>().ok();
        let (most, now) = (number(self.files.most)?, number(self.files.now)?);
        let stat = read(&self.folder.join("memory.stat")).unwrap_or_default();
        let line = |name: &&str| stat.lines().find_map(|line| line.strip_prefix(*name)?.trim().parse::<u64>().ok());
        let cached: u64 = self.files.cached.iter().filter_map(line).sum();
        Some(most.saturating_sub(now.saturating_sub(cached)))
    }
}

/// `MemAvailable` in the text of `/proc/meminfo`, in bytes.
fn available(meminfo: &str) -> Option<u64> {
    kilobytes(meminfo, "MemAvailable:")
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_calls_available() {
        assert_eq!(available("MemTotal:  9 kB\nMemAvailable:     12 kB\n"), Some(12 * 1024));
        assert_eq!(available("MemTotal:  9 kB\n"), None);
        let (resident, data) = taken().unwrap();
        assert!(resident > 0 && data > 0);
    }

    fn left(group: &Group, files: &[(&str, &str)]) -> Option<u64> {
        let text = |name: &str| files.iter().find(|(file, _)| *file == name).map(|(_, text)| (*text).to_owned());
        group.left(|path| text(path.file_name()?.to_str()?))
    }

    #[test]
    fn cached_files_do_not_count_as_taken_in_either_version() {
        let (v2, v1) = (control_groups("0::/a").remove(0), control_groups("4:memory:/a").remove(0));
        let stat = "anon 10\nfile 600\ninactive_file 400\nactive_file 200\n";
        let now = ("memory.current", "900\n");
        assert_eq!(left(&v2, &[("memory.max", "1000\n"), now, ("memory.stat", stat)]), Some(700));
        assert_eq!(left(&v2, &[("memory.max", "1000\n"), now]), Some(100));
        assert_eq!(left(&v2, &[("memory.max", "max\n"), now, ("memory.stat", stat)]), None);
        let stat = "active_file 1\ntotal_inactive_file 400\ntotal_active_file 200\n";
        let files = [("memory.limit_in_bytes", "1000\n"), ("memory.usage_in_bytes", "900\n"), ("memory.stat", stat)];
        assert_eq!(left(&v1, &files), Some(700));
    }

    #[test]
    fn all_groups_around_are_asked() {
        let folders = |text: &str| -> Vec<String> {
            control_groups(text).iter().map(|group| group.folder.to_string_lossy().into_owned()).collect()
        };
        assert_eq!(
            folders("1:name=x:/y\n0::/user.slice/agent.scope\n"),
            ["/sys/fs/cgroup/user.slice/agent.scope", "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup/"]
        );
        assert_eq!(
            folders("9:cpu,cpuacct:/job\n5:memory:/job\n"),
            ["/sys/fs/cgroup/memory/job", "/sys/fs/cgroup/memory/"]
        );
    }
}
