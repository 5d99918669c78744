//! Who this agent is: an id that survives restarts, a count of its starts, and the folder's lock.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sweep_shared::labels::Labels;

use crate::agent::AgentError;

/// What a coordinator is told of this agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `<host>-<8 hexadecimal digits>`.
    pub agent: String,
    pub host: String,
    pub boot: String,
    /// Grows at each start.
    pub incarnation: u64,
    /// As its owner set them.
    pub labels: Labels,
}

/// The contents of `agent.json`.
#[derive(Serialize, Deserialize)]
struct Stored {
    agent: String,
    incarnation: u64,
}

/// How long a lock may be held by what a killed agent has left.
const AFTERLIFE: Duration = Duration::from_secs(1);

/// Makes the folder and takes its lock, which is held as long as the file is open. `scratch`: where cache and attempts go, where not
/// into the folder.
pub fn lock(home: &Path, scratch: Option<&Path>) -> Result<File, AgentError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| AgentError::Home { path, source }
    };
    let made = |path: &Path| fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made(home).map_err(failed(home))?;
    let afar = is_afar(home).map_err(failed(home))?;
    if let Some(scratch) = scratch {
        made(scratch).map_err(failed(scratch))?;
    }
    let scratch_afar = scratch.map(is_afar).transpose().map_err(failed(scratch.unwrap_or(home)))?;
    if let Some(why) = misplaced(afar, scratch_afar) {
        return Err(failed(scratch.unwrap_or(home))(io::Error::other(why)));
    }
    let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(home.join("lock"));
    let lock = lock.map_err(failed(home))?;
    let asked = Instant::now();
    let mut locked = lock.try_lock();
    // An agent that was killed while it started a runner lives on in that, as far as the lock goes, until the runner is a program.
    while matches!(locked, Err(fs::TryLockError::WouldBlock)) && asked.elapsed() < AFTERLIFE {
        std::thread::sleep(Duration::from_millis(10));
        locked = lock.try_lock();
    }
    match locked {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(AgentError::Locked { path: home.to_owned() }),
        // Lustre without `-o flock`, for one. Whoever uses the folder a second time is then turned away by the coordinator.
        Err(fs::TryLockError::Error(error)) if afar && is_unsupported(&error) => {
            tracing::warn!(%error, home = %home.display(), "the file system has no locks: see to it that no two agents use this folder");
            Ok(lock)
        }
        Err(fs::TryLockError::Error(source)) => Err(failed(home)(source)),
    }
}

fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EOPNOTSUPP | libc::ENOLCK))
}

/// Reads the identity, or makes one, and counts this start. Durable on return.
pub fn next_incarnation(home: &Path, labels: Labels) -> io::Result<Identity> {
    let path = home.join("agent.json");
    let host = host_name();
    let mut stored = match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged: {error}", path.display()))
        })?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Stored { agent: format!("{host}-{}", random_hex(4)?), incarnation: 0 }
        }
        Err(error) => return Err(error),
    };
    stored.incarnation += 1;
    write_durably(&path, &serde_json::to_vec(&stored).expect("two plain fields"))?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
    Ok(Identity { agent: stored.agent, host, boot, incarnation: stored.incarnation, labels })
}

fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "host".to_owned() } else { name.to_owned() }
}

/// Whether it lies on a network file system.
fn is_afar(folder: &Path) -> io::Result<bool> {
    /// NFS, SMB (three magic numbers), Lustre, GPFS, Ceph, BeeGFS; from `statfs(2)` and their sources.
    const NETWORK: [i64; 8] =
        [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x0bd0_0bd0, 0x4750_4653, 0x00c3_6400, 0x1983_0326];
    Ok(NETWORK.contains(&nix::sys::statfs::statfs(folder)?.filesystem_type().0))
}

/// Cache and attempts need links, locks and speed, and belong to one host. What is left, identity, certificate and spool, may lie on a
/// disk that hosts share: a cluster's job finds it again on another node.
fn misplaced(home_afar: bool, scratch_afar: Option<bool>) -> Option<&'static str> {
    match scratch_afar {
        None if home_afar => Some(
            "it lies on a network file system; an agent needs a folder on a local disk, or one for what is needed only while jobs \
             run: --scratch /tmp/sweep",
        ),
        Some(true) => Some("the scratch folder lies on a network file system; it needs a local disk"),
        None | Some(false) => None,
    }
}

/// Random bytes from the kernel, as twice as many hexadecimal digits.
pub fn random_hex(bytes: usize) -> io::Result<String> {
    let mut buffer = vec![0; bytes];
    File::open("/dev/urandom")?.read_exact(&mut buffer)?;
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    Ok(buffer.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
}

/// Writes beside, syncs, renames, syncs the folder.
pub fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_stays_and_the_incarnation_grows() {
        let home = tempfile::tempdir().unwrap();
        let first = next_incarnation(home.path(), Labels::default()).unwrap();
        let second = next_incarnation(home.path(), Labels::default()).unwrap();
        assert_eq!(first.agent, second.agent);
        assert_eq!((first.incarnation, second.incarnation), (1, 2));
    }

    #[test]
    fn a_second_agent_in_the_same_folder_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let held = lock(home.path(), None).unwrap();
        assert!(matches!(lock(home.path(), None), Err(AgentError::Locked { .. })));
        held.unlock().unwrap();
        assert!(lock(home.path(), None).is_ok());
    }

    #[test]
    fn what_a_killed_agent_leaves_for_an_instant_keeps_no_other_out() {
        let home = tempfile::tempdir().unwrap();
        let held = lock(home.path(), None).unwrap();
        let next = std::thread::spawn({
            let home = home.path().to_owned();
            move || lock(&home, None)
        });
        std::thread::sleep(AFTERLIFE / 10);
        held.unlock().unwrap();
        assert!(next.join().unwrap().is_ok());
    }

    #[test]
    fn a_network_disk_is_enough_for_what_must_be_found_again_elsewhere() {
        assert_eq!(
            (misplaced(false, None), misplaced(false, Some(false)), misplaced(true, Some(false))),
            (None, None, None)
        );
        assert!(misplaced(true, None).unwrap().contains("--scratch"));
        assert!(misplaced(true, Some(true)).unwrap().contains("scratch folder"));
        assert!(misplaced(false, Some(true)).is_some());
    }

    #[test]
    fn a_damaged_identity_is_an_error_not_a_new_agent() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("agent.json"), "{").unwrap();
        assert!(next_incarnation(home.path(), Labels::default()).unwrap_err().to_string().contains("damaged"));
    }
}
