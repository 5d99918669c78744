//! Who calls, for the audit log.

use nix::unistd::{Uid, User};
use sweep_shared::wire::actor;

/// `alice@laptop`: the user and the host of this process. It is a remark, not an identity: whoever has the token may call.
pub fn here() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let uid = Uid::effective();
    let user = User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
    actor(&format!("{user}@{}", host.trim()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn user_and_host_are_named() {
        let here = super::here();
        let (user, host) = here.split_once('@').expect("user@host");
        assert!(!user.is_empty() && !host.is_empty(), "{here}");
    }
}
