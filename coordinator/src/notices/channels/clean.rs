//! Texts come from plans, from other machines and from other people's servers; here they lose what could be more than text.

use crate::notices::{Message, Table};

/// Of a title: mail folds its lines at spaces only, and takes no line of more than 998 bytes.
const TITLE: usize = 200;
/// Of an id.
const TOKEN: usize = 64;
/// Of what a server answers; what is behind it is seldom for people.
const WORDS: usize = 300;

/// One line, with nothing in it that controls a terminal, a header, or the direction of what stands around it.
pub fn line(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_whitespace() || character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
            if !clean.is_empty() && !clean.ends_with(' ') {
                clean.push(' ');
            }
        } else if !is_invisible(character) {
            clean.push(character);
        }
    }
    clean.truncate(clean.trim_end().len());
    clean
}

/// Marks that turn the writing's direction, and what is there without being seen.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The message as channels may show it.
pub fn message(message: &Message) -> Message {
    let row = |row: &Vec<String>| row.iter().map(|cell| line(cell)).collect();
    let table = |table: &Table| Table { head: row(&table.head), rows: table.rows.iter().map(row).collect() };
    Message {
        id: token(&message.id),
        at_ms: message.at_ms,
        mood: message.mood,
        event: token(&message.event),
        title: cut(&line(&message.title), TITLE),
        lines: message.lines.iter().map(|text| line(text)).filter(|text| !text.is_empty()).collect(),
        table: message.table.as_ref().map(table).filter(|table| !table.rows.is_empty()),
        link: message.link.as_deref().and_then(link),
        plot: message.plot.clone(),
        facts: message.facts.clone(),
    }
}

/// For places where only one plain word may stand.
fn token(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(TOKEN).collect()
}

/// Only what a browser would open as a page; written so that it can stand in any quotes and brackets.
fn link(text: &str) -> Option<String> {
    let url = reqwest::Url::parse(text.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some(String::from(url).replace('|', "%7C").replace('\'', "%27").replace(')', "%29").replace('(', "%28"))
}

/// What a server said, short enough to be kept, and without the secret that it may have repeated.
pub fn words(said: &str, secrets: &[&str]) -> String {
    let mut said = line(said);
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        said = said.replace(secret, "…");
    }
    cut(&said, WORDS)
}

/// At most so many characters, with a sign where some are missing.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cannot_become_two_nor_turn_around() {
        assert_eq!(line("kd\r\nBcc: all@example.org"), "kd Bcc: all@example.org");
        assert_eq!(line("\u{1b}[2J a\u{2028}b\0c\u{85}d"), "[2J a b c d");
        assert_eq!(line("safe\u{202e}fdp.exe"), "safefdp.exe");
        assert_eq!(line("  名前 – ñ 👍 "), "名前 – ñ 👍");
    }

    #[test]
    fn links_lead_to_pages_only_and_end_where_they_seem_to() {
        let linked = |link: &str| message(&Message { link: Some(link.to_owned()), ..Message::default() }).link;
        assert_eq!(linked("https://desk:7433/sweeps/s3").as_deref(), Some("https://desk:7433/sweeps/s3"));
        assert_eq!(linked("javascript:alert(1)"), None);
        assert_eq!(linked("https://desk/a|b>\"c d)").as_deref(), Some("https://desk/a%7Cb%3E%22c%20d%29"));
    }

    #[test]
    fn what_a_server_says_is_kept_short_and_without_our_secret() {
        assert_eq!(words("bad token tk_123\r\n\r\n<html>", &["tk_123", ""]), "bad token … <html>");
        assert_eq!(words(&"x".repeat(1000), &[]).chars().count(), WORDS);
    }
}
