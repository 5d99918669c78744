//! What is wrong with a plan, said so that its author can mend it: where, which field, what is allowed, what was meant.

use std::fmt;

use serde::Serialize;

use super::source::{At, Source};

/// One thing that is wrong (or, as a warning, odd) in a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanError {
    /// The plan's path, as given.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// Dotted: `stages.teacher.train.epochs`. Empty where the text is not even YAML.
    pub field: String,
    pub message: String,
    /// The nearest valid word.
    pub suggestion: Option<String>,
    /// What may stand here, or what to do.
    pub help: Vec<String>,
    /// The plan's line, or of a long one the part around the place.
    pub excerpt: String,
    /// Goes under the excerpt: spaces, then `^` under what is meant.
    pub caret: String,
}

impl PlanError {
    pub(crate) fn new(source: &Source, at: At, field: impl Into<String>, message: impl Into<String>) -> Self {
        let (excerpt, caret) = excerpt(source.line(at.line), at.column as usize, at.width as usize, COLUMNS - 8);
        Self {
            file: source.path.clone(),
            line: at.line,
            column: at.column,
            field: field.into(),
            message: message.into(),
            suggestion: None,
            help: Vec::new(),
            excerpt,
            caret,
        }
    }

    pub(crate) fn suggest(mut self, word: Option<&str>) -> Self {
        self.suggestion = word.map(str::to_owned);
        self
    }

    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }
}

/// Columns that a message may take.
const COLUMNS: usize = 80;

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:{}:{}: {}", self.file, self.line, self.column, printable(&self.message))?;
        writeln!(f, "{:>5} | {}", self.line, self.excerpt)?;
        write!(f, "      | {}", self.caret)?;
        if !self.field.is_empty() {
            write!(f, "\n      = field: {}", printable(&self.field))?;
        }
        if let Some(word) = &self.suggestion {
            write!(f, "\n      = did you mean `{word}`?")?;
        }
        for help in &self.help {
            write!(f, "\n      = {}", wrapped(&printable(help), COLUMNS - 8).join("\n        "))?;
        }
        Ok(())
    }
}

/// Everything found wrong in one reading of a plan, in the order of the text. Never empty.
#[derive(Debug, Clone, PartialEq, Serialize, thiserror::Error)]
pub struct PlanErrors {
    pub errors: Vec<PlanError>,
}

impl From<PlanError> for PlanErrors {
    fn from(error: PlanError) -> Self {
        Self { errors: vec![error] }
    }
}

/// More than these are counted, not shown.
const SHOWN: usize = 20;

impl fmt::Display for PlanErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().take(SHOWN).enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{error}")?;
        }
        match self.errors.len() {
            0 | 1 => Ok(()),
            n if n > SHOWN => write!(f, "\n\n{n} errors, of which the first {SHOWN} are shown"),
            n => write!(f, "\n\n{n} errors"),
        }
    }
}

/// The part of a long line around the place that is meant, and a line of carets under it.
fn excerpt(line: &str, column: usize, width: usize, room: usize) -> (String, String) {
    let shown: Vec<char> = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let at = column.saturating_sub(1).min(shown.len());
    // Where the line is too long, two thirds of the room are given to what stands before the place.
    let start = if shown.len() <= room { 0 } else { at.saturating_sub(room * 2 / 3).min(shown.len() - room) };
    let end = shown.len().min(start + room);
    let carets = width.max(1).min((end - at).max(1));
    let text: String = shown[start..end].iter().collect();
    (text.trim_end().to_owned(), format!("{}{}", " ".repeat(at - start), "^".repeat(carets)))
}

/// Control characters, which a terminal might obey, become spaces.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Breaks at spaces so that no line is longer than `room` where words allow.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_around_the_place_that_is_meant() {
        let line = format!("{}WRONG{}", "a".repeat(200), "b".repeat(200));
        let (text, caret) = excerpt(&line, 201, 5, 60);
        assert!(text.chars().count() <= 60);
        let start = caret.find('^').unwrap();
        assert_eq!(&text[start..start + caret.trim().len()], "WRONG");
    }

    #[test]
    fn the_caret_may_stand_just_behind_the_line() {
        assert_eq!(excerpt("abc", 4, 1, 60), ("abc".to_owned(), "   ^".to_owned()));
        assert_eq!(excerpt("", 9, 3, 60), (String::new(), "^".to_owned()));
    }

    #[test]
    fn words_are_kept_whole() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
    }
}
