//! Discord's web hooks. Limits: <https://discord.com/developers/docs/resources/message#embed-object-embed-limits>.

use std::time::Duration;

use serde_json::json;

use crate::notices::channels::SendError;
use crate::notices::channels::clean::cut;
use crate::notices::channels::failure::after;
use crate::notices::channels::http::{Answer, Target};
use crate::notices::channels::mail::aligned;
use crate::notices::{Message, Mood};

const TITLE: usize = 256;
const DESCRIPTION: usize = 4096;
/// Of the description, for a table.
const TABLE: usize = 1800;

pub fn body(message: &Message) -> String {
    let colour = match message.mood {
        Mood::Good => 0x1d_6b_3a,
        Mood::Trouble => 0xb3_26_1e,
    };
    let table = message.table.as_ref().map(|table| code(&aligned(table))).unwrap_or_default();
    let lines: Vec<String> = message.lines.iter().map(|line| escaped(line)).collect();
    let room = DESCRIPTION - length(&table) - 1;
    let text = fit(&lines.join("\n"), room);
    let description = if text.is_empty() || table.is_empty() { text + &table } else { format!("{text}\n{table}") };
    let happened = jiff::Timestamp::from_millisecond(message.at_ms).unwrap_or_default();
    let embed = json!({
        "title": fit(&escaped(&message.title), TITLE),
        "description": description,
        "url": message.link,
        "color": colour,
        "timestamp": happened.to_string(),
        "footer": { "text": cut(&format!("sweep, notice {}", message.id), 200) },
    });
    // Nobody is called by what a sweep happens to be named.
    json!({ "embeds": [embed], "allowed_mentions": { "parse": [] } }).to_string()
}

/// They say how long to wait in their own words, too, and more exactly.
pub fn refusal(answer: &Answer, target: &Target<'_>) -> SendError {
    let pause = answer.json().and_then(|said| said.get("retry_after")?.as_f64());
    match pause {
        Some(seconds) if answer.status.as_u16() == 429 && (0.0..1e6).contains(&seconds) => {
            let told = format!("{} answered {}", target.name, answer.words(target));
            after(told, Some(Duration::from_secs_f64(seconds)))
        }
        _ => answer.refusal(target),
    }
}

/// What their Markdown would take for a mark.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(
            character,
            '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '#' | '[' | ']' | '(' | ')' | '<' | '@' | '-' | ':'
        ) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// As their JavaScript counts.
fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

fn fit(text: &str, most: usize) -> String {
    let mut kept = text.to_owned();
    while length(&kept) > most {
        kept = cut(&kept, kept.chars().count() - 1 - (length(&kept) - most) / 2);
    }
    // A lone escape would swallow what stands behind it.
    match kept.strip_suffix('…') {
        Some(start) if kept != text && (start.len() - start.trim_end_matches('\\').len()) % 2 == 1 => {
            format!("{}…", &start[..start.len() - 1])
        }
        _ => kept,
    }
}

fn code(text: &str) -> String {
    let mut kept = String::new();
    for line in text.lines() {
        let line = line.replace('`', "'");
        if length(&kept) + length(&line) + 8 > TABLE {
            break;
        }
        kept.push_str(&line);
        kept.push('\n');
    }
    format!("```\n{kept}```")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notices::Table;

    #[test]
    fn limits_are_kept_and_nobody_is_called() {
        for letter in ["@everyone *x* ", "👍", "\\"] {
            let row = vec![letter.to_owned(); 3];
            let message = Message {
                title: letter.repeat(100),
                lines: vec![letter.repeat(1000); 3],
                table: Some(Table { head: row.clone(), rows: vec![row; 200] }),
                ..Message::default()
            };
            let sent: serde_json::Value = serde_json::from_str(&body(&message)).unwrap();
            let embed = &sent["embeds"][0];
            let long = |key: &str| length(embed[key].as_str().unwrap());
            assert!(long("title") <= TITLE && long("title") >= 200, "{}", long("title"));
            assert!(long("description") <= DESCRIPTION && long("description") > 3800, "{}", long("description"));
            assert!(long("title") + long("description") + 200 <= 6000, "of a whole embed");
            assert_eq!(sent["allowed_mentions"]["parse"], serde_json::json!([]));
        }
    }

    #[test]
    fn marks_are_shown_as_they_were_written() {
        assert_eq!(escaped("s0.50_kd *best*"), "s0.50\\_kd \\*best\\*");
    }
}
