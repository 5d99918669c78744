//! One file over HTTP, continued where it stopped.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_RANGE, HeaderMap, RANGE};
use reqwest::{Client, Response, StatusCode};
use sweep_shared::spec::PublishedFile;
use tokio::io::AsyncWriteExt as _;

use super::error::cause;
use super::{Note, WeightsError, hash_of};
use crate::transfer::Backoff;

/// Tries in a row that bring nothing.
const FRUITLESS_TRIES: u32 = 6;
const CONNECT: Duration = Duration::from_secs(20);
/// A server that sends nothing for so long has forgotten us.
const SILENCE: Duration = Duration::from_mins(1);
/// Between two lines about the progress.
const NOTE_EVERY: Duration = Duration::from_secs(10);

/// The one HTTP client. TLS is rustls, with the system's certificates; proxies are those of the environment.
pub fn client() -> reqwest::Result<Client> {
    // Whoever was first has installed the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let agent = concat!("sweep/", env!("CARGO_PKG_VERSION"));
    Client::builder().user_agent(agent).connect_timeout(CONNECT).read_timeout(SILENCE).build()
}

/// A file on its way.
pub struct Download<'a> {
    pub client: &'a Client,
    /// Where it is asked for: the publisher's URL, or the mirror's.
    pub url: &'a str,
    pub file: &'a PublishedFile,
    /// What has arrived; opened for appending.
    pub part: &'a File,
    /// Where somebody without a network would put it.
    pub by_hand: &'a Path,
    pub note: Note<'a>,
}

/// How one try ended.
enum Tried {
    /// The stream ended where it should.
    Whole,
    /// In words; worth another try.
    Broken(String),
    /// The server has nothing beyond what is here: whole, or of another file.
    Beyond,
}

impl Download<'_> {
    /// Returns once `part` holds the whole file, and its hash is right.
    pub async fn run(&self, mut backoff: Backoff) -> Result<(), WeightsError> {
        // A part of another version of the file is noticed at its end, and worth one fresh start.
        let mut fresh = self.arrived()? == 0;
        let mut fruitless = 0;
        loop {
            let before = self.arrived()?;
            match self.once(before).await? {
                Tried::Whole | Tried::Beyond => match self.check().await {
                    Err(WeightsError::Other { .. }) if !fresh => {
                        (self.note)("what had arrived earlier is of another file: from the beginning");
                        fresh = true;
                        self.part.set_len(0)?;
                    }
                    checked => return checked,
                },
                Tried::Broken(why) => {
                    fruitless = if self.arrived()? > before { 1 } else { fruitless + 1 };
                    if fruitless == FRUITLESS_TRIES {
                        return Err(self.unreachable(why));
                    }
                    (self.note)(&format!("{}: {why}; trying again", self.url));
                    if fruitless == 1 {
                        backoff.reset();
                    }
                    backoff.wait().await;
                }
            }
        }
    }

    fn arrived(&self) -> io::Result<u64> {
        Ok(self.part.metadata()?.len())
    }

    fn unreachable(&self, why: String) -> WeightsError {
        WeightsError::Unreachable { url: self.url.to_owned(), why, path: self.by_hand.to_owned() }
    }

    async fn check(&self) -> Result<(), WeightsError> {
        let found = hash_of(reread(self.part)?).await?;
        if found.starts_with(&self.file.sha256_prefix) {
            return Ok(());
        }
        // Nothing of it is of use.
        self.part.set_len(0)?;
        let wanted = self.file.sha256_prefix.clone();
        Err(WeightsError::Other { url: self.url.to_owned(), wanted, found })
    }

    async fn once(&self, offset: u64) -> Result<Tried, WeightsError> {
        let mut request = self.client.get(self.url);
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Ok(Tried::Broken(cause(&error))),
        };
        let status = response.status();
        match status {
            StatusCode::OK => {
                // All of it, whatever was asked for.
                self.part.set_len(0)?;
                self.receive(response, 0).await
            }
            StatusCode::PARTIAL_CONTENT if starts_at(response.headers()) == Some(offset) => {
                self.receive(response, offset).await
            }
            StatusCode::PARTIAL_CONTENT => {
                self.part.set_len(0)?;
                Ok(Tried::Broken("it answered with another part of the file".to_owned()))
            }
            StatusCode::RANGE_NOT_SATISFIABLE if offset > 0 => Ok(Tried::Beyond),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Ok(Tried::Broken(status.to_string())),
            _ if status.is_server_error() => Ok(Tried::Broken(status.to_string())),
            _ => Err(WeightsError::Refused {
                url: self.url.to_owned(),
                status: status.as_u16(),
                path: self.by_hand.to_owned(),
            }),
        }
    }

    /// Appends what comes. HTTP tells whether a stream ended early, by its length or its chunks.
    async fn receive(&self, mut response: Response, offset: u64) -> Result<Tried, WeightsError> {
        let whole = response.content_length().map(|left| offset + left);
        let mut file = tokio::fs::File::from_std(self.part.try_clone()?);
        let (mut arrived, mut said) = (offset, Instant::now());
        self.tell(arrived, whole);
        let broken = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    file.write_all(&chunk).await?;
                    arrived += chunk.len() as u64;
                    if said.elapsed() >= NOTE_EVERY {
                        said = Instant::now();
                        self.tell(arrived, whole);
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(cause(&error)),
            }
        };
        file.flush().await?;
        Ok(broken.map_or(Tried::Whole, Tried::Broken))
    }

    fn tell(&self, arrived: u64, whole: Option<u64>) {
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let of = whole.map_or(String::new(), |whole| format!(" of {:.0}", megabytes(whole)));
        (self.note)(&format!("downloading {}: {:.0}{of} MB", self.file.name(), megabytes(arrived)));
    }
}

/// Another handle, at the beginning. (A lock belongs to the open file, which stays open.)
fn reread(part: &File) -> io::Result<File> {
    use std::io::{Seek as _, SeekFrom};
    let mut again = part.try_clone()?;
    again.seek(SeekFrom::Start(0))?;
    Ok(again)
}

/// Where the part begins that a server sends: `bytes 100-199/200`.
fn starts_at(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}
