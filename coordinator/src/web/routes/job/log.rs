//! The end of what its runner wrote, and (`/jobs/{job}/log`) all of it.

use std::fs::File;

use maud::html;
use sweep_shared::ids::JobId;

use super::files::send;
use crate::api::Api;
use crate::store::read;
use crate::web::Web;
use crate::web::call::{Answer, Call};
use crate::web::lists::thousands;
use crate::web::live::{LogAt, Part};
use crate::web::query::Query;
use crate::web::routes::sweep::not_found;
use crate::web::trouble::Trouble;

/// What a page shows of it.
const TAIL: u64 = 24 << 10;

/// And how far it goes, where it may grow.
pub async fn part(api: &Api, job: JobId, query: &Query<'_>) -> Result<(Part, Option<LogAt>), Trouble> {
    let (of, newest, _) = read::newest_attempt(&api.store, job).await.map_err(not_found)?;
    let attempt = query.get("attempt").parse().ok().filter(|attempt| (1..=newest).contains(attempt)).unwrap_or(newest);
    let logs = api.logs.clone();
    let read = tokio::task::spawn_blocking(move || {
        let length = logs.length(of, attempt);
        let from = length.saturating_sub(TAIL);
        // It may have grown meanwhile: what is read goes where the page's log ends.
        logs.read(of, attempt, from).map(|bytes| (from + bytes.len() as u64, bytes))
    });
    let (length, bytes) = read.await.map_err(|_| Trouble::Internal)?.unwrap_or_default();
    let text = readable(&bytes, length > TAIL);
    let follows = attempt == newest;
    let html = html! {
        section.card #log aria-labelledby="log-head" {
            h2 #log-head { "Log" @if newest > 1 { " of attempt " (attempt) } }
            @if newest > 1 {
                p.hint { "Attempts: " @for number in (1..=newest).rev().take(12) {
                    @if number == attempt { strong { (number) } } @else { a href=(format!("{}#log", query.with(&[("attempt", &number.to_string())]))) { (number) } } " "
                } }
            }
            @if length == 0 { p.hint { "Nothing is written yet." } }
            pre.log tabindex="0" role="region" aria-label="The end of the log" data-log[follows] { (text) }
            @if length > 0 {
                p.hint {
                    @if length > TAIL { "The last " (thousands(TAIL / 1024)) " KiB of " (thousands(length.div_ceil(1024))) ". " }
                    a href=(format!("/jobs/{job}/log?attempt={attempt}")) { "Download the whole log" }
                }
            }
        }
    };
    let at = follows.then_some(LogAt { attempt, offset: length });
    Ok((Part { id: "log", html }, at))
}

pub async fn show(web: Web, call: Call) -> Answer {
    let job = JobId(call.number("job")?);
    let (of, newest, _) = read::newest_attempt(&web.0.store, job).await.map_err(not_found)?;
    let attempt = call.fields.get("attempt").parse().ok().filter(|attempt| *attempt > 0).unwrap_or(newest);
    let path = web.0.api.home.log(of, attempt);
    let opened = tokio::task::spawn_blocking(move || File::open(path)).await.map_err(|_| Trouble::Internal)?;
    let file = opened.map_err(|_| Trouble::NotFound)?;
    // It may grow while it is sent, so that its length is not told.
    Ok(send(file, None, &format!("{job}-attempt{attempt}.log"), "text/plain; charset=utf-8"))
}

/// What a program wrote for a terminal, as plain lines: without colours, and of a line that was written over and over (a progress bar)
/// what stood there last. `cut`: the first line is not whole.
pub fn readable(bytes: &[u8], cut: bool) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = if cut { text.split_once('\n').map_or(&*text, |(_, rest)| rest) } else { &*text };
    let mut plain = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        let line = line.trim_end_matches('\r');
        let last = line.rsplit('\r').next().unwrap_or(line);
        without_escapes(last, &mut plain);
        plain.push_str(end);
    }
    plain
}

fn without_escapes(line: &str, plain: &mut String) {
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' if letters.next_if_eq(&'[').is_some() => {
                // Up to the letter that ends the sequence.
                while letters.next().is_some_and(|letter| !('@'..='~').contains(&letter)) {}
            }
            '\t' => plain.push('\t'),
            letter if letter.is_control() => {}
            letter => plain.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_for_a_terminal_is_plain() {
        assert_eq!(
            readable(b"\x1b[1;31merror\x1b[0m: no\r\n10%\r20%\r100%\nnext\ttab\x07", false),
            "error: no\n100%\nnext\ttab"
        );
        assert_eq!(readable(b"half of a line\nwhole\n", true), "whole\n");
        assert_eq!(readable("a\u{fffd}b".as_bytes(), false), "a\u{fffd}b");
        assert_eq!(readable(b"\xff\xfe ok", false), "\u{fffd}\u{fffd} ok");
        assert_eq!(readable(b"ends in an escape \x1b[31", false), "ends in an escape ");
    }
}
