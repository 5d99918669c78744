//! Slack's incoming web hooks, and those that take the same (Mattermost, Rocket.Chat).
//! Limits: <https://docs.slack.dev/reference/block-kit/blocks>.

use serde_json::{Value, json};

use crate::notices::channels::clean::cut;
use crate::notices::channels::mail::aligned;
use crate::notices::{Message, Mood};

const HEADER: usize = 150;
const SECTION: usize = 3000;

pub fn body(message: &Message) -> String {
    let sign = match message.mood {
        Mood::Good => "✅",
        Mood::Trouble => "⚠️",
    };
    let title = format!("{sign} {}", message.title);
    let mut blocks = vec![json!({ "type": "header", "text": plain(&title, HEADER) })];
    if !message.lines.is_empty() {
        blocks.push(json!({ "type": "section", "text": plain(&message.lines.join("\n"), SECTION) }));
    }
    if let Some(table) = &message.table {
        blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": code(&aligned(table)) } }));
    }
    if let Some(link) = &message.link {
        let text = format!("<{}|Open the page>", escaped(link));
        if text.chars().count() <= SECTION {
            blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } }));
        }
    }
    // What notifications on a phone show, and programs without blocks.
    let short =
        [title.as_str()].into_iter().chain(message.lines.first().map(String::as_str)).collect::<Vec<_>>().join("\n");
    json!({ "text": escaped(&short), "blocks": blocks, "unfurl_links": false, "unfurl_media": false }).to_string()
}

/// Text in which nothing is a mark, a link, or a call for somebody's attention.
fn plain(text: &str, most: usize) -> Value {
    json!({ "type": "plain_text", "text": cut(text, most), "emoji": false })
}

/// In equal widths, as many whole lines as there is room for.
fn code(text: &str) -> String {
    let mut kept = String::new();
    for line in text.lines() {
        let line = escaped(&line.replace('`', "'"));
        if kept.len() + line.len() + 8 > SECTION {
            break;
        }
        kept.push_str(&line);
        kept.push('\n');
    }
    format!("```\n{kept}```")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notices::Table;

    #[test]
    fn limits_are_kept_and_nobody_is_called() {
        let row = vec!["`<!channel>`".to_owned(); 4];
        let message = Message {
            title: "<!channel> & ".repeat(40),
            lines: vec!["<!here> *bold*".repeat(400)],
            table: Some(Table { head: row.clone(), rows: vec![row; 300] }),
            link: Some("https://desk/?a=1&b=2".to_owned()),
            ..Message::default()
        };
        let sent: Value = serde_json::from_str(&body(&message)).unwrap();
        let blocks = sent["blocks"].as_array().unwrap();
        assert_eq!(blocks.len(), 4);
        for block in blocks {
            let (kind, text) = (block["text"]["type"].as_str().unwrap(), block["text"]["text"].as_str().unwrap());
            let most = if block["type"] == "header" { HEADER } else { SECTION };
            assert!(text.chars().count() <= most, "{}", text.chars().count());
            // In plain text nothing means anything.
            assert!(kind == "plain_text" || !text.contains("<!"), "{text}");
        }
        assert!(!sent["text"].as_str().unwrap().contains('<'));
        assert!(blocks[2]["text"]["text"].as_str().unwrap().ends_with("\n```"));
        assert_eq!(blocks[3]["text"]["text"], "<https://desk/?a=1&amp;b=2|Open the page>");
    }
}
