//! Where a database's blobs are.

use std::collections::HashMap;

use futures_util::StreamExt;
use sqlx::SqliteConnection;
use sweep_shared::ids::ContentHash;

use crate::artifacts::{ArtifactsIn, hash_of, name_of};
use crate::bucket::{Bucket, BucketError};
use crate::store::kept;

pub enum Whereabouts {
    Home,
    /// With all that it has; the home has some of it, too.
    Bucket(Bucket, HashMap<ContentHash, u64>),
    /// In a bucket that cannot be asked: which, and why not.
    Unknown(String),
}

impl Whereabouts {
    /// By what the database remembers, reached as the settings say.
    pub async fn of(conn: &mut SqliteConnection, wanted: &ArtifactsIn) -> Result<Self, sqlx::Error> {
        let Some(kept) = kept::of_file(conn).await? else { return Ok(Self::Home) };
        let ArtifactsIn::Bucket(settings) = wanted else {
            let why =
                format!("{} cannot be looked at: the settings (`artifacts` in sweep.toml) do not name it", kept.url);
            return Ok(Self::Unknown(why));
        };
        let listed = async {
            let bucket = Bucket::open(settings)?;
            let objects = bucket.list("artifacts").await?;
            let blobs = objects.into_iter().filter_map(|object| Some((hash_of(&object.name)?, object.size_bytes)));
            Ok::<_, BucketError>((bucket, blobs.collect()))
        };
        Ok(match listed.await {
            Ok((bucket, blobs)) => Self::Bucket(bucket, blobs),
            Err(error) => Self::Unknown(format!("{error}. {}", error.remedy())),
        })
    }

    /// What is wrong with the bucket's copy; `None`: nothing is.
    pub async fn wrong(&self, hash: &ContentHash, size_bytes: u64, full: bool) -> Option<String> {
        let Self::Bucket(bucket, blobs) = self else { return None };
        let place = format!("{}/{}", bucket.place(), name_of(hash));
        match blobs.get(hash) {
            None => return Some(format!("is gone ({place})")),
            Some(there) if *there != size_bytes => {
                return Some(format!("has {there} bytes instead of {size_bytes} ({place})"));
            }
            Some(_) if !full => return None,
            Some(_) => {}
        }
        match hashed(bucket, hash).await {
            Ok(found) if found == *hash => None,
            Ok(_) => Some(format!("holds other bytes than it did ({place})")),
            Err(error) => Some(format!("cannot be read: {error}")),
        }
    }
}

async fn hashed(bucket: &Bucket, hash: &ContentHash) -> Result<ContentHash, BucketError> {
    let mut hasher = blake3::Hasher::new();
    let mut stream = bucket.stream(&name_of(hash), 0).await?;
    while let Some(piece) = stream.next().await {
        hasher.update(&piece?);
    }
    Ok(ContentHash::from(hasher.finalize()))
}
