//! Whose processes hold a device's memory.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

use nix::unistd::{Uid, User};
use sweep_shared::resources::OtherProcess;

use super::Holder;
use crate::process::{Members, processes, resident_bytes};

/// Names of processes and users, as `/proc` and the system's user data base have them. May block.
#[derive(Debug, Default)]
pub struct People {
    users: HashMap<u32, String>,
}

impl People {
    pub fn describe(&mut self, holder: &Holder) -> OtherProcess {
        let folder = format!("/proc/{}", holder.pid);
        let name = fs::read_to_string(format!("{folder}/comm")).ok().map(|name| name.trim().to_owned());
        OtherProcess {
            pid: holder.pid,
            name: name.or_else(|| holder.name.clone()).unwrap_or_default(),
            user: fs::metadata(&folder).map(|meta| self.user(meta.uid())).unwrap_or_default(),
            bytes: holder.bytes.unwrap_or(0),
        }
    }

    fn user(&mut self, uid: u32) -> String {
        let look = || match User::from_uid(Uid::from_raw(uid)) {
            Ok(Some(user)) => user.name,
            _ => uid.to_string(),
        };
        self.users.entry(uid).or_insert_with(look).clone()
    }

    /// The processes with most of the RAM that are not among these, of those that have more than a little.
    pub fn largest(&mut self, except: &[i32]) -> Vec<OtherProcess> {
        const NOTEWORTHY: u64 = 256 << 20;
        const MOST: usize = 5;
        let others = processes().filter(|pid| !except.contains(pid));
        let mut large: Vec<(u64, i32)> =
            others.filter_map(|pid| Some((resident_bytes(pid)?, pid))).filter(|(b, _)| *b >= NOTEWORTHY).collect();
        large.sort_unstable_by(|a, b| b.cmp(a));
        let holder = |(bytes, pid): (u64, i32)| Holder { pid: pid as u32, bytes: Some(bytes), name: None };
        large.into_iter().take(MOST).map(|found| self.describe(&holder(found))).collect()
    }
}

/// Which of the attempts a process belongs to.
pub fn owner<T: Copy>(pid: u32, attempts: &[(T, Members)]) -> Option<T> {
    let pid = i32::try_from(pid).ok()?;
    attempts.iter().find(|(_, members)| members.has(pid)).map(|(of, _)| *of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_name_and_a_user_and_one_that_is_not_here_what_the_driver_tells() {
        let me = std::process::id();
        let known = People::default().describe(&Holder { pid: me, bytes: Some(3), name: None });
        assert!(!known.name.is_empty() && !known.user.is_empty(), "{known:?}");
        assert_eq!((known.pid, known.bytes), (me, 3));
        let far = Holder { pid: u32::MAX, bytes: None, name: Some("python3".to_owned()) };
        let told = People::default().describe(&far);
        assert_eq!((told.name.as_str(), told.user.as_str(), told.bytes), ("python3", "", 0));
    }
}
