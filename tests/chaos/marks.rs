//! What commands did outside of the sweep: they write a line with their attempt's name when they begin, and one before they end.
//!
//! Commands run at least once and are recorded exactly once. An attempt that was cut short may have left any of its lines, but no
//! attempt runs twice, the recorded one left all of its own, and after it none began.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::ledger::Attempt;

pub fn check(file: &Path, attempts: &[Attempt]) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    judge(&text, attempts).map_err(|why| format!("{why}; the commands wrote:\n{text}"))
}

fn judge(text: &str, attempts: &[Attempt]) -> Result<(), String> {
    let mut written: BTreeMap<(String, &str), u32> = BTreeMap::new();
    for line in text.lines() {
        let (attempt, what) = line.split_once(' ').ok_or_else(|| format!("{line:?} is no whole line"))?;
        *written.entry((attempt.to_owned(), what)).or_default() += 1;
    }
    if let Some(((attempt, what), times)) = written.iter().find(|(_, times)| **times > 1) {
        return Err(format!("{attempt} {what} {times} times"));
    }
    for attempt in attempts {
        let name = |number| format!("j{}.{number}", attempt.job);
        let is_command = written.keys().any(|(of, _)| of.starts_with(&format!("j{}.", attempt.job)));
        if is_command && attempt.state == "succeeded" && !written.contains_key(&(name(attempt.number), "ended")) {
            return Err(format!("{} is recorded as successful, and never ended", name(attempt.number)));
        }
    }
    let known = |name: &str| attempts.iter().any(|attempt| name == format!("j{}.{}", attempt.job, attempt.number));
    match written.keys().find(|(attempt, _)| !known(attempt)) {
        Some((attempt, _)) => Err(format!("{attempt} ran, but was never granted")),
        None => Ok(()),
    }
}

#[test]
fn a_command_that_ran_twice_under_one_name_or_unasked_is_found() {
    let attempt = |number, state: &str| Attempt { job: 1, number, state: state.to_owned(), resumed_epoch: 0 };
    let two = [attempt(1, "lost"), attempt(2, "succeeded")];
    assert_eq!(judge("j1.1 began\nj1.2 began\nj1.2 ended\n", &two), Ok(()));
    assert_eq!(judge("j1.1 began\nj1.1 ended\nj1.2 began\nj1.2 ended\n", &two), Ok(()));
    assert!(judge("j1.1 began\nj1.1 began\nj1.2 began\nj1.2 ended\n", &two).is_err());
    assert!(judge("j1.1 began\nj1.2 began\n", &two).is_err());
    assert!(judge("j1.2 began\nj1.2 ended\nj1.3 began\n", &two).is_err());
}
