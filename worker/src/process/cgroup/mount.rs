//! Where this process's own control group lies, from what the kernel tells. Pure.

use std::path::{Path, PathBuf};

/// The folder of this process's own group, on the unified hierarchy or on the unified part of a hybrid one. `mountinfo` and
/// `cgroup` are what `/proc/self/…` of these names holds.
pub fn own_folder(mountinfo: &str, cgroup: &str) -> Option<PathBuf> {
    let own = Path::new(cgroup.lines().find_map(|line| line.strip_prefix("0::"))?);
    mountinfo.lines().filter_map(mount).find_map(|mount| {
        let below = own.strip_prefix(&mount.root).ok()?;
        // `/../x`: outside of what this mount shows.
        let is_inside = below.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        is_inside.then(|| if below == Path::new("") { mount.point.clone() } else { mount.point.join(below) })
    })
}

struct Mount {
    /// Which part of the hierarchy it shows.
    root: PathBuf,
    point: PathBuf,
}

/// A line of a `cgroup2` mount: `38 31 0:41 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw`.
fn mount(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    if right.split(' ').next()? != "cgroup2" {
        return None;
    }
    let mut fields = left.split(' ').skip(3);
    Some(Mount { root: unescape(fields.next()?), point: unescape(fields.next()?) })
}

/// Blanks and the like are written `\040`.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| byte == b'\\').and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 8).ok()
        });
        bytes.push(octal.unwrap_or(byte));
        rest = if octal.is_some() { &after[3..] } else { after };
    }
    PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

    fn found(mountinfo: &str, cgroup: &str) -> Option<String> {
        own_folder(mountinfo, cgroup).map(|path| path.to_str().unwrap().to_owned())
    }

    #[test]
    fn unified_and_hybrid_hierarchies_are_found_where_they_are_mounted() {
        let unified = "29 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev - cgroup2 cgroup2 rw,nsdelegate";
        let user = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/sweep.service\n";
        assert_eq!(
            found(unified, user).unwrap(),
            "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/sweep.service"
        );
        assert_eq!(found(HYBRID, "4:memory:/x\n0::/\n").unwrap(), "/sys/fs/cgroup/unified");
        assert_eq!(found(HYBRID, "0::/a/b\n").unwrap(), "/sys/fs/cgroup/unified/a/b");
    }

    #[test]
    fn a_part_of_the_hierarchy_may_be_mounted_anywhere() {
        let part = r"50 40 0:26 /docker/4af2 /mnt/control\040groups ro - cgroup2 cgroup rw";
        assert_eq!(found(part, "0::/docker/4af2/jobs\n").unwrap(), "/mnt/control groups/jobs");
        assert_eq!(found(part, "0::/docker/4af2\n").unwrap(), "/mnt/control groups");
        assert_eq!(found(part, "0::/docker/other\n"), None);
        let here = "50 40 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw";
        assert_eq!(found(here, "0::/../elsewhere\n"), None, "outside of this namespace");
    }

    #[test]
    fn without_a_unified_hierarchy_there_is_none() {
        assert_eq!(found("35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory", "0::/\n"), None);
        assert_eq!(found(HYBRID, "4:memory:/x\n"), None);
        assert_eq!(found("", ""), None);
    }
}
