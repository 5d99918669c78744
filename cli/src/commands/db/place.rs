//! A backup's place: a file, an object in a bucket, or a bucket in which backups have names of their own.

use std::path::{Path, PathBuf};

use sweep_coordinator::ArtifactsIn;
use sweep_coordinator::bucket::{Bucket, BucketError, Cause, is_url};
use sweep_coordinator::upkeep::UpkeepError;

use super::failure;
use crate::context::Context;
use crate::exit::{Failure, Outcome};

/// Below where the artifacts are.
const BACKUPS: &str = "backups";

/// What somebody named.
#[derive(Debug, PartialEq, Eq)]
pub enum Named {
    File(PathBuf),
    /// In a bucket; without a name it is one that we give, or the newest.
    Bucket {
        url: String,
        object: Option<String>,
    },
}

/// `None`: beside the artifacts, where those are in a bucket.
pub fn named(given: Option<&str>, artifacts: &ArtifactsIn) -> Outcome<Named> {
    match (given, artifacts) {
        (Some(text), _) if is_url(text) => Ok(match text.rsplit_once('/') {
            Some((url, object)) if Path::new(object).extension().is_some_and(|kind| kind == "db") && !url.ends_with('/') => {
                Named::Bucket { url: url.to_owned(), object: Some(object.to_owned()) }
            }
            _ => Named::Bucket { url: text.to_owned(), object: None },
        }),
        (Some(path), _) => Ok(Named::File(path.into())),
        (None, ArtifactsIn::Bucket(settings)) => {
            Ok(Named::Bucket { url: settings.place.below(BACKUPS).to_string(), object: None })
        }
        (None, _) => Err(Failure::usage("where to?").hint(
            "name a file, or a bucket (s3://BUCKET/PREFIX); without a name backups lie beside the artifacts where those are in a bucket \
             (`artifacts` in sweep.toml)",
        )),
    }
}

/// Reached as the artifacts are.
pub fn open(context: &Context, url: &str) -> Outcome<Bucket> {
    let place = url.parse().map_err(|error| Failure::usage(format!("{error}")))?;
    Bucket::open(&context.settings.artifacts.bucket(place)).map_err(|error| failure(UpkeepError::Bucket(error)))
}

/// Whether nobody has to correct anything for it to work later.
pub fn is_away(error: &BucketError) -> bool {
    error.cause() == Some(Cause::Away)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep_coordinator::bucket::Settings;

    #[test]
    fn a_url_that_ends_in_db_is_one_backup_and_any_other_a_place_for_them() {
        let home = ArtifactsIn::Unsaid;
        let bucket = |url: &str, object: Option<&str>| Named::Bucket {
            url: url.to_owned(),
            object: object.map(ToOwned::to_owned),
        };
        assert_eq!(named(Some("/b/x.db"), &home).unwrap(), Named::File("/b/x.db".into()));
        assert_eq!(named(Some("s3://lab/b/x.db"), &home).unwrap(), bucket("s3://lab/b", Some("x.db")));
        assert_eq!(named(Some("s3://lab/b"), &home).unwrap(), bucket("s3://lab/b", None));
        assert_eq!(named(Some("s3://lab.db"), &home).unwrap(), bucket("s3://lab.db", None));
        let kept = ArtifactsIn::Bucket(Settings::new("s3://lab/a".parse().unwrap(), Default::default()));
        assert_eq!(named(None, &kept).unwrap(), bucket("s3://lab/a/backups", None));
        assert!(named(None, &home).unwrap_err().text().contains("where to"));
    }
}
