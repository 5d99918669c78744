//! What a browser shows, in a few letters: it says so when it comes (back), and is sent what has become another.

use std::fmt;

use super::{Part, log};

/// A part as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub id: &'static str,
    pub html: String,
    pub mark: String,
}

/// Of the contents: as many letters as it takes to tell a part's versions apart.
const MARK_LETTERS: usize = 10;

impl From<Part> for Rendered {
    fn from(part: Part) -> Self {
        let html = part.html.into_string();
        let mark = mark(&html);
        Self { id: part.id, html, mark }
    }
}

fn mark(html: &str) -> String {
    blake3::hash(html.as_bytes()).to_hex()[..MARK_LETTERS].to_owned()
}

/// The parts' marks in their order, and how far a log is shown: `3f2a…a1.99bc…0e`, `3f2a…a1~2.4096`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    marks: Vec<String>,
    pub log: Option<log::At>,
}

impl State {
    pub fn of(parts: &[Part]) -> Self {
        Self { marks: parts.iter().map(|part| mark(&part.html.0)).collect(), log: None }
    }

    pub fn with_log(self, log: Option<log::At>) -> Self {
        Self { log, ..self }
    }

    /// From a browser. What is none of ours is nothing: it is sent all.
    pub fn read(text: &str) -> Self {
        let (marks, log) = text.split_once('~').unwrap_or((text, ""));
        let marks = marks.split('.').filter(|mark| mark.len() == MARK_LETTERS).map(str::to_owned).collect();
        Self { marks, log: log.parse().ok() }
    }

    /// Takes over what is shown now; answers what of it has to be sent.
    pub fn advance<'a>(&mut self, shown: &'a [Rendered]) -> Vec<&'a Rendered> {
        let same = self.marks.len() == shown.len();
        let new = shown.iter().enumerate().filter(|(at, part)| !same || self.marks[*at] != part.mark);
        let new = new.map(|(_, part)| part).collect();
        self.marks = shown.iter().map(|part| part.mark.clone()).collect();
        new
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.marks.join("."))?;
        match &self.log {
            Some(at) => write!(f, "~{at}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use maud::{PreEscaped, html};

    use super::*;

    fn parts(texts: [&str; 2]) -> Vec<Part> {
        let ids = ["one", "two"];
        ids.into_iter()
            .zip(texts)
            .map(|(id, text)| Part { id, html: html! { p id=(id) { (PreEscaped(text)) } } })
            .collect()
    }

    fn rendered(texts: [&str; 2]) -> Vec<Rendered> {
        parts(texts).into_iter().map(Rendered::from).collect()
    }

    fn sent(state: &mut State, texts: [&str; 2]) -> Vec<&'static str> {
        state.advance(&rendered(texts)).iter().map(|part| part.id).collect()
    }

    #[test]
    fn only_what_has_become_another_is_sent_and_only_once() {
        let mut state = State::read(&State::of(&parts(["a", "b"])).to_string());
        assert_eq!(sent(&mut state, ["a", "b"]), [""; 0]);
        assert_eq!(sent(&mut state, ["a", "c"]), ["two"]);
        assert_eq!(sent(&mut state, ["a", "c"]), [""; 0]);
        let back = &mut State::read(&state.to_string());
        assert_eq!(sent(back, ["b", "c"]), ["one"], "a browser that comes back");
    }

    #[test]
    fn whoever_says_nothing_sensible_is_sent_everything() {
        for text in ["", "x", "....", "3f2a", &"3f2a9b11c0.".repeat(300), "~1.2", "é"] {
            assert_eq!(sent(&mut State::read(text), ["a", "b"]), ["one", "two"], "{text}");
        }
    }

    #[test]
    fn how_far_the_log_is_shown_is_part_of_it() {
        let at = log::At { attempt: 2, offset: 4096 };
        let state = State::of(&parts(["a", "b"])).with_log(Some(at));
        assert!(state.to_string().ends_with("~2.4096"));
        assert_eq!(State::read(&state.to_string()), state);
    }
}
