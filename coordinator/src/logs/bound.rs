//! All logs together are bounded: beyond that the oldest go, of attempts that are over.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sweep_shared::ids::JobId;

/// What is kept of all logs together. A log is 16 MiB at most unless its agent was told otherwise, most are a few KiB.
pub const MOST_BYTES: u64 = 10 << 30;

/// A log as it lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Log {
    path: PathBuf,
    job: JobId,
    /// What it takes of the disk.
    bytes: u64,
    modified: SystemTime,
}

/// Removes the oldest logs until the others take no more than `most`. Those of jobs that `is_live` stay. How many went.
pub fn make_room(folder: &Path, most: u64, is_live: impl Fn(JobId) -> bool) -> usize {
    let mut removed = 0;
    for path in beyond(all(folder), most, is_live) {
        match fs::remove_file(&path) {
            Ok(()) => removed += 1,
            Err(error) => tracing::warn!(log = %path.display(), %error, "an old log cannot be removed"),
        }
        // Fails while there are logs of other attempts.
        let _others = path.parent().map(fs::remove_dir);
    }
    removed
}

/// What has to go.
fn beyond(mut logs: Vec<Log>, most: u64, is_live: impl Fn(JobId) -> bool) -> Vec<PathBuf> {
    let mut bytes: u64 = logs.iter().map(|log| log.bytes).sum();
    logs.sort_by(|a, b| (a.modified, &a.path).cmp(&(b.modified, &b.path)));
    let mut gone = Vec::new();
    for log in logs.into_iter().filter(|log| !is_live(log.job)) {
        if bytes <= most {
            break;
        }
        bytes -= log.bytes;
        gone.push(log.path);
    }
    gone
}

fn all(folder: &Path) -> Vec<Log> {
    let jobs = entries(folder).filter_map(|path| Some((JobId(path.file_name()?.to_str()?.parse().ok()?), path)));
    jobs.flat_map(|(job, path)| entries(&path).filter_map(|path| log(job, path)).collect::<Vec<_>>()).collect()
}

fn log(job: JobId, path: PathBuf) -> Option<Log> {
    use std::os::unix::fs::MetadataExt;
    let meta = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
    Some(Log { path, job, bytes: meta.blocks() * 512, modified: meta.modified().ok()? })
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn log(job: i64, age_s: u64, bytes: u64) -> Log {
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 - age_s);
        Log { path: PathBuf::from(format!("{job}/1.log")), job: JobId(job), bytes, modified }
    }

    #[test]
    fn the_oldest_go_until_the_rest_fits_and_what_runs_keeps_its_own() {
        let logs = || vec![log(1, 100, 40), log(2, 400, 40), log(3, 300, 40), log(4, 200, 40)];
        let gone = |most, live: i64| -> Vec<String> {
            let gone = beyond(logs(), most, |job| job == JobId(live));
            gone.iter().map(|path| path.display().to_string()).collect()
        };
        assert_eq!(gone(160, 0), [] as [&str; 0]);
        assert_eq!(gone(159, 0), ["2/1.log"]);
        assert_eq!(gone(80, 0), ["2/1.log", "3/1.log"]);
        assert_eq!(gone(80, 2), ["3/1.log", "4/1.log"]);
        assert_eq!(gone(0, 2), ["3/1.log", "4/1.log", "1/1.log"]);
    }

    #[test]
    fn logs_are_found_and_their_folders_go_with_the_last() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [("7/1.log", 10_000), ("7/2.log", 10_000), ("8/1.log", 10_000), ("notes", 1)] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![b'x'; bytes]).unwrap();
        }
        assert_eq!(make_room(folder.path(), 1 << 20, |_| false), 0);
        assert_eq!(make_room(folder.path(), 0, |job| job == JobId(8)), 2);
        assert!(!folder.path().join("7").exists() && folder.path().join("8/1.log").exists());
        assert!(folder.path().join("notes").exists(), "only what is a log");
    }
}
