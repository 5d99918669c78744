//! SWEEP_HOME: what lies where, who may use it, and how others find the coordinator that does.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::sys::statfs::{FsType, statfs};
use serde::{Deserialize, Serialize};
use sweep_shared::access::Fingerprint;
use sweep_shared::ids::{ContentHash, JobId};

/// Why a folder cannot be SWEEP_HOME.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    #[error("another coordinator is using {}", path.display())]
    Locked { path: PathBuf },
    #[error(
        "{} lies on a network file system ({kind}), where SQLite's locks and syncs cannot be trusted; \
         set SWEEP_HOME to a folder on a local disk", path.display()
    )]
    Network { path: PathBuf, kind: &'static str },
    #[error("cannot use {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// How to reach the coordinator that uses a home; the contents of `coordinator.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// `http://127.0.0.1:7433`, or `https://…`
    pub address: String,
    pub pid: u32,
    /// Of the CA, where it speaks TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// The layout of SWEEP_HOME. Only names: nothing is touched before [`Home::lock`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn database(&self) -> PathBuf {
        self.root.join("sweep.db")
    }

    pub fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }

    /// Where a blob lies once it is whole.
    pub fn blob(&self, hash: &ContentHash) -> PathBuf {
        self.artifacts().join(&hash.as_str()[..2]).join(hash.as_str())
    }

    /// Where a blob grows while it arrives.
    pub fn incoming(&self) -> PathBuf {
        self.artifacts().join(".incoming")
    }

    /// Names instead of hashes: `results/s1/<stage>-<label>-<point>/model.onnx`.
    pub fn results(&self) -> PathBuf {
        self.root.join("results")
    }

    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    pub fn log(&self, job: JobId, attempt: u32) -> PathBuf {
        self.logs().join(job.0.to_string()).join(format!("{attempt}.log"))
    }

    /// The CA's key and certificate.
    pub fn tls(&self) -> PathBuf {
        self.root.join("tls")
    }

    fn token_file(&self) -> PathBuf {
        self.root.join("token")
    }

    fn endpoint_file(&self) -> PathBuf {
        self.root.join("coordinator.json")
    }

    fn lock_file(&self) -> PathBuf {
        self.root.join("coordinator.lock")
    }

    /// The token that every call must carry, if a coordinator ever made one here.
    pub fn token(&self) -> Result<Option<String>, HomeError> {
        let path = self.token_file();
        match fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => Ok(Some(text.trim().to_owned())),
            Ok(_) => Ok(None),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(HomeError::Io { path, source }),
        }
    }

    /// The coordinator that uses this home now, if one does: it holds the lock and has said where it listens.
    pub fn endpoint(&self) -> Result<Option<Endpoint>, HomeError> {
        let path = self.endpoint_file();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(HomeError::Io { path, source }),
        };
        // Left behind by a crash where nobody holds the lock.
        if !self.is_locked()? {
            return Ok(None);
        }
        Ok(serde_json::from_str(&text).ok())
    }

    /// Whether a coordinator holds this home.
    pub fn is_locked(&self) -> Result<bool, HomeError> {
        let path = self.lock_file();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(HomeError::Io { path, source }),
        };
        Ok(Flock::lock(file, FlockArg::LockSharedNonblock).is_err())
    }

    /// Makes the folder (0700) and takes its lock, for as long as the answer lives.
    pub fn lock(&self) -> Result<HomeLock, HomeError> {
        Self::make_folder(&self.root)?;
        self.refuse_network()?;
        let lock = self.take_lock()?;
        for folder in [self.artifacts(), self.incoming(), self.logs(), self.results()] {
            Self::make_folder(&folder)?;
        }
        Ok(HomeLock { home: self.clone(), _lock: lock })
    }

    /// Who asks whether a coordinator runs holds the lock for an instant, together with whoever else asks: only where it cannot be
    /// shared either, a coordinator has it.
    fn take_lock(&self) -> Result<Flock<File>, HomeError> {
        const TRIES: u32 = 1000;
        const INSTANT: Duration = Duration::from_millis(5);
        let path = self.lock_file();
        let file = private().create(true).truncate(false).open(&path);
        let mut file = file.map_err(|source| HomeError::Io { path, source })?;
        for _ in 0..TRIES {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(lock),
                Err((back, _)) => file = back,
            }
            if self.is_locked()? {
                break;
            }
            std::thread::sleep(INSTANT);
        }
        Err(HomeError::Locked { path: self.root.clone() })
    }

    /// Nobody else's (0700).
    pub(crate) fn make_folder(folder: &Path) -> Result<(), HomeError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|source| HomeError::Io { path: folder.to_owned(), source })
    }

    /// A file of ours alone (0600), whole or not at all, so that a reader never sees half of it.
    pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), HomeError> {
        let beside = path.with_extension("new");
        let write = || -> io::Result<()> {
            let mut file = private().create(true).truncate(true).open(&beside)?;
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, path)
        };
        write().map_err(|source| HomeError::Io { path: path.to_owned(), source })
    }

    fn refuse_network(&self) -> Result<(), HomeError> {
        let stat = statfs(&self.root).map_err(|e| HomeError::Io { path: self.root.clone(), source: e.into() })?;
        match network_kind(stat.filesystem_type()) {
            Some(kind) => Err(HomeError::Network { path: self.root.clone(), kind }),
            None => Ok(()),
        }
    }
}

/// The magic numbers of statfs(2) that stand for file systems shared between machines.
fn network_kind(kind: FsType) -> Option<&'static str> {
    match kind.0 as u64 & 0xffff_ffff {
        0x6969 => Some("NFS"),
        0x517b => Some("SMB"),
        0xff53_4d42 => Some("CIFS"),
        0xfe53_4d42 => Some("SMB 2"),
        0x0102_1997 => Some("9p"),
        0x5346_414f | 0x6b41_4653 => Some("AFS"),
        0x7375_7245 => Some("Coda"),
        0x00c3_6400 => Some("Ceph"),
        0x0bd0_0bd0 => Some("Lustre"),
        0x4750_4653 => Some("GPFS"),
        0x1983_0326 => Some("BeeGFS"),
        0x0bad_face => Some("Ceph FUSE"),
        0x0116_1970 => Some("GFS2"),
        0x7461_636f => Some("OCFS2"),
        _ => None,
    }
}

/// The right to use a home. The endpoint file goes with it.
#[derive(Debug)]
pub struct HomeLock {
    home: Home,
    _lock: Flock<File>,
}

impl HomeLock {
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The home's token; made at the first start, 0600.
    pub fn token(&self) -> Result<String, HomeError> {
        if let Some(token) = self.home.token()? {
            return Ok(token);
        }
        let token = hex(&rand::random::<[u8; 32]>());
        Home::write_private(&self.home.token_file(), &token)?;
        Ok(token)
    }

    /// Tells others where to connect.
    pub fn announce(&self, address: String, fingerprint: Option<Fingerprint>) -> Result<(), HomeError> {
        let fingerprint = fingerprint.map(|fingerprint| fingerprint.to_string());
        let endpoint = Endpoint { address, pid: std::process::id(), fingerprint };
        let text = serde_json::to_string(&endpoint).expect("a struct of texts serialises");
        Home::write_private(&self.home.endpoint_file(), &text)
    }
}

impl Drop for HomeLock {
    fn drop(&mut self) {
        // Nothing can be done about a failure; readers check the lock as well.
        let _ = fs::remove_file(self.home.endpoint_file());
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_coordinator_per_home() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path().join("sweep"));
        assert!(!home.is_locked().unwrap());
        let lock = home.lock().unwrap();
        assert!(home.is_locked().unwrap());
        assert!(matches!(home.lock(), Err(HomeError::Locked { .. })));
        drop(lock);
        assert!(home.lock().is_ok());
    }

    #[test]
    fn those_who_ask_do_not_keep_a_coordinator_from_starting() {
        use std::sync::atomic::{AtomicU32, Ordering};
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        drop(home.lock().unwrap());
        let asked = AtomicU32::new(0);
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| {
                while asked.fetch_add(1, Ordering::Relaxed) < 100_000 {
                    home.is_locked().unwrap();
                }
            });
            let mut locked = 0;
            while !asking.is_finished() {
                drop(home.lock().expect("nobody uses it"));
                locked += 1;
            }
            assert!(locked > 0);
        });
    }

    #[test]
    fn the_endpoint_is_private_and_gone_with_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        let lock = home.lock().unwrap();
        lock.announce("http://127.0.0.1:7433".to_owned(), None).unwrap();
        assert_eq!(home.endpoint().unwrap().unwrap().address, "http://127.0.0.1:7433");
        let mode = fs::metadata(folder.path().join("coordinator.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(lock);
        assert_eq!(home.endpoint().unwrap(), None);
    }

    #[test]
    fn an_endpoint_left_by_a_crash_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        drop(home.lock().unwrap());
        fs::write(folder.path().join("coordinator.json"), r#"{"address":"http://127.0.0.1:1","pid":1}"#).unwrap();
        assert_eq!(home.endpoint().unwrap(), None);
    }

    #[test]
    fn the_token_is_kept_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        assert_eq!(home.token().unwrap(), None);
        let token = home.lock().unwrap().token().unwrap();
        assert_eq!(token.len(), 64);
        assert_eq!(home.lock().unwrap().token().unwrap(), token);
        assert_eq!(home.token().unwrap().as_deref(), Some(token.as_str()));
        let mode = fs::metadata(folder.path().join("token")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn network_file_systems_are_told_apart() {
        assert_eq!(network_kind(nix::sys::statfs::NFS_SUPER_MAGIC), Some("NFS"));
        assert_eq!(network_kind(nix::sys::statfs::EXT4_SUPER_MAGIC), None);
        assert_eq!(network_kind(nix::sys::statfs::TMPFS_MAGIC), None);
    }
}
