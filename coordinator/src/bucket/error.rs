//! What went wrong with a bucket: the place, the cause in words, and the remedy.

use std::fmt;
use std::io;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

use super::{Place, Unset};

/// Which kind of thing it is, as far as that changes what is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The server cannot be reached, does not answer, or says that it cannot now. It passes, or somebody repairs the server.
    Away,
    /// It does not accept who we are, or what we may.
    Refused,
    /// Its clock and ours differ by more than it allows.
    Clock,
    NoBucket,
    /// The bucket is in another region than we were told.
    Region,
    /// There is no such object.
    Missing,
    /// The bytes are not those that were put there.
    Damaged,
}

#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    #[error("{place}: {why}")]
    Failed { cause: Cause, place: Place, why: String },
    #[error("{place}: {why}")]
    Unset { place: Place, why: Unset },
    /// This machine's, not the bucket's.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

impl BucketError {
    pub(super) fn new(cause: Cause, place: &Place, why: impl Into<String>) -> Self {
        Self::Failed { cause, place: place.clone(), why: why.into() }
    }

    pub(super) fn from_store(place: &Place, error: &Error) -> Self {
        let (cause, why) = understood(error);
        Self::new(cause, place, why)
    }

    /// `None`: it is not of the server.
    pub fn cause(&self) -> Option<Cause> {
        if let Self::Failed { cause, .. } = self { Some(*cause) } else { None }
    }

    pub fn is_missing(&self) -> bool {
        self.cause() == Some(Cause::Missing)
    }

    /// What a person can do.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Failed { cause, .. } => cause.remedy(),
            Self::Unset { .. } => "Correct it, and start again",
            Self::Disk(_) => "Look at the disk of SWEEP_HOME",
        }
    }
}

impl Cause {
    /// As programs call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::Refused => "refused",
            Self::Clock => "clock",
            Self::NoBucket => "no_bucket",
            Self::Region => "region",
            Self::Missing => "missing",
            Self::Damaged => "damaged",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Away => {
                "See whether the server runs and can be reached from here; it is asked again until it answers"
            }
            Self::Refused => {
                "Look at the keys (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile in ~/.aws/credentials) and at what they \
                 may do there: list, get, put, delete and abort multipart uploads"
            }
            Self::Clock => "Set this machine's clock (it is best kept by NTP)",
            Self::NoBucket => "Make the bucket, or correct its name",
            Self::Region => "Name the region that the bucket is in: `artifacts_region`, or AWS_REGION",
            Self::Missing | Self::Damaged => "`sweep db check --full` says what else is not as it was",
        }
    }
}

/// What an error of the client means. Its own words hold the whole request; the server's are enough.
fn understood(error: &Error) -> (Cause, String) {
    let text = chain(error);
    let (code, said) = (between(&text, "<Code>", "</Code>"), between(&text, "<Message>", "</Message>"));
    let words = match (code, said) {
        (Some(code), Some(said)) if !said.is_empty() => format!("{} ({code})", said.trim_end_matches('.')),
        (Some(code), _) => code.to_owned(),
        (None, _) => plain(error, &text),
    };
    let status = between(&text, "status code: ", " ");
    let cause = match (code, error) {
        (Some("RequestTimeTooSkewed"), _) => Cause::Clock,
        (Some("NoSuchBucket"), _) => Cause::NoBucket,
        (Some("PermanentRedirect" | "AuthorizationHeaderMalformed"), _) => Cause::Region,
        (_, Error::NotFound { .. }) => Cause::Missing,
        (_, Error::PermissionDenied { .. } | Error::Unauthenticated { .. }) => Cause::Refused,
        // Of a listing that is refused the client knows only the text.
        _ if matches!(status, Some("401" | "403")) => Cause::Refused,
        _ if text.contains("redirect without LOCATION") => Cause::Region,
        _ => Cause::Away,
    };
    let words = match cause {
        Cause::Refused => format!("it refuses the keys that sweep has for it: {words}"),
        Cause::NoBucket => "there is no such bucket".to_owned(),
        Cause::Clock => format!("its clock and this machine's differ: {words}"),
        _ => words,
    };
    (cause, words)
}

/// Without codes: how far it came.
fn plain(error: &Error, text: &str) -> String {
    match http(error).map(HttpError::kind) {
        Some(HttpErrorKind::Connect) => return format!("it cannot be reached ({})", root(error)),
        Some(HttpErrorKind::Timeout) => return "it did not answer in time".to_owned(),
        Some(_) => return format!("the connection broke ({})", root(error)),
        None => {}
    }
    if text.contains("169.254.169.254") || text.contains("latest/api/token") {
        return "there are no keys for it: neither in the environment nor in ~/.aws/credentials, and this machine has no role".to_owned();
    }
    match between(text, "status code: ", ":") {
        Some(status) => format!("it answers {}", status.trim()),
        None => line(text),
    }
}

fn http(error: &Error) -> Option<&HttpError> {
    sources(error).find_map(|source| source.downcast_ref::<HttpError>())
}

fn root(error: &Error) -> String {
    sources(error).last().map_or_else(String::new, |last| line(&last.to_string()))
}

fn sources<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

fn chain(error: &Error) -> String {
    sources(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn between<'a>(text: &'a str, head: &str, tail: &str) -> Option<&'a str> {
    let rest = text.split_once(head)?.1;
    Some(rest.split_once(tail)?.0).filter(|found| found.len() <= MOST)
}

const MOST: usize = 300;

/// One bounded line.
fn line(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST).collect();
    plain.trim().to_owned()
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forbidden(body: &str) -> Error {
        Error::PermissionDenied {
            path: "a/b".to_owned(),
            source: format!("Error performing GET http://h - 403: {body}").into(),
        }
    }

    #[test]
    fn the_servers_own_words_are_told_with_the_cause() {
        let body = "<Error><Code>SignatureDoesNotMatch</Code><Message>The signature does not match.</Message></Error>";
        let (cause, words) = understood(&forbidden(body));
        assert_eq!(cause, Cause::Refused);
        assert!(words.ends_with("The signature does not match (SignatureDoesNotMatch)"), "{words}");
        let skewed = "<Error><Code>RequestTimeTooSkewed</Code><Message>Too large</Message></Error>";
        assert_eq!(understood(&forbidden(skewed)).0, Cause::Clock);
        let gone = Error::NotFound { path: String::new(), source: "<Code>NoSuchBucket</Code>".into() };
        assert_eq!(understood(&gone), (Cause::NoBucket, "there is no such bucket".to_owned()));
        let key =
            Error::NotFound { path: String::new(), source: "<Code>NoSuchKey</Code><Message>None.</Message>".into() };
        assert_eq!(understood(&key), (Cause::Missing, "None (NoSuchKey)".to_owned()));
        let broken =
            Error::Generic { store: "S3", source: "Server returned non-2xx status code: 503 Slow Down: ".into() };
        assert_eq!(understood(&broken), (Cause::Away, "it answers 503 Slow Down".to_owned()));
    }

    #[test]
    fn a_listing_that_is_refused_is_no_outage() {
        let text = "Server returned non-2xx status code: 403 Forbidden: <Error><Code>AccessDenied</Code></Error>";
        let listing = Error::Generic { store: "S3", source: text.into() };
        assert_eq!(understood(&listing).0, Cause::Refused);
    }

    #[test]
    fn words_of_strangers_stay_on_one_bounded_line() {
        let long = format!("{}\n\u{1b}[31m{}", "x".repeat(200), "y".repeat(10_000));
        let error = Error::Generic { store: "S3", source: long.into() };
        let words = understood(&error).1;
        assert!(words.chars().count() <= MOST && !words.contains(['\n', '\u{1b}']), "{words}");
    }
}
