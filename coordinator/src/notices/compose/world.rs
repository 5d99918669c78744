//! What concerns no sweep: agents, devices, the disk, sign-ins, the coordinator itself.

use serde_json::json;
use sweep_shared::words::plural;

use super::super::Mood;
use super::super::words::moment;
use super::Said;
use super::sweep::sentence;
use crate::store::notices::NoticeRow;
use crate::store::read::EventRow;
use crate::store::{Store, StoreError};

/// Of what happened several times.
const SHOWN: usize = 10;
const MOST: u32 = 1000;

/// How an occasion is told.
struct Kind {
    /// In the audit log.
    what: &'static str,
    mood: Mood,
    /// One of them, with what the log says of it; and several.
    one: fn(&str) -> String,
    many: fn(usize) -> String,
    /// What follows from it, and what to do.
    then: &'static [&'static str],
    path: &'static str,
}

fn kind(occasion: &str) -> Option<Kind> {
    Some(match occasion {
        "agent_lost" => Kind {
            what: "agent_lost",
            mood: Mood::Trouble,
            one: |who| format!("Agent {} is lost", head(who)),
            many: |n| format!("{} are lost", plural(n, "agent")),
            then: &[
                "It left without a word and was not heard for a whole lease: its machine, its network or its process is down. Its \
                 jobs go on elsewhere from their newest checkpoints, where there is another agent that fits; else they wait for it.",
                "`sweep agents` shows who is there.",
            ],
            path: "/agents",
        },
        "agent_joined" => Kind {
            what: "agent_enrolled",
            mood: Mood::Good,
            one: |who| format!("A new agent has joined: {}", head(who)),
            many: |n| format!("{} have joined", plural(n, "new agent")),
            then: &["If nobody of you did that, take it out with `sweep agents revoke`, and revoke the join token."],
            path: "/agents",
        },
        "device_failed" => Kind {
            what: "device_excluded",
            mood: Mood::Trouble,
            one: |which| format!("A GPU is out of use: {which}"),
            many: |n| format!("{} are out of use", plural(n, "GPU")),
            then: &["It gets no more jobs until it is well. `sweep agents` says more."],
            path: "/agents",
        },
        "disk_low" => Kind {
            what: "disk_low",
            mood: Mood::Trouble,
            one: |_| "The coordinator's disk has little room left".to_owned(),
            many: |_| "The coordinator's disk has little room left".to_owned(),
            then: &[
                "`sweep gc --dry-run` shows what could go. Once the disk is full, nothing is recorded until there is room; what \
                     runs goes on meanwhile.",
            ],
            path: "/",
        },
        "sign_in" => Kind {
            what: "signed_in_new_place",
            mood: Mood::Trouble,
            one: |_| "Somebody signed in from a new place".to_owned(),
            many: |n| format!("{n} sign-ins from new places"),
            then: &[
                "If that was not you: `sweep users password NAME` sets another, and on the page all other sessions can be ended (Account).",
            ],
            path: "/events",
        },
        "restarted" => Kind {
            what: "back_after_crash",
            mood: Mood::Trouble,
            one: |_| "The coordinator is back after it had died".to_owned(),
            many: |_| "The coordinator is back after it had died".to_owned(),
            then: &[
                "Nothing that was acknowledged is lost: agents went on with their jobs, and reconnect. Its log, or the kernel's \
                     (`journalctl -k`), may say why it ended.",
            ],
            path: "/events",
        },
        _ => return None,
    })
}

pub async fn compose(store: &Store, notice: &NoticeRow) -> Result<Said, StoreError> {
    let kind =
        kind(&notice.occasion).ok_or_else(|| StoreError::Refused(format!("{} is no occasion", notice.occasion)))?;
    let events = store.told_events(notice, kind.what, MOST).await?;
    let all = notice.times as usize;
    let title = match events.as_slice() {
        [one] if all == 1 => (kind.one)(&one.detail),
        _ => (kind.many)(all),
    };
    let mut lines: Vec<String> = events.iter().take(SHOWN).map(|event| line(&notice.occasion, event)).collect();
    let left = all.saturating_sub(lines.len());
    if left > 0 {
        lines.push(format!("… and {left} more."));
    }
    lines.extend(kind.then.iter().map(|line| (*line).to_owned()));
    let told: Vec<_> = events
        .iter()
        .take(SHOWN)
        .map(|event| json!({ "at_ms": event.at_ms, "actor": event.actor, "detail": event.detail }))
        .collect();
    Ok(Said {
        mood: kind.mood,
        title,
        lines,
        path: Some(kind.path.to_owned()),
        facts: json!({ "times": all, "events": told }),
        ..Said::default()
    })
}

/// What happened, and when.
fn line(occasion: &str, event: &EventRow) -> String {
    let at = moment(event.at_ms);
    match occasion {
        "sign_in" => format!("{at}: {} signed in {}", event.actor, sentence_end(&event.detail)),
        // It begins with a name.
        "agent_lost" | "agent_joined" | "device_failed" => format!("{at}: {}", sentence_end(&event.detail)),
        _ => format!("{at}: {}", sentence(&event.detail)),
    }
}

fn sentence_end(text: &str) -> String {
    format!("{}.", text.trim_end_matches('.'))
}

/// What stands before the first comma or semicolon: `gpu-1 on host-a`.
fn head(detail: &str) -> &str {
    detail.split([';', ',']).next().unwrap_or_default().trim()
}
