//! A file that the runner made, set aside before the runner can change or remove it.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sweep_shared::event::FileRef;
use tokio::task::{JoinHandle, spawn_blocking};

/// Dropped undelivered, it goes.
pub struct Staged {
    pub file: FileRef,
    path: PathBuf,
    copying: RefCell<Option<JoinHandle<io::Result<u64>>>>,
    /// While there is this, the copy is wanted.
    wanted: Option<Arc<()>>,
}

impl Staged {
    /// A second name for the file: it stays if the runner removes the file or puts another in its place.
    pub fn link(file: FileRef, from: &Path, path: PathBuf) -> io::Result<Self> {
        fs::hard_link(from, &path)?;
        Ok(Self { file, path, copying: RefCell::new(None), wanted: None })
    }

    /// Copies it at once, in the background: it stays if the runner writes into the file. Its upload may be hours away.
    pub fn copy(self, path: PathBuf) -> Self {
        let wanted = Arc::new(());
        let (still_wanted, to, file) = (Arc::downgrade(&wanted), path.clone(), self.file.clone());
        let copying = spawn_blocking(move || {
            let copied = fs::copy(&self.path, &to);
            if still_wanted.strong_count() == 0 {
                // Where it cannot be removed, the next start of the agent does it.
                let _ = fs::remove_file(&to);
            }
            copied
        });
        Self { file, path, copying: RefCell::new(Some(copying)), wanted: Some(wanted) }
    }

    /// Where the file lies, once it is whole.
    pub async fn whole(&self) -> io::Result<&Path> {
        let copying = self.copying.borrow_mut().take();
        if let Some(copying) = copying {
            copying.await.map_err(io::Error::other)??;
        }
        Ok(&self.path)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // First of all, so that a copy which ends just now is removed by one of the two.
        drop(self.wanted.take());
        // Usually it has become a blob.
        let _moved = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> FileRef {
        FileRef { name: "state".to_owned(), path: String::new(), hash: None, size_bytes: 0 }
    }

    #[tokio::test]
    async fn a_copy_holds_what_the_file_held_whatever_becomes_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("state"), "epoch 1").unwrap();
        let staged = Staged::link(file(), &path("state"), path("1")).unwrap().copy(path("2"));
        // Put in the file's place, as careful scripts do.
        fs::write(path("new"), "epoch 2").unwrap();
        fs::rename(path("new"), path("state")).unwrap();
        assert_eq!(fs::read_to_string(staged.whole().await.unwrap()).unwrap(), "epoch 1");
        // Written into, as others do.
        let staged = Staged::link(file(), &path("state"), path("3")).unwrap().copy(path("4"));
        let whole = staged.whole().await.unwrap();
        fs::write(path("state"), "epoch 3").unwrap();
        assert_eq!(fs::read_to_string(whole).unwrap(), "epoch 2");
    }

    #[tokio::test]
    async fn what_is_not_wanted_any_more_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("state"), vec![7; 1 << 20]).unwrap();
        let staged = Staged::link(file(), &path("state"), path("1")).unwrap().copy(path("2"));
        let copying = staged.copying.borrow_mut().take().unwrap();
        drop(staged);
        let _copied = copying.await.unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "only the runner's own file");
    }
}
