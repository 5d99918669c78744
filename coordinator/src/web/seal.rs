//! What the database must be able to give back, and a thief of the database or of a backup must not read: sealed with a key that
//! lies beside it, in `SWEEP_HOME/seal.key`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("cannot use {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} must hold 32 bytes, and has {length}; put the right one back from where you keep it", path.display())]
    Length { path: PathBuf, length: usize },
    #[error("others may read {} (mode {mode:o}): chmod 600 it", path.display())]
    Open { path: PathBuf, mode: u32 },
}

/// The key.
pub struct Seal(LessSafeKey);

const KEY_BYTES: usize = 32;
/// The first byte of what is sealed: how.
const FORM: u8 = 1;

impl Seal {
    /// Reads the key, or makes it, readable by its owner only.
    pub fn open(path: &Path) -> Result<Self, SealError> {
        let io = |source| SealError::Io { path: path.to_owned(), source };
        let bytes = match fs::read(path) {
            Ok(bytes) => {
                let mode = fs::metadata(path).map_err(io)?.permissions().mode() & 0o777;
                if mode & 0o077 != 0 {
                    return Err(SealError::Open { path: path.to_owned(), mode });
                }
                bytes
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let bytes = rand::random::<[u8; KEY_BYTES]>().to_vec();
                write(path, &bytes).map_err(io)?;
                bytes
            }
            Err(error) => return Err(io(error)),
        };
        let wrong = |_| SealError::Length { path: path.to_owned(), length: bytes.len() };
        Ok(Self::of(bytes.as_slice().try_into().map_err(wrong)?))
    }

    fn of(key: &[u8; KEY_BYTES]) -> Self {
        Self(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).expect("as long as the algorithm wants it")))
    }

    /// `purpose` must be said again to open it: what is one user's cannot be put in another's place.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Vec<u8> {
        // Random ones may be repeated after some 2³² seals with one key; here there is one for each second factor ever set up.
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = plain.to_vec();
        let aad = Aad::from(purpose.as_bytes());
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .expect("a few bytes are not too many");
        [&[FORM][..], &nonce, &sealed].concat()
    }

    /// `None`: sealed with another key or for another purpose, or changed since.
    pub fn open_sealed(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let rest = sealed.strip_prefix(&[FORM])?;
        let (nonce, rest) = rest.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut bytes = rest.to_vec();
        let plain = self.0.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut bytes).ok()?;
        Some(plain.to_vec())
    }
}

/// Whole or not at all: half a key would lose all that is sealed with it.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_read_again_with_the_same_key_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seal.key");
        let sealed = Seal::open(&path).unwrap().seal("totp alice", b"seed");
        assert!(!sealed.windows(4).any(|w| w == b"seed"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = Seal::open(&path).unwrap();
        assert_eq!(again.open_sealed("totp alice", &sealed).as_deref(), Some(&b"seed"[..]));
        assert_eq!(again.open_sealed("totp bob", &sealed), None, "another's");
        assert_eq!(Seal::of(&[7; 32]).open_sealed("totp alice", &sealed), None, "another key");
        assert_ne!(again.seal("totp alice", b"seed"), sealed, "each looks different");
    }

    #[test]
    fn whatever_was_changed_is_not_believed() {
        let seal = Seal::of(&[7; 32]);
        let sealed = seal.seal("p", b"seed");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(seal.open_sealed("p", &changed), None, "byte {at}");
            assert_eq!(seal.open_sealed("p", &sealed[..at]), None, "{at} bytes");
        }
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_damaged_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seal.key");
        Seal::open(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Seal::open(&path).err().unwrap().to_string();
        assert!(error.contains("mode 640") && error.contains("chmod 600"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, b"short").unwrap();
        assert!(Seal::open(&path).err().unwrap().to_string().contains("has 5"));
    }
}
