//! A job's log, followed while its runner writes.

use std::fmt;
use std::io;
use std::str::FromStr;

use sweep_shared::ids::JobId;

use crate::api::Api;
use crate::store::{StoreError, read};
use crate::web::routes::readable;

/// How far of which attempt's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    pub attempt: u32,
    pub offset: u64,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.attempt, self.offset)
    }
}

impl FromStr for At {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (attempt, offset) = text.split_once('.').ok_or(())?;
        Ok(Self { attempt: attempt.parse().map_err(drop)?, offset: offset.parse().map_err(drop)? })
    }
}

/// What comes next.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
pub struct Piece {
    pub attempt: u32,
    /// It replaces what is shown: another attempt has begun, or the reader was left far behind.
    pub anew: bool,
    pub text: String,
}

/// Who is further behind is shown the end only.
const MOST_BEHIND: u64 = 256 << 10;
const END: u64 = 32 << 10;

/// What was written since; where that ends.
pub async fn next(api: &Api, job: JobId, at: At) -> Result<Option<(Piece, At)>, StoreError> {
    let (of, attempt, _) = read::newest_attempt(&api.store, job).await?;
    let logs = api.logs.clone();
    let read = tokio::task::spawn_blocking(move || {
        let length = logs.length(of, attempt);
        let (from, anew) = begin(at, attempt, length);
        if from >= length && !anew {
            return Ok(None);
        }
        let data = logs.read(of, attempt, from)?;
        let (text, taken) = whole(&data);
        let text = readable(text.as_bytes(), false);
        Ok::<_, io::Error>(Some((Piece { attempt, anew, text }, At { attempt, offset: from + taken })))
    });
    match read.await {
        Ok(Ok(next)) => Ok(next.filter(|(piece, _)| piece.anew || !piece.text.is_empty())),
        Ok(Err(error)) => {
            tracing::debug!(%error, %job, "a log cannot be read");
            Ok(None)
        }
        Err(_) => Ok(None),
    }
}

/// Where to read on, and whether that begins anew.
fn begin(at: At, attempt: u32, length: u64) -> (u64, bool) {
    if at.attempt != attempt || at.offset > length {
        return (length.saturating_sub(END), true);
    }
    if length - at.offset > MOST_BEHIND {
        return (length - END, true);
    }
    (at.offset, false)
}

/// The text of whole characters, and how many bytes of the data those are. What is no UTF-8 is shown as such.
fn whole(data: &[u8]) -> (String, u64) {
    // Of a character that is not written to its end at most three bytes are there.
    let cut = (1..=data.len().min(3)).find(|cut| {
        let end = &data[data.len() - cut..];
        end[0] >= 0xc0 && std::str::from_utf8(end).is_err_and(|error| error.error_len().is_none())
    });
    let taken = data.len() - cut.unwrap_or(0);
    (String::from_utf8_lossy(&data[..taken]).into_owned(), taken as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_shown_when_all_of_it_is_there() {
        let text = "loss ≈ 0.5 🦊";
        let bytes = text.as_bytes();
        for end in 0..=bytes.len() {
            let (shown, taken) = whole(&bytes[..end]);
            assert!(text.starts_with(&shown), "{shown:?}");
            assert!(end as u64 - taken <= 3 && text.is_char_boundary(taken as usize), "{end}");
        }
        assert_eq!(whole(bytes), (text.to_owned(), bytes.len() as u64));
        assert_eq!(
            whole(b"a\xffb\x80"),
            ("a\u{fffd}b\u{fffd}".to_owned(), 4),
            "what never becomes a character is not waited for"
        );
    }

    #[test]
    fn whoever_was_left_behind_begins_near_the_end() {
        let at = |attempt, offset| At { attempt, offset };
        assert_eq!(begin(at(1, 10), 1, 20), (10, false));
        assert_eq!(begin(at(1, 20), 1, 20), (20, false));
        assert_eq!(begin(at(1, 10), 2, 20), (0, true), "another attempt");
        assert_eq!(begin(at(1, 30), 1, 20), (0, true), "a log that was lost");
        assert_eq!(begin(at(1, 0), 1, 10 << 20), ((10 << 20) - END, true));
        assert_eq!("2.4096".parse(), Ok(at(2, 4096)));
        assert_eq!("2".parse::<At>(), Err(()));
    }
}
