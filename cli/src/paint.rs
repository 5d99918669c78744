//! Colours, and the one place that decides whether there are any.
//!
//! `--color` goes before the surroundings: NO_COLOR (any text in it) turns colours off, CLICOLOR_FORCE turns them on, and
//! otherwise they are for terminals, except where TERM is `dumb` or CLICOLOR is 0. Standard output and standard error are
//! decided separately, since either may be a pipe. Text is laid out first and painted then, so that no width counts an escape.

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use sweep_shared::states::JobState;

/// When there are colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum When {
    // On terminals that can show them.
    #[default]
    Auto,
    Always,
    Never,
}

/// What the environment says.
#[derive(Debug, Clone, Copy, Default)]
struct Surroundings {
    /// NO_COLOR is set to anything.
    no_color: bool,
    /// CLICOLOR_FORCE is set and not 0.
    force: bool,
    /// CLICOLOR is 0.
    off: bool,
    /// TERM is `dumb`.
    dumb: bool,
}

impl Surroundings {
    fn here() -> Self {
        let value = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            no_color: value("NO_COLOR").is_some(),
            force: value("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            off: value("CLICOLOR").is_some_and(|value| value == "0"),
            dumb: value("TERM").is_some_and(|value| value == "dumb"),
        }
    }

    fn colours(self, when: When, terminal: bool) -> bool {
        match when {
            When::Always => true,
            When::Never => false,
            When::Auto if self.no_color => false,
            When::Auto if self.force => true,
            When::Auto => terminal && !self.dumb && !self.off,
        }
    }
}

static CHOSEN: OnceLock<(Pen, Pen)> = OnceLock::new();

/// Decides, once, for standard output and standard error.
pub fn choose(when: When) {
    let here = Surroundings::here();
    let out = Pen(here.colours(when, std::io::stdout().is_terminal()));
    let err = Pen(here.colours(when, std::io::stderr().is_terminal()));
    // Only the first call of a process counts, and there is only one.
    let _ = CHOSEN.set((out, err));
}

/// For standard output. Without colours until [`choose`] was called.
pub fn out() -> Pen {
    CHOSEN.get().map_or(Pen::PLAIN, |(out, _)| *out)
}

/// For standard error.
pub fn err() -> Pen {
    CHOSEN.get().map_or(Pen::PLAIN, |(_, err)| *err)
}

/// Paints, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pen(bool);

impl Pen {
    pub const PLAIN: Self = Self(false);
    #[cfg(test)]
    pub const COLOURED: Self = Self(true);

    pub fn colours(self) -> bool {
        self.0
    }

    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// Something is wrong.
    pub fn alarm(self, text: &str) -> String {
        self.with("1;31", text)
    }

    /// What to do.
    pub fn advice(self, text: &str) -> String {
        self.with("1;36", text)
    }

    pub fn state(self, state: JobState, text: &str) -> String {
        self.with(code(state), text)
    }

    /// A line about a job: `j3 student: failed (bad_input): …`; the word behind the name is painted where it is a state.
    pub fn told(self, line: &str) -> String {
        let begins = |state: &&JobState| line.contains(&format!(": {state}"));
        let first = |state: &&JobState| line.find(&format!(": {state}")).unwrap_or(usize::MAX);
        match JobState::ALL.iter().filter(begins).min_by_key(first).filter(|_| self.0) {
            Some(state) => line.replacen(state.as_str(), &self.state(*state, state.as_str()), 1),
            None => line.to_owned(),
        }
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A table that is laid out already: its header bold, the line under it dim, and cells that are states in their colours.
    pub fn table(self, text: &str) -> String {
        if !self.0 {
            return text.to_owned();
        }
        let lines = text.lines().enumerate().map(|(at, line)| match at {
            0 => self.bold(line),
            _ if line.trim_matches('─').is_empty() => self.dim(line),
            _ => self.cells(line),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Cells have two spaces between them.
    fn cells(self, line: &str) -> String {
        let paint = |cell: &str| {
            let word = cell.trim();
            // A sweep that ended so is told in words: `finished with failures`.
            let state = match word {
                "finished" => Some(JobState::Succeeded),
                "finished with failures" => Some(JobState::Failed),
                "active" => Some(JobState::Running),
                _ => word.parse().ok(),
            };
            state.map_or_else(|| cell.to_owned(), |state| cell.replace(word, &self.state(state, word)))
        };
        line.split("  ").map(paint).collect::<Vec<_>>().join("  ")
    }
}

fn code(state: JobState) -> &'static str {
    match state {
        JobState::Succeeded => "32",
        JobState::Failed => "31",
        JobState::Running => "36",
        JobState::Paused | JobState::Stopped => "33",
        JobState::Cancelled | JobState::Skipped => "35",
        JobState::Blocked | JobState::Ready => "2",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_goes_before_the_variables_before_the_terminal() {
        let usual = Surroundings::default();
        let told = |here: Surroundings, when, terminal| here.colours(when, terminal);
        assert!(told(usual, When::Auto, true) && !told(usual, When::Auto, false));
        assert!(told(usual, When::Always, false) && !told(usual, When::Never, true));
        let no = Surroundings { no_color: true, force: true, ..usual };
        assert!(!told(no, When::Auto, true) && told(no, When::Always, false));
        let forced = Surroundings { force: true, dumb: true, ..usual };
        assert!(told(forced, When::Auto, false) && !told(forced, When::Never, true));
        for plain in [Surroundings { dumb: true, ..usual }, Surroundings { off: true, ..usual }] {
            assert!(!told(plain, When::Auto, true));
        }
    }

    #[test]
    fn the_state_in_a_line_is_painted() {
        let line = "[    1.0s] j3 student: failed (bad_input): it failed";
        assert_eq!(Pen::COLOURED.told(line), line.replacen("failed", "\x1b[31mfailed\x1b[0m", 1));
        assert_eq!(Pen::PLAIN.told(line), line);
        assert_eq!(Pen::COLOURED.told("s1 study: 3 jobs"), "s1 study: 3 jobs");
    }

    #[test]
    fn tables_are_painted_without_changing_a_letter() {
        let table = " job  name      state   \n────────────────────────\n j1   failed=no  failed  \n s2   study      finished with failures";
        let painted = Pen::COLOURED.table(table);
        assert!(painted.contains("\x1b[31mfailed\x1b[0m  \n") && !painted.contains("mfailed=no"), "{painted:?}");
        assert!(painted.contains("\x1b[31mfinished with failures\x1b[0m"), "{painted:?}");
        let mut plain = painted.clone();
        for code in ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m"] {
            plain = plain.replace(code, "");
        }
        assert_eq!(plain, table);
        assert_eq!(Pen::PLAIN.table(table), table);
    }
}
