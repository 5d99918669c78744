//! Identifiers. Each is a type of its own, so that a job's number cannot be passed where a sweep's is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Declares a database row number with a one-letter prefix for people (`s3`, `j17`).
macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            /// Accepts the number with or without its prefix.
            fn from_str(text: &str) -> Result<Self, BadId> {
                let digits = text.strip_prefix($prefix).unwrap_or(text);
                digits.parse().map($name).map_err(|_| BadId { text: text.to_owned(), example: concat!($prefix, "12") })
            }
        }
    };
}

row_id!(
    /// One submitted plan.
    SweepId, "s"
);
row_id!(
    /// One stage with one choice of every parameter and input.
    JobId, "j"
);

/// A text that is not an id.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is not an id; ids look like {example}")]
pub struct BadId {
    text: String,
    example: &'static str,
}

/// The fencing token: the number of an attempt at a job, and the random lease granted with it.
///
/// The number orders attempts; the lease makes a token from before a restored backup worthless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Token {
    pub job: JobId,
    /// 1 for the first attempt at the job.
    pub attempt: u32,
    /// Drawn at random when the attempt is granted.
    pub lease: u64,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.job, self.attempt)
    }
}

/// The BLAKE3 hash of an artifact's bytes, as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentHash(String);

impl ContentHash {
    pub fn of(bytes: &[u8]) -> Self {
        Self::from(blake3::hash(bytes))
    }

    /// Of all that can be read, and how many bytes that are: for files that memory need not hold.
    pub fn of_reader(mut bytes: impl std::io::Read) -> std::io::Result<(Self, u64)> {
        let mut hasher = blake3::Hasher::new();
        let size_bytes = std::io::copy(&mut bytes, &mut hasher)?;
        Ok((Self::from(hasher.finalize()), size_bytes))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<blake3::Hash> for ContentHash {
    fn from(hash: blake3::Hash) -> Self {
        Self(hash.to_hex().to_string())
    }
}

/// A text that is not 64 lower-case hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a BLAKE3 hash (64 lower-case hexadecimal digits)")]
pub struct BadHash(String);

impl TryFrom<String> for ContentHash {
    type Error = BadHash;

    /// Checks the form, so that a hash from outside can safely become part of a path.
    fn try_from(text: String) -> Result<Self, BadHash> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 64 && text.bytes().all(hex) { Ok(Self(text)) } else { Err(BadHash(text)) }
    }
}

impl From<ContentHash> for String {
    fn from(hash: ContentHash) -> Self {
        hash.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_with_and_without_prefix() {
        assert_eq!("j17".parse::<JobId>().unwrap(), JobId(17));
        assert_eq!("17".parse::<JobId>().unwrap(), JobId(17));
        assert_eq!(SweepId(3).to_string(), "s3");
        assert!("s3".parse::<JobId>().unwrap_err().to_string().contains("j12"));
    }

    #[test]
    fn a_hash_from_outside_cannot_name_another_folder() {
        assert!(ContentHash::try_from("../../etc/passwd".to_owned()).is_err());
        assert!(ContentHash::try_from(ContentHash::of(b"x").to_string()).is_ok());
    }
}
