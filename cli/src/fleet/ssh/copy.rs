//! Copying what a host lacks: by the hash of its bytes, several files at once, going on where a cut left off.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{StreamExt as _, TryStreamExt as _};

use super::bundle::Part;
use super::remote::{Input, Remote};
use super::script::{Answer, Script};
use super::trouble::Trouble;

/// Files at once on one host: a shared connection carries ten sessions.
const AT_ONCE: usize = 3;
/// Tries at one file, each from where the last one stopped.
const TRIES: u32 = 3;

/// Copies what is missing of these; `told` hears how many of how many bytes are there.
pub async fn missing(
    remote: &Remote<'_>,
    place: &str,
    parts: &[&Part],
    told: &(dyn Fn(u64, u64) + Send + Sync),
) -> Result<(), Trouble> {
    let wanted = wanted(remote, place, parts).await?;
    let total: u64 = wanted.iter().map(|(part, _)| part.size).sum();
    let done = AtomicU64::new(wanted.iter().map(|(_, have)| have).sum());
    if total > 0 {
        told(done.load(Ordering::Relaxed), total);
    }
    let sent = |bytes: u64| told(done.fetch_add(bytes, Ordering::Relaxed) + bytes, total);
    let sends = wanted.into_iter().map(|(part, have)| send(remote, place, part, have, &sent));
    futures_util::stream::iter(sends).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    Ok(())
}

/// What is not there, and how much of it is.
async fn wanted<'p>(remote: &Remote<'_>, place: &str, parts: &[&'p Part]) -> Result<Vec<(&'p Part, u64)>, Trouble> {
    let list: String = parts.iter().map(|part| part.line(part.size)).collect();
    let script = Script::new(include_str!("scripts/wanted.sh"), place);
    let answer = remote.ask(&script, &list).await?;
    let needs = needs(&answer);
    Ok(parts.iter().filter_map(|part| needs.get(part.hash.as_str()).map(|have| (*part, *have))).collect())
}

fn needs(answer: &Answer) -> HashMap<&str, u64> {
    let need = |line: &'_ str| -> Option<(usize, u64)> {
        let (hash, have) = line.split_once(' ')?;
        Some((hash.len(), have.parse().ok()?))
    };
    answer.all("need").filter_map(|line| need(line).map(|(length, have)| (&line[..length], have))).collect()
}

async fn send(
    remote: &Remote<'_>,
    place: &str,
    part: &Part,
    mut have: u64,
    sent: &(dyn Fn(u64) + Send + Sync),
) -> Result<(), Trouble> {
    for tries_left in (0..TRIES).rev() {
        match once(remote, place, part, have, sent).await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(trouble) if trouble.passing && tries_left > 0 => {}
            Err(trouble) => return Err(trouble),
        }
        have = match wanted(remote, place, &[part]).await?.first() {
            Some((_, have)) => *have,
            None => return Ok(()),
        };
    }
    Err(Trouble::new(format!("{} arrives damaged again and again", part.place))
        .remedy("does another launch copy to the same host? Otherwise look at its disk and its memory"))
}

/// Whether the file is there now, whole.
async fn once(
    remote: &Remote<'_>,
    place: &str,
    part: &Part,
    have: u64,
    sent: &(dyn Fn(u64) + Send + Sync),
) -> Result<bool, Trouble> {
    let script = Script::new(include_str!("scripts/receive.sh"), place)
        .with("hash", &part.hash)
        .with("size", &part.size.to_string())
        .with("offset", &have.to_string());
    let answer = remote.run(&script, Input::File { path: &part.source, offset: have, sent }).await?;
    Ok(answer.get("stored").is_some())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::bundle::short;
    use super::super::script::tests::run;
    use super::*;

    const HASH: &str = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

    fn receive(home: &Path, offset: u64, bytes: &[u8]) -> Answer {
        let script = Script::new(include_str!("scripts/receive.sh"), "~/a b");
        let script = script.with("hash", HASH).with("size", "3").with("offset", &offset.to_string());
        run(&script, home, bytes).0
    }

    fn asked(home: &Path) -> Option<u64> {
        let (answer, _) =
            run(&Script::new(include_str!("scripts/wanted.sh"), "~/a b"), home, format!("{HASH} 3\n").as_bytes());
        needs(&answer).get(HASH).copied()
    }

    #[test]
    fn what_arrived_before_a_cut_is_not_sent_again() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(asked(home.path()), Some(0));
        assert_eq!(receive(home.path(), 0, b"fo").get("short"), Some("2"));
        assert_eq!(asked(home.path()), Some(2));
        assert_eq!(receive(home.path(), 2, b"o").get("stored"), Some(HASH));
        assert_eq!(asked(home.path()), None);
        assert_eq!(std::fs::read(home.path().join("a b/store").join(HASH)).unwrap(), b"foo");
        assert!(HASH.starts_with(&short(b"foo")));
    }

    #[test]
    fn what_arrived_damaged_is_sent_anew() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(asked(home.path()), Some(0));
        assert_eq!(receive(home.path(), 0, b"fax").get("damaged"), Some(HASH));
        assert_eq!(asked(home.path()), Some(0));
        // A file of another length under that name is none.
        std::fs::write(home.path().join("a b/store").join(HASH), "fo").unwrap();
        assert_eq!(asked(home.path()), Some(0));
    }

    #[test]
    fn who_still_writes_for_a_connection_that_was_cut_writes_into_nothing() {
        use std::io::Write as _;
        let home = tempfile::tempdir().unwrap();
        assert_eq!(asked(home.path()), Some(0));
        receive(home.path(), 0, b"f");
        let part = home.path().join("a b/store").join(format!("{HASH}.part"));
        let mut late = std::fs::OpenOptions::new().append(true).open(&part).unwrap();
        assert_eq!(asked(home.path()), Some(1));
        late.write_all(b"xx").unwrap();
        assert_eq!(receive(home.path(), 1, b"oo").get("stored"), Some(HASH));
    }
}
