//! Secrets of command stages: values that only this machine knows, in files of their own.
//!
//! A plan names them; the value goes from the file into the environment of the one process that needs it, and nowhere else: not
//! into `job.json`, not to the coordinator, not into any message. An attempt whose secret is not here is refused, in
//! words: another agent may have it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sweep_shared::spec::is_variable_name;

/// A longer one could not be handed to a program anyway.
const MOST_BYTES: u64 = 64 << 10;

/// Why a secret cannot be had. No message holds any of its value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("this agent does not have the secret {name}: put its value into {}, readable by the agent's user alone (chmod 600)", path.display())]
    Missing { name: String, path: PathBuf },
    #[error("the secret {name} is not used, because others can read {}: its mode is {mode:o}, `chmod 600` makes it 600", path.display())]
    Open { name: String, path: PathBuf, mode: u32 },
    #[error("the secret {name} is not used, because {} belongs to user {owner}, and the agent runs as user {user}: `chown` it", path.display())]
    Owner { name: String, path: PathBuf, owner: u32, user: u32 },
    #[error("the secret {name} cannot be used: {} {what}", path.display())]
    Unusable { name: String, path: PathBuf, what: &'static str },
    #[error("the secret {name} cannot be read from {}: {source}", path.display())]
    Io { name: String, path: PathBuf, source: io::Error },
}

/// The value of a secret: the file without the line end behind it. Never printed.
pub fn read(folder: &Path, name: &str) -> Result<Vec<u8>, SecretError> {
    let path = folder.join(name);
    let unusable = |what| SecretError::Unusable { name: name.to_owned(), path: path.clone(), what };
    if !is_variable_name(name) {
        // It came over the network, and becomes part of a path.
        return Err(unusable("is no name of a variable"));
    }
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => SecretError::Missing { name: name.to_owned(), path: path.clone() },
        _ => SecretError::Io { name: name.to_owned(), path: path.clone(), source },
    };
    // Should it be a fifo, nobody waits for its writer.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&path).map_err(failed)?;
    check(&file, name, &path)?;
    let mut value = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut value).map_err(failed)?;
    if value.len() as u64 > MOST_BYTES {
        return Err(unusable("holds more than 64 KiB"));
    }
    if value.ends_with(b"\n") {
        value.truncate(value.len() - if value.ends_with(b"\r\n") { 2 } else { 1 });
    }
    match value.as_slice() {
        [] => Err(unusable("is empty")),
        value if value.contains(&0) => Err(unusable("holds a zero byte, which no variable can")),
        _ => Ok(value),
    }
}

/// The file that was opened, whatever its name stands for by now.
fn check(file: &File, name: &str, path: &Path) -> Result<(), SecretError> {
    let (name, path) = (name.to_owned(), path.to_owned());
    let meta = file.metadata().map_err(|source| SecretError::Io { name: name.clone(), path: path.clone(), source })?;
    let user = nix::unistd::geteuid().as_raw();
    let mode = meta.mode() & 0o7777;
    if !meta.is_file() {
        Err(SecretError::Unusable { name, path, what: "is not a regular file" })
    } else if meta.uid() != user {
        Err(SecretError::Owner { name, path, owner: meta.uid(), user })
    } else if mode & 0o077 != 0 {
        Err(SecretError::Open { name, path, mode })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const VALUE: &str = "hunter2-hunter2";

    fn secret(value: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("KEY");
        fs::write(&path, value).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    fn refused(value: &[u8], mode: u32) -> String {
        let (folder, path) = secret(value, mode);
        let said = read(folder.path(), "KEY").unwrap_err().to_string();
        assert!(said.contains("KEY") && said.contains(path.to_str().unwrap()), "{said}");
        assert!(!said.contains(VALUE), "{said}");
        said
    }

    #[test]
    fn a_file_that_the_user_alone_can_read_is_a_secret() {
        for text in [VALUE.to_owned(), format!("{VALUE}\n"), format!("{VALUE}\r\n")] {
            let (folder, _) = secret(text.as_bytes(), 0o600);
            assert_eq!(read(folder.path(), "KEY").unwrap(), VALUE.as_bytes());
        }
        let (folder, _) = secret(b"two\nlines\n\n", 0o400);
        assert_eq!(read(folder.path(), "KEY").unwrap(), b"two\nlines\n");
    }

    #[test]
    fn whatever_else_there_is_is_refused_with_a_remedy() {
        for mode in [0o644, 0o640, 0o604, 0o660] {
            let said = refused(VALUE.as_bytes(), mode);
            assert!(said.contains(&format!("{mode:o}")) && said.contains("chmod 600"), "{said}");
        }
        assert!(refused(b"", 0o600).contains("empty"));
        assert!(refused(b"\n", 0o600).contains("empty"));
        assert!(refused(format!("{VALUE}\0").as_bytes(), 0o600).contains("zero byte"));
        assert!(refused(&vec![b'x'; 65 << 10], 0o600).contains("64 KiB"));
        let folder = tempfile::tempdir().unwrap();
        let said = read(folder.path(), "KEY").unwrap_err().to_string();
        assert!(said.starts_with("this agent does not have the secret KEY") && said.contains("chmod 600"), "{said}");
        fs::create_dir(folder.path().join("FOLDER")).unwrap();
        assert!(read(folder.path(), "FOLDER").unwrap_err().to_string().contains("not a regular file"));
        nix::unistd::mkfifo(&folder.path().join("FIFO"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(read(folder.path(), "FIFO").unwrap_err().to_string().contains("not a regular file"));
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let (folder, _) = secret(VALUE.as_bytes(), 0o600);
        fs::create_dir(folder.path().join("inner")).unwrap();
        for name in ["../KEY", "/etc/passwd", "", "."] {
            assert!(read(&folder.path().join("inner"), name).is_err(), "{name}");
        }
    }

    #[test]
    fn anothers_file_is_refused() {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("anothers_file_is_refused: skipped: only root gives files away");
            return;
        }
        let (folder, path) = secret(VALUE.as_bytes(), 0o600);
        std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
        let said = read(folder.path(), "KEY").unwrap_err().to_string();
        assert!(said.contains("belongs to user 65534") && said.contains("chown"), "{said}");
        eprintln!("anothers_file_is_refused: ran");
    }
}
