//! `SWEEP_HOME/login.json`: the coordinator that `sweep login` chose, and the token for it. For this user only.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sweep_link::Address;

use super::Token;
use crate::exit::{Failure, Outcome};

/// Its `Debug` shows no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub address: Address,
    pub token: Token,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    address: String,
    token: String,
}

impl Login {
    pub fn path(home: &Path) -> PathBuf {
        home.join("login.json")
    }

    /// `None`: nobody has logged in.
    pub fn read(home: &Path) -> Outcome<Option<Self>> {
        let path = Self::path(home);
        let refused = |why: String| {
            Failure::usage(format!("cannot use {}: {why}", path.display())).hint("`sweep login URL` writes it anew")
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refused(error.to_string())),
        };
        if fs::metadata(&path)?.permissions().mode() & 0o077 != 0 {
            return Err(refused("others can read it; whoever has may act in your name (revoke that token)".to_owned()));
        }
        // What stands in it is not repeated, for there is a token in it.
        let stored: Stored = serde_json::from_str(&text).map_err(|_| refused("it is damaged".to_owned()))?;
        let address = stored.address.parse().map_err(|_| refused("it names no address".to_owned()))?;
        Ok(Some(Self { address, token: Token::parse(&stored.token) }))
    }

    /// Whole or not at all. `token`: as it was copied.
    pub fn write(home: &Path, address: &Address, token: &Token) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(home)?;
        let token = match token {
            Token::Made(secret) => secret.reveal(),
            Token::Home(text) => text.clone(),
        };
        let stored = Stored { address: address.url(), token };
        let (path, beside) = (Self::path(home), home.join("login.json.new"));
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(&serde_json::to_vec(&stored)?)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        File::open(home)?.sync_all()
    }

    /// Whether there was one.
    pub fn remove(home: &Path) -> io::Result<bool> {
        match fs::remove_file(Self::path(home)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_kept_whole_and_private() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(Login::read(home.path()).unwrap(), None);
        let whole = format!("swu_7_s3cr3t_{}", "ab".repeat(32));
        let (address, token) = ("https://desk".parse().unwrap(), Token::parse(&whole));
        Login::write(home.path(), &address, &token).unwrap();
        let read = Login::read(home.path()).unwrap().unwrap();
        assert_eq!((&read.address.url(), &read.token), (&address.url(), &token));
        assert!(!format!("{read:?}").contains("s3cr3t"));
        let mode = fs::metadata(Login::path(home.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(Login::remove(home.path()).unwrap());
        assert!(!Login::remove(home.path()).unwrap());
    }

    #[test]
    fn one_that_others_can_read_or_that_is_damaged_is_refused_without_showing_it() {
        let home = tempfile::tempdir().unwrap();
        let path = Login::path(home.path());
        let write = |text: &str, mode| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            Login::read(home.path()).unwrap_err().text()
        };
        assert!(write(r#"{"address":"https://desk","token":"swu_1_a"}"#, 0o644).contains("others can read it"));
        let damaged = write(r#"{"token":"s3cr3t""#, 0o600);
        assert!(damaged.contains("damaged") && !damaged.contains("s3cr3t"), "{damaged}");
    }
}
