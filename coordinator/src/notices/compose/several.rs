//! Notices that were too many for their address, as one.

use serde_json::json;
use sweep_shared::words::{clip, plural};

use super::super::Mood;
use super::super::words::moment;
use super::Said;
use crate::store::notices::NoticeRow;
use crate::store::{Store, StoreError};

/// Lines that anybody reads.
const SHOWN: u32 = 20;

pub async fn compose(store: &Store, notice: &NoticeRow) -> Result<Said, StoreError> {
    let folded = store.folded_into(notice.id, SHOWN).await?;
    let all = notice.times as usize;
    let mut lines: Vec<String> = folded.iter().map(|(at_ms, title)| format!("{}  {title}", moment(*at_ms))).collect();
    let left = all.saturating_sub(folded.len());
    if left > 0 {
        lines.push(format!("… and {left} more."));
    }
    lines.push("They were held back because so many came at once; `sweep notify list` has them all.".to_owned());
    let first = folded.first().map(|(_, title)| clip(title, 60)).unwrap_or_default();
    let title = match all {
        1 => first,
        _ => format!("{}: {first}, and {} more", plural(all, "notice"), all - 1),
    };
    let told: Vec<&String> = folded.iter().map(|(_, title)| title).collect();
    let facts = json!({ "notices": all, "titles": told });
    Ok(Said { mood: Mood::Trouble, title, lines, path: Some("/".to_owned()), facts, ..Said::default() })
}
