//! `s3://bucket/prefix`.

use std::fmt;
use std::str::FromStr;

/// A bucket, and what all names in it begin with (perhaps nothing).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    bucket: String,
    /// Without slashes at its ends.
    prefix: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPlace {
    #[error("{0:?} is no URL of a bucket: write s3://BUCKET or s3://BUCKET/PREFIX")]
    NoBucketUrl(String),
    #[error("{0:?} cannot be the name of a bucket: 3 to 63 letters, digits, dots and hyphens")]
    Bucket(String),
    #[error("{0:?} cannot stand in the name of an object: letters, digits and any of ._=+- between slashes")]
    Prefix(String),
}

/// S3 allows 1024 bytes; ours add the rest.
const LONGEST_PREFIX: usize = 512;

/// Whether somebody means a bucket, well written or not.
pub fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("s3"))
}

impl Place {
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The full name of what lies below the prefix under this name.
    pub fn key(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) }
    }

    /// The place below this one.
    pub fn below(&self, name: &str) -> Self {
        Self { bucket: self.bucket.clone(), prefix: self.key(name) }
    }

    /// The place above, and the last part of the name; `None`: it is a whole bucket.
    pub fn split_last(&self) -> Option<(Self, &str)> {
        let (prefix, last) = self.prefix.rsplit_once('/').unwrap_or(("", &self.prefix));
        (!last.is_empty()).then(|| (Self { bucket: self.bucket.clone(), prefix: prefix.to_owned() }, last))
    }
}

impl FromStr for Place {
    type Err = BadPlace;

    fn from_str(text: &str) -> Result<Self, BadPlace> {
        let text = text.trim();
        if !is_url(text) {
            return Err(BadPlace::NoBucketUrl(text.to_owned()));
        }
        let (bucket, prefix) = text[5..].split_once('/').unwrap_or((&text[5..], ""));
        let plain = |c: char, more: &str| c.is_ascii_alphanumeric() || more.contains(c);
        let ends_well = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let sound = (3..=63).contains(&bucket.len())
            && bucket.chars().all(|c| plain(c, ".-_"))
            && ends_well(bucket.chars().next())
            && ends_well(bucket.chars().last());
        if !sound {
            return Err(BadPlace::Bucket(bucket.to_owned()));
        }
        let prefix = prefix.trim_matches('/');
        let is_part =
            |part: &str| !part.is_empty() && part != "." && part != ".." && part.chars().all(|c| plain(c, "._=+-"));
        match prefix.split('/').find(|part| !is_part(part)) {
            _ if prefix.is_empty() => {}
            Some(part) => return Err(BadPlace::Prefix(part.to_owned())),
            None if prefix.len() > LONGEST_PREFIX => return Err(BadPlace::Prefix(prefix.to_owned())),
            None => {}
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_it_is_read() {
        for (text, shown) in [
            ("s3://lab", "s3://lab"),
            ("s3://lab/", "s3://lab"),
            ("S3://lab.example-1/a/b_c=1.x//", "s3://lab.example-1/a/b_c=1.x"),
        ] {
            let place: Place = text.parse().unwrap();
            assert_eq!(place.to_string(), shown);
            assert_eq!(place.to_string().parse::<Place>(), Ok(place));
        }
    }

    #[test]
    fn what_is_no_place_is_refused_and_named() {
        for text in ["lab/a", "/mnt/lab", "https://s3.example.org/lab", "gs://lab", ""] {
            assert_eq!(text.parse::<Place>(), Err(BadPlace::NoBucketUrl(text.to_owned())));
        }
        for bucket in ["", "ab", "-lab", "lab-", "l b", "läb", &"x".repeat(64)] {
            assert_eq!(format!("s3://{bucket}/a").parse::<Place>(), Err(BadPlace::Bucket(bucket.to_owned())));
        }
        for part in ["..", ".", "a b", "a?b", "a#b", "ä", "a%2fb"] {
            assert_eq!(format!("s3://lab/a/{part}").parse::<Place>(), Err(BadPlace::Prefix(part.to_owned())));
        }
        assert_eq!("s3://lab/a//b".parse::<Place>(), Err(BadPlace::Prefix(String::new())));
        assert!(format!("s3://lab/{}", "x".repeat(LONGEST_PREFIX + 1)).parse::<Place>().is_err());
    }

    #[test]
    fn names_lie_below_their_place() {
        let place: Place = "s3://lab/a".parse().unwrap();
        assert_eq!((place.key("b"), place.below("b").to_string()), ("a/b".to_owned(), "s3://lab/a/b".to_owned()));
        assert_eq!(place.below("b").split_last(), Some((place.clone(), "b")));
        let whole: Place = "s3://lab".parse().unwrap();
        assert_eq!((whole.key("b"), whole.split_last()), ("b".to_owned(), None));
        assert_eq!(whole.below("b").split_last(), Some((whole.clone(), "b")));
    }
}
