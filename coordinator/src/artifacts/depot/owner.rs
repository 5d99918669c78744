//! Whose the bucket is. The database knows where its artifacts are kept, and the place knows its database: so neither is a setting that was
//! forgotten taken for an empty store, nor another database's store for one's own.

use serde::{Deserialize, Serialize};

use super::{Depot, Outage};
use crate::artifacts::ArtifactError;
use crate::bucket::{Bucket, BucketError, Place};

/// Below the place.
const NAME: &str = "sweep.json";

/// What the database remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub id: String,
    pub url: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    database: String,
}

/// Why a coordinator does not start with these settings.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    #[error(
        "the artifacts of this database are kept in {0}, and the settings do not say so: set `artifacts = \"{0}\"` (SWEEP_ARTIFACTS). \
         To have them here again, copy them (`aws s3 sync {0}/artifacts SWEEP_HOME/artifacts`) and set `artifacts = \"home\"` once"
    )]
    Forgotten(String),
    #[error(
        "the artifacts of this database are kept in {old}, not in {new}: copy them (`aws s3 sync {old} {new}`), or set `artifacts` back"
    )]
    Elsewhere { old: String, new: Place },
    #[error("{0}")]
    Foreign(String),
    #[error(
        "{missing} of the files that this database names are not in {}: copy them from {url} first (`aws s3 sync {url}/artifacts {}`)",
        folder.display(), folder.display()
    )]
    NotHere { missing: usize, url: String, folder: std::path::PathBuf },
    #[error("cannot keep artifacts in {0}. {remedy}", remedy = .0.remedy())]
    Bucket(#[from] BucketError),
}

/// What to do with a place, by what the database and the place say of each other.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Nobody's yet.
    New,
    Ours,
    /// Ours, and the mark is gone.
    Unmarked,
    /// Our store, which was copied here.
    Moved,
    Elsewhere,
    Foreign,
}

fn decide(kept: Option<&Kept>, place: &Place, mark: Option<&str>) -> Verdict {
    let Some(kept) = kept else { return if mark.is_some() { Verdict::Foreign } else { Verdict::New } };
    let same = kept.url == place.to_string();
    match mark {
        Some(mark) if mark != kept.id => Verdict::Foreign,
        Some(_) if same => Verdict::Ours,
        Some(_) => Verdict::Moved,
        None if same => Verdict::Unmarked,
        None => Verdict::Elsewhere,
    }
}

/// Asks whose a place is that the database does not remember as its own, and answers what it is to remember before anything is put there.
pub async fn claim(bucket: &Bucket, kept: Option<&Kept>, id: impl FnOnce() -> String) -> Result<Kept, NotKept> {
    let (place, url) = (bucket.place(), bucket.place().to_string());
    // Of a bucket that is not there some servers say only that it has no such object.
    bucket.probe().await?;
    match (decide(kept, place, mark(bucket).await?.as_deref()), kept) {
        (Verdict::New, _) => Ok(Kept { id: id(), url }),
        (Verdict::Foreign, _) => Err(NotKept::Foreign(foreign(place))),
        (Verdict::Elsewhere, Some(kept)) => Err(NotKept::Elsewhere { old: kept.url.clone(), new: place.clone() }),
        (_, Some(kept)) => Ok(Kept { id: kept.id.clone(), url }),
        (_, None) => Ok(Kept { id: id(), url }),
    }
}

async fn mark(bucket: &Bucket) -> Result<Option<String>, BucketError> {
    let found = bucket.get(NAME).await?;
    // One that cannot be read is nobody's of ours.
    Ok(found.map(|bytes| serde_json::from_slice::<Mark>(&bytes).map_or_else(|_| String::new(), |mark| mark.database)))
}

fn foreign(place: &Place) -> String {
    format!(
        "{place} holds the artifacts of another database of sweep: give this one a prefix of its own, or put that one's backup back \
         (`sweep db restore`)"
    )
}

impl Depot {
    /// Makes sure, once, that the bucket is this database's, and marks it where nobody has.
    pub(super) async fn sure(&self) -> Result<(), ArtifactError> {
        self.ours.get_or_try_init(async || self.settled().await).await.map(drop)
    }

    async fn settled(&self) -> Result<(), ArtifactError> {
        let found = self.marked().await;
        // That a stranger's store answers is no good news.
        match found.or_else(|error| self.noted(Err(error)))? {
            Some(mark) if mark != self.id => {
                let why = foreign(self.place());
                self.is_away(Outage::foreign(&why));
                Err(ArtifactError::Foreign(why))
            }
            _ => {
                self.is_back();
                Ok(())
            }
        }
    }

    /// The mark, ours where there was none.
    async fn marked(&self) -> Result<Option<String>, BucketError> {
        let made = serde_json::to_vec(&Mark { database: self.id.clone() }).expect("a text can be written");
        match mark(&self.bucket).await? {
            None if self.bucket.put_new(NAME, made).await? => Ok(None),
            // Somebody was faster.
            None => mark(&self.bucket).await,
            found => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_never_taken_for_anothers_nor_forgotten() {
        let place: Place = "s3://lab/a".parse().unwrap();
        let kept = |url: &str| Kept { id: "me".to_owned(), url: url.to_owned() };
        let (here, there) = (kept("s3://lab/a"), kept("s3://lab/b"));
        for (kept, mark, verdict) in [
            (None, None, Verdict::New),
            (None, Some("other"), Verdict::Foreign),
            (Some(&here), Some("me"), Verdict::Ours),
            (Some(&here), None, Verdict::Unmarked),
            (Some(&here), Some("other"), Verdict::Foreign),
            (Some(&there), Some("me"), Verdict::Moved),
            (Some(&there), None, Verdict::Elsewhere),
            (Some(&there), Some("other"), Verdict::Foreign),
        ] {
            assert_eq!(decide(kept, &place, mark), verdict, "{kept:?} {mark:?}");
        }
    }
}
