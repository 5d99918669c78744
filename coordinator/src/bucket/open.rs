//! A client for a bucket.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, AwsCredential};
use object_store::client::{HttpClient, HttpConnector};
use object_store::{BackoffConfig, ClientOptions, CredentialProvider, RetryConfig};
use reqwest::ClientBuilder;
use tonic::async_trait;

use super::settings::{Access, Keys, is_here};
use super::{BucketError, Cause, Place, Settings, profile};
use crate::notices::channels::client;

/// One request, with the bytes of a part: 16 MiB over a line of 1 Mbit/s.
const PATIENCE: Duration = Duration::from_mins(3);
const CONNECT: Duration = Duration::from_secs(10);
/// Tries of one request; whoever asked tries again, later.
const RETRIES: usize = 3;
const RETRYING: Duration = Duration::from_secs(20);

/// A bucket that can be read and written; cheap to clone. Nothing is asked of the server before somebody uses it.
#[derive(Clone)]
pub struct Bucket {
    pub(super) store: Arc<AmazonS3>,
    pub(super) place: Place,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({})", self.place)
    }
}

impl Bucket {
    pub fn open(settings: &Settings) -> Result<Self, BucketError> {
        let place = settings.place.clone();
        let access =
            settings.access(&settings.files()).map_err(|why| BucketError::Unset { place: place.clone(), why })?;
        let store = build(&place, access).map_err(|error| BucketError::from_store(&place, &error))?;
        Ok(Self { store: Arc::new(store), place })
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The same bucket at another place of it.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        Self { store: self.store.clone(), place: self.place.below(name) }
    }

    pub(super) fn failed(&self, error: &object_store::Error) -> BucketError {
        BucketError::from_store(&self.place, error)
    }

    pub(crate) fn damaged(&self, why: String) -> BucketError {
        BucketError::new(Cause::Damaged, &self.place, why)
    }
}

/// The signature of each request covers the SHA-256 of what it brings: the server compares them, whatever checksums it knows beside.
fn build(place: &Place, access: Access) -> object_store::Result<AmazonS3> {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(200), max_backoff: Duration::from_secs(5), base: 2.0 };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(place.bucket())
        .with_http_connector(OurHttp)
        .with_retry(RetryConfig { backoff, max_retries: RETRIES, retry_timeout: RETRYING });
    if let Some(endpoint) = &access.endpoint {
        builder = builder.with_endpoint(endpoint).with_allow_http(true);
    }
    if let Some(region) = &access.region {
        builder = builder.with_region(region);
    }
    match access.keys {
        Keys::Given { id, secret, token } => {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret);
            if let Some(token) = token {
                builder = builder.with_token(token);
            }
        }
        Keys::Profile { name, credentials, config } => {
            builder = builder.with_credentials(Arc::new(FromProfile { name, credentials, config }));
        }
        Keys::Role(variables) => {
            for (name, value) in variables {
                if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
                    builder = builder.with_config(key, value);
                }
            }
        }
    }
    builder.build()
}

/// The keys of a profile, as its files have them at this moment.
#[derive(Debug)]
struct FromProfile {
    name: String,
    credentials: PathBuf,
    config: PathBuf,
}

#[async_trait]
impl CredentialProvider for FromProfile {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let read = async |path| tokio::fs::read_to_string(path).await.unwrap_or_default();
        let found =
            profile::of(&self.name, &read(&self.credentials).await, &read(&self.config).await).unwrap_or_default();
        let value = |name: &str| {
            found.get(name).cloned().ok_or_else(|| object_store::Error::Unauthenticated {
                path: String::new(),
                source: format!("the profile {:?} in {} has no {name} any more", self.name, self.credentials.display())
                    .into(),
            })
        };
        Ok(Arc::new(AwsCredential {
            key_id: value("aws_access_key_id")?,
            secret_key: value("aws_secret_access_key")?,
            token: found.get("aws_session_token").cloned(),
        }))
    }
}

/// Our one way of speaking HTTP: rustls, the system's certificates and proxies, no redirects.
#[derive(Debug)]
struct OurHttp;

impl HttpConnector for OurHttp {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let with = |builder: ClientBuilder| builder.connect_timeout(CONNECT);
        Ok(HttpClient::new(Clients { out: client(PATIENCE, with), here: client(PATIENCE, |b| with(b).no_proxy()) }))
    }
}

#[derive(Debug)]
struct Clients {
    out: reqwest::Client,
    /// To this machine, whatever proxy there is.
    here: reqwest::Client,
}

#[async_trait]
impl object_store::client::HttpService for Clients {
    async fn call(
        &self,
        request: object_store::client::HttpRequest,
    ) -> Result<object_store::client::HttpResponse, object_store::client::HttpError> {
        let here = request.uri().host().is_some_and(is_here);
        if here { self.here.call(request).await } else { self.out.call(request).await }
    }
}
