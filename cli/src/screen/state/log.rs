//! The end of a job's log, as a terminal would show it. Pure.

use std::iter::Peekable;
use std::str::Chars;

use sweep_shared::ids::JobId;

/// Lines that are kept.
const LOG_LINES: usize = 2_000;

/// The end of a job's log.
#[derive(Debug, Default)]
pub struct Log {
    pub job: Option<JobId>,
    pub lines: Vec<String>,
    /// Lines from the end that are scrolled up.
    pub scrolled: usize,
    rest: String,
}

impl Log {
    pub fn add(&mut self, job: JobId, begins: bool, text: &str) {
        if self.job != Some(job) || begins {
            *self = Self { job: Some(job), ..Self::default() };
        }
        self.rest += text;
        while let Some(end) = self.rest.find('\n') {
            let line: String = self.rest.drain(..=end).collect();
            self.push(plain(&line));
        }
        // A progress bar that never ends its line.
        if self.rest.len() > 4_096 {
            let line = std::mem::take(&mut self.rest);
            self.push(plain(&line));
        }
    }

    fn push(&mut self, line: String) {
        self.lines.push(line);
        if self.scrolled > 0 {
            self.scrolled += 1;
        }
        if self.lines.len() > LOG_LINES {
            self.lines.drain(..LOG_LINES / 4);
            self.scrolled = self.scrolled.min(self.lines.len());
        }
    }
}

/// What a terminal would show of the line: without escapes and other control characters, after the last return.
fn plain(line: &str) -> String {
    let line = line.trim_end_matches(['\n', '\r']);
    let line = line.rsplit('\r').next().unwrap_or_default();
    let mut text = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => skip_escape(&mut chars),
            '\t' => text.push_str("    "),
            c if c.is_control() => {}
            c => text.push(c),
        }
    }
    text
}

fn skip_escape(chars: &mut Peekable<Chars<'_>>) {
    match chars.next() {
        // CSI: until a letter or the like.
        Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
        // OSC: until BEL or ST.
        Some(']') => {
            while let Some(c) = chars.next() {
                if c == '\x07' {
                    return;
                }
                if c == '\x1b' {
                    chars.next();
                    return;
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_shows_no_escapes_and_a_bar_only_its_end() {
        let mut log = Log::default();
        log.add(JobId(2), true, "\x1b[31mred\x1b[0m \x1b]0;title\x07text\n10 %\r20 %\r30 %\ttab\x08\nhalf");
        assert_eq!(log.lines, ["red text", "30 %    tab"]);
        log.add(JobId(2), false, " a line\n");
        assert_eq!(log.lines[2], "half a line");
        log.add(JobId(2), true, "anew\n");
        assert_eq!(log.lines, ["anew"], "another attempt begins");
        log.scrolled = 1;
        log.add(JobId(2), false, "more\n");
        assert_eq!(log.scrolled, 2, "what is read does not move");
        for _ in 0..3 * LOG_LINES {
            log.add(JobId(2), false, "x\n");
        }
        assert!(log.lines.len() <= LOG_LINES && log.scrolled <= log.lines.len());
    }
}
