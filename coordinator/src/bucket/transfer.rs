//! Whole files to and from a bucket.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path as Key;
use object_store::{
    Attribute, Attributes, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions,
    PutOptions, PutPayload, WriteMultipart,
};
use tokio::task::spawn_blocking;

use super::{Bucket, BucketError, Cause};

/// Larger files go in parts of at least this.
const PART: u64 = 16 << 20;
/// S3 allows ten thousand.
const MOST_PARTS: u64 = 9_000;
/// Parts on their way at once.
const AT_ONCE: usize = 3;
/// Times that a download may break off without bringing a byte.
const BREAKS: u32 = 3;

/// What lies in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Below the bucket's place.
    pub name: String,
    pub size_bytes: u64,
    pub changed_ms: i64,
}

impl Bucket {
    fn key(&self, name: &str) -> Key {
        Key::from(self.place.key(name))
    }

    /// Puts a file there under this name, with a note that is kept beside it. It is there as a whole once this returns, and not before.
    pub async fn put_file(
        &self,
        name: &str,
        file: &Path,
        note: Option<(&'static str, String)>,
    ) -> Result<(), BucketError> {
        let size = fs::metadata(file)?.len();
        let mut attributes = Attributes::new();
        if let Some((note, value)) = note {
            attributes.insert(Attribute::Metadata(note.into()), value.into());
        }
        if size <= PART {
            let path = file.to_owned();
            let bytes = blocking(move || fs::read(path)).await?;
            let options = PutOptions { attributes, ..Default::default() };
            self.store
                .put_opts(&self.key(name), PutPayload::from(bytes), options)
                .await
                .map_err(|error| self.failed(&error))?;
        } else {
            self.put_parts(name, File::open(file)?, size, attributes).await?;
        }
        match self.size(name).await? {
            Some(there) if there == size => Ok(()),
            there => Err(self.damaged(format!("{name} has {there:?} bytes there after {size} were sent"))),
        }
    }

    async fn put_parts(
        &self,
        name: &str,
        mut file: File,
        size: u64,
        attributes: Attributes,
    ) -> Result<(), BucketError> {
        let part = PART.max(size.div_ceil(MOST_PARTS)) as usize;
        let options = PutMultipartOptions { attributes, ..Default::default() };
        let begun =
            self.store.put_multipart_opts(&self.key(name), options).await.map_err(|error| self.failed(&error))?;
        let mut parts = WriteMultipart::new_with_chunk_size(begun, part);
        loop {
            // What fails here has been tried several times.
            if let Err(error) = parts.wait_for_capacity(AT_ONCE).await {
                let _lifecycle_rules_remove_what_is_left = parts.abort().await;
                return Err(self.failed(&error));
            }
            let (back, piece) = blocking(move || piece(&mut file, part).map(|piece| (file, piece))).await?;
            if piece.is_empty() {
                break;
            }
            file = back;
            parts.put(piece.into());
        }
        parts.finish().await.map(drop).map_err(|error| self.failed(&error))
    }

    /// Puts a few bytes there, unless that name is taken: whether it was free.
    pub async fn put_new(&self, name: &str, bytes: Vec<u8>) -> Result<bool, BucketError> {
        let options = PutOptions { mode: PutMode::Create, ..Default::default() };
        let payload = PutPayload::from(bytes);
        match self.store.put_opts(&self.key(name), payload.clone(), options).await {
            Ok(_) => Ok(true),
            // A server that has no conditions: it was looked at a moment ago.
            Err(error) if error.to_string().contains("NotImplemented") => {
                self.store.put(&self.key(name), payload).await.map(|_| true).map_err(|error| self.failed(&error))
            }
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// A small object whole; `None`: there is none of that name.
    pub async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, BucketError> {
        let read = async { self.store.get(&self.key(name)).await?.bytes().await };
        match read.await.map_err(|error| self.failed(&error)) {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `None`: there is none of that name.
    pub async fn size(&self, name: &str) -> Result<Option<u64>, BucketError> {
        match self.store.head(&self.key(name)).await.map_err(|error| self.failed(&error)) {
            Ok(meta) => Ok(Some(meta.size)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What was noted beside an object.
    pub async fn note(&self, name: &str, note: &'static str) -> Result<Option<String>, BucketError> {
        let options = GetOptions { head: true, ..Default::default() };
        let found = self.store.get_opts(&self.key(name), options).await.map_err(|error| self.failed(&error))?;
        Ok(found.attributes.get(&Attribute::Metadata(note.into())).map(|value| value.to_string()))
    }

    /// Brings an object into a file, behind what is there of it already. Once nothing more comes, what has arrived stays, to be continued.
    pub async fn get_file(&self, name: &str, to: &Path) -> Result<(), BucketError> {
        let size = self.size(name).await?.ok_or_else(|| self.missing(name))?;
        let mut file = OpenOptions::new().create(true).append(true).open(to)?;
        if file.metadata()?.len() > size {
            file.set_len(0)?;
        }
        let mut breaks = 0;
        loop {
            let have = file.metadata()?.len();
            if have >= size {
                let synced = file.try_clone()?;
                return Ok(blocking(move || synced.sync_all()).await?);
            }
            if let Err(error) = self.get_on(name, have, &mut file).await {
                breaks = if file.metadata()?.len() > have { 0 } else { breaks + 1 };
                if breaks == BREAKS || error.cause() != Some(Cause::Away) {
                    return Err(error);
                }
                tracing::debug!(name, %error, "a download broke off");
            }
        }
    }

    async fn get_on(&self, name: &str, from: u64, file: &mut File) -> Result<(), BucketError> {
        let mut stream = self.stream(name, from).await?;
        while let Some(piece) = stream.next().await {
            // Pieces are small; the disk takes them from memory.
            file.write_all(&piece?)?;
        }
        Ok(())
    }

    /// The bytes of an object, from an offset within it.
    pub async fn stream(
        &self,
        name: &str,
        from: u64,
    ) -> Result<impl futures_util::Stream<Item = Result<Vec<u8>, BucketError>> + Unpin + use<>, BucketError> {
        let range = (from > 0).then_some(GetRange::Offset(from));
        let options = GetOptions { range, ..Default::default() };
        let begun = self.store.get_opts(&self.key(name), options).await.map_err(|error| self.failed(&error))?;
        let bucket = self.clone();
        Ok(begun
            .into_stream()
            .map(move |piece| piece.map(|bytes| bytes.to_vec()).map_err(|error| bucket.failed(&error))))
    }

    /// All that lies below a name.
    pub async fn list(&self, below: &str) -> Result<Vec<Object>, BucketError> {
        let (key, head) = (self.key(below), self.place.key(""));
        let object = |meta: ObjectMeta| {
            let name = meta.location.as_ref().strip_prefix(&head)?.to_owned();
            Some(Object { name, size_bytes: meta.size, changed_ms: meta.last_modified.timestamp_millis() })
        };
        let found: Vec<ObjectMeta> =
            self.store.list(Some(&key)).try_collect().await.map_err(|error| self.failed(&error))?;
        Ok(found.into_iter().filter_map(object).collect())
    }

    /// Whether anything can be asked of it: one request.
    pub async fn probe(&self) -> Result<(), BucketError> {
        match self.store.list(Some(&self.key(".probe"))).next().await {
            Some(Err(error)) => Err(self.failed(&error)),
            _ => Ok(()),
        }
    }

    /// One that is not there is gone, too.
    pub async fn delete(&self, name: &str) -> Result<(), BucketError> {
        match self.store.delete(&self.key(name)).await.map_err(|error| self.failed(&error)) {
            Err(error) if !error.is_missing() => Err(error),
            _ => Ok(()),
        }
    }

    fn missing(&self, name: &str) -> BucketError {
        BucketError::new(Cause::Missing, &self.place, format!("{name} is not there"))
    }
}

/// The next bytes, fewer only at the end.
fn piece(file: &mut File, size: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(size);
    file.take(size as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}
