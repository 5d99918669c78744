//! A bucket of an S3-compatible object store, as somebody named it: `s3://bucket/prefix`.
//!
//! `place` is the name; `settings` with `profile` is what the environment and the files of the AWS command line say of reaching it (endpoint,
//! region, keys), found by pure functions; `open` makes a client of that, over the same HTTP as all else that leaves this house; `transfer`
//! moves files, whole or not at all, each continued where it broke off; `error` puts what went wrong into words with a remedy, and tells
//! what passes by itself from what somebody has to repair. Who keeps what in it is others' business: `artifacts`, and backups of the
//! database in `store::upkeep`.

mod error;
mod open;
mod place;
mod profile;
mod settings;
mod transfer;

pub use error::{BucketError, Cause};
pub use open::Bucket;
pub use place::{BadPlace, Place, is_url};
pub use settings::{Settings, Unset};
pub use transfer::Object;
