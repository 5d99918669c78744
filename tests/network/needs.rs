//! What a machine must have for these stories. Where CI runs as root, a skip is a failure.

use std::path::Path;
use std::process::Command;

use sweep_tests::runs;

use crate::host::Host;
use crate::world::COORDINATOR;

/// Says whether the story runs.
pub fn met(story: &str) -> bool {
    say(story, lacking())
}

/// The library that changes what a process believes the time to be.
pub fn faketime(story: &str) -> Option<String> {
    let found = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
        .iter()
        .map(|triple| format!("/usr/lib/{triple}/faketime/libfaketimeMT.so.1"))
        .find(|library| Path::new(library).exists());
    if found.is_none() {
        say(story, Some("no libfaketime (scripts/need-network.sh)".to_owned()));
    }
    found
}

/// OpenSSH, with a server.
pub fn openssh(story: &str) -> bool {
    let there = Path::new(crate::sshd::SSHD).exists() && Command::new("ssh").arg("-V").output().is_ok();
    say(story, lacking().or((!there).then(|| "no OpenSSH (scripts/need-network.sh)".to_owned())))
}

fn say(story: &str, lacking: Option<String>) -> bool {
    runs(story, lacking, is_root())
}

fn lacking() -> Option<String> {
    if !is_root() {
        return Some("network namespaces take root".to_owned());
    }
    for program in ["ip", "nsenter", "setpriv"] {
        if Command::new(program).arg("-V").output().is_err() {
            return Some(format!("no program {program} (scripts/need-network.sh)"));
        }
    }
    // Root in a container may still not be allowed to, and a kernel may have no TUN devices.
    Host::boot(COORDINATOR).err().map(|error| format!("no host of its own can be made: {error}"))
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}
