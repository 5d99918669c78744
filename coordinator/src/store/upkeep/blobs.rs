//! Whether the files that rows name are there and hold what they held.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use sqlx::SqliteConnection;
use sweep_shared::ids::ContentHash;

use super::whereabouts::Whereabouts;
use super::{UpkeepError, file};
use crate::home::Home;

/// The files that were looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BlobsSeen {
    pub files: u64,
    pub bytes: u64,
}

/// A blob that rows name.
struct Named {
    hash: ContentHash,
    size_bytes: u64,
    /// One of those who name it: `model.onnx of j3`.
    user: String,
}

/// Those whose rows are on their way out (nobody names them) may lack their files.
const NAMED: &str = "
    SELECT b.hash, b.size_bytes, coalesce(
        (SELECT format('%s of j%d%s', f.name, f.job, iif(f.point = '', '', '/' || f.point)) FROM point_files f WHERE f.hash = b.hash),
        (SELECT format('%s of the checkpoint of j%d at epoch %d', f.name, f.job, f.epoch) FROM checkpoint_files f WHERE f.hash = b.hash),
        (SELECT format('%s of the plan of s%d', f.name, f.sweep) FROM sweep_files f WHERE f.hash = b.hash)) AS user
    FROM blobs b WHERE user IS NOT NULL ORDER BY b.hash";

async fn named(conn: &mut SqliteConnection) -> Result<Vec<Named>, sqlx::Error> {
    let rows: Vec<(String, i64, String)> = sqlx::query_as(NAMED).fetch_all(conn).await?;
    let named = |(hash, size, user): (String, i64, String)| {
        Some(Named { hash: ContentHash::try_from(hash).ok()?, size_bytes: size as u64, user })
    };
    Ok(rows.into_iter().filter_map(named).collect())
}

/// The blobs that rows name.
pub async fn named_blobs(database: &Path) -> Result<Vec<ContentHash>, UpkeepError> {
    let mut conn = file::open(database).await?;
    let named = named(&mut conn).await.map_err(UpkeepError::database("read", database))?;
    Ok(named.into_iter().map(|blob| blob.hash).collect())
}

/// Looks at each file; reads it to its end where `full`. A file that went while it was looked for, because nobody names it any more,
/// is not missed.
pub async fn look(
    conn: &mut SqliteConnection,
    home: &Home,
    whereabouts: &Whereabouts,
    full: bool,
) -> Result<(BlobsSeen, Vec<String>), sqlx::Error> {
    let all = named(conn).await?;
    let mut seen = BlobsSeen::default();
    let mut wrong = Vec::new();
    let mut unseen = 0;
    for blob in &all {
        seen.files += 1;
        seen.bytes += blob.size_bytes;
        let path = home.blob(&blob.hash);
        let local = sound(&path, blob, full);
        let found = match whereabouts {
            Whereabouts::Home => local,
            // What the home has of it is there, or will be.
            Whereabouts::Bucket(..) if path.is_file() && !full => local,
            Whereabouts::Bucket(_, there) if path.is_file() && !there.contains_key(&blob.hash) => local,
            Whereabouts::Bucket(..) => match whereabouts.wrong(&blob.hash, blob.size_bytes, full).await {
                Some(why) => Err(format!("{} {why}", blob.user)),
                None if path.is_file() => local,
                None => Ok(()),
            },
            Whereabouts::Unknown(_) if path.is_file() => local,
            Whereabouts::Unknown(_) => {
                unseen += 1;
                Ok(())
            }
        };
        if let Err(why) = found {
            wrong.push((blob.hash.clone(), why));
        }
    }
    let unseen = match whereabouts {
        Whereabouts::Unknown(why) if unseen > 0 => Some(format!("{unseen} files could not be looked at: {why}")),
        _ => None,
    };
    if !wrong.is_empty() {
        let still: std::collections::BTreeSet<_> = named(conn).await?.into_iter().map(|blob| blob.hash).collect();
        wrong.retain(|(hash, _)| still.contains(hash));
    }
    Ok((seen, wrong.into_iter().map(|(_, why)| why).chain(unseen).collect()))
}

fn sound(path: &Path, blob: &Named, full: bool) -> Result<(), String> {
    let Named { hash, size_bytes, user } = blob;
    let told = |what: &str| format!("{user} {what} ({})", path.display());
    let length = match fs::metadata(path) {
        Ok(meta) => meta.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(told("is gone")),
        Err(error) => return Err(told(&format!("cannot be looked at: {error}"))),
    };
    if length != *size_bytes {
        return Err(told(&format!("has {length} bytes instead of {size_bytes}")));
    }
    if full {
        match hash_of(path) {
            Ok(found) if found == *hash => {}
            Ok(_) => return Err(told("holds other bytes than it did")),
            Err(error) => return Err(told(&format!("cannot be read: {error}"))),
        }
    }
    Ok(())
}

fn hash_of(path: &Path) -> io::Result<ContentHash> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(ContentHash::from(hasher.finalize())),
            read => hasher.update(&buffer[..read]),
        };
    }
}
