//! `SWEEP_HOME/agent/tls`: the key, the certificate, the CA's certificate, and where the coordinator was.
//!
//! | file | |
//! | --- | --- |
//! | `key.pem` | the key of `agent.pem` |
//! | `key.next.pem` | one for which a certificate is being asked for |
//! | `agent.pem` | the certificate: where it is, the agent has joined |
//! | `ca.pem` | the certificate of the coordinator's CA |
//! | `coordinator` | its address |
//!
//! Each file is replaced as a whole. A certificate that goes with `key.next.pem` was stored just before the end, and its key is
//! moved to its place when that is noticed; so key and certificate change in one step, which is that of the certificate.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rcgen::KeyPair;
use sweep_link::{Address, BadIdentity, Identity, Trust};

pub struct Folder {
    path: PathBuf,
}

/// What an agent has that has joined.
pub struct Joined {
    pub identity: Identity,
    pub ca: Trust,
}

impl Folder {
    /// `home`: the agent's own.
    pub fn new(home: &Path) -> Self {
        Self { path: home.join("tls") }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Where the coordinator was that the agent has joined.
    pub fn address(&self) -> Option<Address> {
        self.file("agent.pem")
            .exists()
            .then(|| fs::read_to_string(self.file("coordinator")).ok()?.trim().parse().ok())?
    }

    /// What is there, once nobody else can read it. `None`: the agent has not joined.
    pub fn open(&self) -> io::Result<Option<Joined>> {
        self.mend()?;
        let Some(certificate) = read(&self.file("agent.pem"))? else { return Ok(None) };
        let damaged = |name: &str, why: String| {
            let path = self.file(name);
            io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged: {why}", path.display()))
        };
        let ca = read(&self.file("ca.pem"))?.ok_or_else(|| damaged("ca.pem", "it is missing".to_owned()))?;
        let ca = Trust::ca_pem(&ca).map_err(|error| damaged("ca.pem", error.to_string()))?;
        if let Some(key) = read(&self.file("key.next.pem"))?
            && let Ok(identity) = Identity::from_pem(&certificate, &key)
        {
            self.promote()?;
            return Ok(Some(Joined { identity, ca }));
        }
        let key = read(&self.file("key.pem"))?.ok_or_else(|| damaged("key.pem", "it is missing".to_owned()))?;
        let identity = Identity::from_pem(&certificate, &key).map_err(|error| {
            let name = if matches!(error, BadIdentity::Certificate(_)) { "agent.pem" } else { "key.pem" };
            damaged(name, error.to_string())
        })?;
        Ok(Some(Joined { identity, ca }))
    }

    /// The key for which a certificate is to be asked for; the one that was begun with, if there is one.
    pub fn next_key(&self) -> io::Result<KeyPair> {
        let path = self.file("key.next.pem");
        if let Some(text) = read(&path)?
            && let Ok(key) = KeyPair::from_pem(&String::from_utf8_lossy(&text))
        {
            return Ok(key);
        }
        let key = KeyPair::generate().map_err(io::Error::other)?;
        self.write("key.next.pem", key.serialize_pem().as_bytes())?;
        Ok(key)
    }

    /// The agent is this coordinator's from now on. It is nobody's for a moment, rather than one's by the certificate of another.
    pub fn joined(&self, address: &Address, certificate: &str, ca: &str) -> io::Result<()> {
        match fs::remove_file(self.file("agent.pem")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.write("ca.pem", ca.as_bytes())?;
        self.write("coordinator", address.url().as_bytes())?;
        self.renewed(certificate)
    }

    /// The next certificate, for the next key.
    pub fn renewed(&self, certificate: &str) -> io::Result<()> {
        self.write("agent.pem", certificate.as_bytes())?;
        self.promote()
    }

    /// The coordinator answers there now.
    pub fn remember(&self, address: &Address) -> io::Result<()> {
        match self.address() {
            Some(known) if known == *address => Ok(()),
            _ => self.write("coordinator", address.url().as_bytes()),
        }
    }

    fn promote(&self) -> io::Result<()> {
        fs::rename(self.file("key.next.pem"), self.file("key.pem"))?;
        File::open(&self.path)?.sync_all()
    }

    /// Makes the folder where it is missing. What others could read is closed to them, and said.
    fn mend(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
        self.close(&self.path, 0o700)?;
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if self.close(&path, 0o600)?
                && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("key"))
            {
                tracing::warn!(
                    file = %path.display(),
                    "others could read this agent's key; if that matters here, revoke the agent and let it join again"
                );
            }
        }
        Ok(())
    }

    /// Whether others could use it.
    fn close(&self, path: &Path, mode: u32) -> io::Result<bool> {
        let open = fs::symlink_metadata(path)?.permissions().mode() & 0o077 != 0;
        if open {
            fs::set_permissions(path, Permissions::from_mode(mode)).map_err(|error| {
                let why = format!("others can read {}, and that cannot be changed: {error}", path.display());
                io::Error::new(error.kind(), why)
            })?;
        }
        Ok(open)
    }

    /// Beside, synced, renamed, the folder synced; for this user only.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (path, beside) = (self.file(name), self.file(&format!("{name}.new")));
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        File::open(&self.path)?.sync_all()
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    }
}
