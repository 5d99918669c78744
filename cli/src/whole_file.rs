//! Files that appear whole or not at all.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::exit::{Failure, Outcome, disk_full_hint, is_disk_full};

/// Whether the file may be written: its folder is there, and nothing is at its place that may not be replaced. Asked before the
/// work whose result it holds; [`write`] asks again.
pub fn check(path: &Path, replace: bool) -> Outcome<()> {
    if path.is_dir() {
        return Err(Failure::usage(format!("{} is a folder; name a file in it", path.display())));
    }
    if !replace && path.symlink_metadata().is_ok() {
        return Err(exists(path));
    }
    let folder = folder(path);
    if folder.is_dir() {
        Ok(())
    } else {
        Err(Failure::usage(format!("there is no folder {}", folder.display()))
            .hint("make it, or name a file in another"))
    }
}

/// Writes beside the target, flushes to disk, and gives it its name, which no other file has unless it may be replaced.
pub fn write(path: &Path, bytes: &[u8], replace: bool) -> Outcome<()> {
    let save = || {
        // As for any new file: the user's umask decides.
        let mode = Permissions::from_mode(0o666);
        let mut file = tempfile::Builder::new().prefix(".sweep-").permissions(mode).tempfile_in(folder(path))?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        if replace { file.persist(path) } else { file.persist_noclobber(path) }.map_err(|failed| failed.error)?;
        Ok(())
    };
    save().map_err(|error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ if is_disk_full(&error) => {
            Failure::internal(format!("cannot write {}: {error}", path.display())).hint(disk_full_hint(path))
        }
        _ => Failure::usage(format!("cannot write {}: {error}", path.display())),
    })
}

/// The same for what is of no use after a crash of the machine: small, often written anew, read by others at any time. Nothing is
/// flushed to disk.
pub fn tell(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, text)?;
    fs::rename(&beside, path)
}

fn exists(path: &Path) -> Failure {
    Failure::usage(format!("{} exists", path.display())).hint("name another file, or replace it with --force")
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_only_where_that_is_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.onnx");
        write(&path, b"one", false).unwrap();
        let refused = write(&path, b"two", false).unwrap_err().text();
        assert!(refused.contains("model.onnx exists") && refused.contains("--force"), "{refused}");
        assert!(check(&path, false).unwrap_err().text().contains("exists"));
        assert_eq!(fs::read(&path).unwrap(), b"one");
        check(&path, true).unwrap();
        write(&path, b"two", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["model.onnx"], "nothing else is left");
    }

    #[test]
    fn what_is_told_replaces_what_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        tell(&path, "123456").unwrap();
        tell(&path, "7").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "7");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn what_cannot_be_a_file_is_told_before_any_work() {
        let dir = tempfile::tempdir().unwrap();
        assert!(check(dir.path(), true).unwrap_err().text().contains("is a folder"));
        let lost = dir.path().join("no/such/model.onnx");
        assert!(check(&lost, false).unwrap_err().text().contains("there is no folder"));
        assert!(write(&lost, b"", false).unwrap_err().text().contains("cannot write"));
    }

    #[test]
    fn others_may_read_it_as_far_as_the_umask_lets_them() {
        let dir = tempfile::tempdir().unwrap();
        let (ours, usual) = (dir.path().join("ours"), dir.path().join("usual"));
        write(&ours, b"", false).unwrap();
        fs::write(&usual, b"").unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(ours), mode(usual));
    }
}
