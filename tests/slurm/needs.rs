//! What a machine must have for these stories. Where CI runs as root, a skip is a failure.

use std::path::Path;

use sweep_tests::runs;

use crate::cluster::Network;

/// Says whether the story runs.
pub fn met(story: &str) -> bool {
    runs(story, lacking(), is_root())
}

fn lacking() -> Option<String> {
    if !is_root() {
        return Some("a Slurm of one's own takes root".to_owned());
    }
    for program in ["ip", "nsenter", "setpriv", "unshare", "munged", "slurmctld", "slurmd", "sbatch", "ssh", "sshd"] {
        if !["/usr/sbin", "/usr/bin", "/sbin", "/bin"].iter().any(|folder| Path::new(folder).join(program).exists()) {
            return Some(format!("no program {program} (scripts/need-slurm.sh, scripts/need-network.sh)"));
        }
    }
    // Root in a container may still not be allowed to.
    Network::new().err().map(|error| format!("no network of its own can be made: {error}"))
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}
