//! What lies in the spool's folder when the agent starts, whatever state a crash or the disk left it in.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::log::{SUFFIX, text};
use super::segment::{Scan, Segment, SpoolId};
use crate::report::Report;

/// What was found of a spool.
pub struct Found {
    /// Oldest first.
    pub segments: Vec<(PathBuf, Segment)>,
    pub acked: u64,
    /// Not acknowledged, in order.
    pub reports: Vec<(u64, Report)>,
    /// It can be used as it is. Otherwise the reports have to go into a new one.
    pub is_sound: bool,
}

/// Reads the spool `current`; all spools in the folder where nobody knows which it was.
pub fn find(folder: &Path, current: Option<&SpoolId>) -> io::Result<Found> {
    let mut found = Found { segments: Vec::new(), acked: 0, reports: Vec::new(), is_sound: current.is_some() };
    let paths = segment_paths(folder, current)?;
    if current.is_none() && !paths.is_empty() {
        tracing::warn!(folder = %folder.display(), "the spool's name is lost; all reports that lie there are taken");
    }
    let mut expected: Option<(SpoolId, u64)> = None;
    for path in paths {
        match Segment::open(&path) {
            Ok((segment, scan)) => {
                let follows = expected.is_none_or(|(id, seq)| id != *segment.id() || seq == scan.first_seq);
                if !follows {
                    tracing::error!(segment = %path.display(), "reports before those in this file are missing");
                }
                found.is_sound &= follows && current.is_none_or(|id| id == segment.id());
                expected = Some((*segment.id(), segment.next_seq));
                take(&mut found, &path, &segment, scan);
                found.segments.push((path, segment));
            }
            Err(error) if is_damage(&error) => {
                set_aside(&path, &error.to_string());
                found.is_sound = false;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn take(found: &mut Found, path: &Path, segment: &Segment, scan: Scan) {
    if scan.damaged {
        tracing::error!(
            segment = %path.display(),
            whole = scan.records.len(),
            "a report in the spool is not whole, though later ones are; the whole ones are taken"
        );
        found.is_sound = false;
        keep_copy(path);
    } else if scan.torn {
        tracing::warn!(segment = %path.display(), "the last report in the spool is torn: it was not sent yet");
    }
    let acked = segment.acked().unwrap_or(0);
    found.acked = found.acked.max(acked);
    found.reports.retain(|(seq, _)| *seq > acked);
    for (seq, payload) in scan.records.into_iter().filter(|(seq, _)| *seq > acked) {
        match Report::decode(&payload) {
            Ok(report) => found.reports.push((seq, report)),
            Err(error) => {
                let text = String::from_utf8_lossy(&payload[..payload.len().min(200)]).into_owned();
                tracing::error!(seq, %error, text, "a report in the spool cannot be read; it is lost");
                found.is_sound = false;
            }
        }
    }
}

/// A changed file, in contrast to one that this user may not read, or a machine out of resources.
fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        || error.raw_os_error() == Some(libc::EIO)
}

/// Out of the way, but not gone: somebody may want to look at it.
fn set_aside(path: &Path, what: &str) {
    let aside = path.with_extension("damaged");
    match fs::rename(path, &aside) {
        Ok(()) => tracing::error!("a file of the spool is unusable ({what}); it is set aside as {}", aside.display()),
        Err(error) => tracing::error!(%error, "a file of the spool is unusable ({what}): {}", path.display()),
    }
}

/// Before the file goes with its spool.
fn keep_copy(path: &Path) {
    let aside = path.with_extension("damaged");
    match fs::hard_link(path, &aside) {
        Ok(()) => tracing::error!("the damaged file is kept as {}", aside.display()),
        Err(error) => tracing::warn!(%error, "the damaged file {} cannot be kept", path.display()),
    }
}

/// The segments of one spool, or of all, oldest first.
fn segment_paths(folder: &Path, id: Option<&SpoolId>) -> io::Result<Vec<PathBuf>> {
    let prefix = id.map(text).unwrap_or_default();
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(&prefix) && name.ends_with(SUFFIX) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}
