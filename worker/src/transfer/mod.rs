//! Blobs to and from the coordinator, in chunks, continued where they stopped, verified by hash.
//!
//! A transfer goes on trying while the coordinator is away: whoever asked for it may stop waiting. It fails only where
//! another try cannot help.

mod download;
mod retry;
mod upload;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use sweep_link::{Bearer, Channel, Link};
use sweep_shared::ids::ContentHash;
use sweep_shared::wire::v1::artifacts_client::ArtifactsClient;
use tokio::sync::{Mutex, Semaphore};
use tonic::service::interceptor::InterceptedService;

pub use retry::Backoff;

use crate::cache::Cache;
use crate::luck::Luck;
use crate::options::Shutdown;

type Client = ArtifactsClient<InterceptedService<Channel, Bearer>>;

/// Why a blob can neither come nor go.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error("the coordinator does not have blob {0}")]
    Unknown(ContentHash),
    #[error("blob {0} arrived damaged, several times")]
    Damaged(ContentHash),
    #[error("the coordinator has no space left for results: {0}")]
    NoSpace(String),
    #[error("the coordinator refused a blob: {0}")]
    Refused(String),
    #[error("this machine's disk: {0}")]
    Disk(#[from] io::Error),
}

/// Moves blobs between this agent's cache and the coordinator.
pub struct Transfers {
    link: Link,
    auth: Bearer,
    /// And of which identity its connection is: one that is made in a certificate's name ends with it.
    client: RefCell<(u64, Client)>,
    cache: Rc<Cache>,
    /// Few at a time: they share one network with everything else.
    uploads: Semaphore,
    backoff: (Duration, Duration),
    leaving: Shutdown,
    /// One download per blob, however many attempts wait for it.
    fetching: RefCell<HashMap<ContentHash, Rc<Mutex<()>>>>,
}

/// Uploads that run side by side.
const UPLOADS: usize = 2;

impl Transfers {
    /// `leaving`: an agent on its way out does not wait for space on the coordinator's disk.
    pub fn new(link: Link, auth: Bearer, cache: Rc<Cache>, backoff: (Duration, Duration), leaving: Shutdown) -> Self {
        let client = ArtifactsClient::with_interceptor(link.channel(), auth.clone());
        let client = RefCell::new((link.generation(), client));
        Self {
            link,
            auth,
            client,
            cache,
            uploads: Semaphore::new(UPLOADS),
            backoff,
            leaving,
            fetching: RefCell::default(),
        }
    }

    fn client(&self) -> Client {
        let mut held = self.client.borrow_mut();
        let generation = self.link.generation();
        if held.0 != generation {
            *held = (generation, ArtifactsClient::with_interceptor(self.link.channel(), self.auth.clone()));
        }
        held.1.clone()
    }

    /// Returns once the coordinator has the blob, which must be in the cache.
    pub async fn upload(&self, hash: &ContentHash, size_bytes: u64) -> Result<(), TransferError> {
        let _pin = self.cache.pin(hash);
        let path = self.cache.path(hash);
        let _permit = self.uploads.acquire().await.map_err(io::Error::other)?;
        let mut backoff = Backoff::new(self.backoff, Luck::new());
        let blob = upload::Blob { path: &path, hash, size_bytes };
        upload::until_complete(self.client(), blob, &mut backoff, &self.leaving).await
    }

    /// Returns once the cache has the blob.
    pub async fn fetch(&self, hash: &ContentHash) -> Result<(), TransferError> {
        let one_at_a_time = Rc::clone(self.fetching.borrow_mut().entry(hash.clone()).or_default());
        let guard = one_at_a_time.lock().await;
        let fetched = self.fetch_alone(hash).await;
        drop(guard);
        self.fetching.borrow_mut().retain(|_, lock| Rc::strong_count(lock) > 1);
        fetched
    }

    async fn fetch_alone(&self, hash: &ContentHash) -> Result<(), TransferError> {
        if self.cache.has(hash).await? {
            return Ok(());
        }
        let incoming = self.cache.incoming_path(hash);
        let mut backoff = Backoff::new(self.backoff, Luck::new());
        let size_bytes = download::until_whole(self.client(), &incoming, hash, &mut backoff).await?;
        Ok(self.cache.insert(&incoming, hash, size_bytes)?)
    }
}
