//! Published weights: downloaded once, kept beside the data sets, and known by their hash.
//!
//! A file grows as `<name>.part` in the folder `weights/`, under a lock that other agents of the machine respect; a download
//! that broke off is continued from what has arrived (`download`). Only when its SHA-256 begins as the publisher says is it
//! synced and renamed to its name. Whatever lies there under that name is hashed again before each use, so a file that somebody
//! put there by hand is as good as a download, and a damaged one is noticed.

mod download;
mod error;

#[cfg(test)]
mod tests;

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use sweep_shared::spec::{PublishedFile, WEIGHTS_FOLDER};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::luck::Luck;
use crate::transfer::Backoff;
use download::{Download, client};

pub use error::WeightsError;

/// An agent's published weights.
pub struct Library {
    folder: PathBuf,
    /// Where files are asked for instead of at their publisher's.
    mirror: Option<String>,
    backoff: (Duration, Duration),
    client: OnceCell<reqwest::Client>,
    /// One download per file, however many attempts wait for it.
    busy: RefCell<HashMap<String, Rc<Mutex<()>>>>,
}

/// What a download has to say: a line for people.
pub type Note<'a> = &'a dyn Fn(&str);

/// How often a file is looked for that another process downloads.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

impl Library {
    /// `mirror`: a base URL that replaces everything before the files' names.
    pub fn new(datasets: &Path, mirror: Option<String>, backoff: (Duration, Duration)) -> Self {
        let folder = datasets.join(WEIGHTS_FOLDER);
        Self { folder, mirror, backoff, client: OnceCell::new(), busy: RefCell::default() }
    }

    /// Returns once the file is there and right.
    pub async fn have(&self, file: &PublishedFile, note: Note<'_>) -> Result<PathBuf, WeightsError> {
        if !is_plain(file.name()) {
            return Err(WeightsError::Name(file.url.clone()));
        }
        let one_at_a_time = Rc::clone(self.busy.borrow_mut().entry(file.name().to_owned()).or_default());
        let guard = one_at_a_time.lock().await;
        let had = self.have_alone(file, note).await;
        drop(guard);
        self.busy.borrow_mut().retain(|_, lock| Rc::strong_count(lock) > 1);
        had
    }

    async fn have_alone(&self, file: &PublishedFile, note: Note<'_>) -> Result<PathBuf, WeightsError> {
        let path = self.folder.join(file.name());
        if self.is_there(&path, file).await? {
            return Ok(path);
        }
        fs::create_dir_all(&self.folder)?;
        let part = self.locked_part(file, note).await?;
        // Another process may have finished it meanwhile.
        if self.is_there(&path, file).await? {
            return Ok(path);
        }
        let url = self.url(file);
        let client = match self.client.get() {
            Some(client) => client,
            None => {
                let made = client().map_err(|error| WeightsError::client(&error))?;
                self.client.get_or_init(|| made)
            }
        };
        let backoff = Backoff::new(self.backoff, Luck::new());
        let download = Download { client, url: &url, file, part: &part, by_hand: &path, note };
        download.run(backoff).await?;
        part.sync_all()?;
        fs::rename(self.part_path(file), &path)?;
        File::open(&self.folder)?.sync_all()?;
        Ok(path)
    }

    /// The file that grows, held against other processes.
    async fn locked_part(&self, file: &PublishedFile, note: Note<'_>) -> Result<File, WeightsError> {
        let mut said = false;
        loop {
            let path = self.part_path(file);
            let part = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
            match part.try_lock() {
                // The one before may have renamed the file that was opened here.
                Ok(()) if is_same(&part, &path) => return Ok(part),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    if !std::mem::replace(&mut said, true) {
                        note(&format!("another agent is downloading {}: waiting for it", file.name()));
                    }
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
    }

    /// Whether the whole file is there; a wrong one under its name is an error.
    async fn is_there(&self, path: &Path, file: &PublishedFile) -> Result<bool, WeightsError> {
        let open = match File::open(path) {
            Ok(open) => open,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let found = hash_of(open).await?;
        if found.starts_with(&file.sha256_prefix) {
            return Ok(true);
        }
        Err(WeightsError::Wrong { path: path.to_owned(), wanted: file.sha256_prefix.clone(), found })
    }

    fn part_path(&self, file: &PublishedFile) -> PathBuf {
        self.folder.join(format!("{}.part", file.name()))
    }

    fn url(&self, file: &PublishedFile) -> String {
        match &self.mirror {
            Some(base) => format!("{}/{}", base.trim_end_matches('/'), file.name()),
            None => file.url.clone(),
        }
    }
}

/// The name comes from outside and becomes that of a file.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty() && !name.starts_with('.') && name.chars().all(plain)
}

fn is_same(open: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    matches!((open.metadata(), fs::metadata(path)), (Ok(a), Ok(b)) if (a.dev(), a.ino()) == (b.dev(), b.ino()))
}

/// SHA-256 of the whole file, in hexadecimal.
async fn hash_of(file: File) -> io::Result<String> {
    spawn_blocking(move || sha256(file)).await.map_err(io::Error::other)?
}

fn sha256(mut file: File) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    Ok(hex(&hasher.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
