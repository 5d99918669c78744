//! The plan's text, and places in it.

use super::error::PlanError;

/// A place in the plan: where a value or a field's name begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct At {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// Characters; 1 for lists and maps.
    pub width: u32,
    /// Byte offset and length of a scalar in the text, for values whose spelling matters.
    pub bytes: (u32, u32),
}

impl At {
    /// Of what is wrong with the plan as a whole.
    pub const START: Self = Self { line: 1, column: 1, width: 1, bytes: (0, 0) };
}

/// What is read, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Plan,
    /// A file that lists hosts ([`crate::hosts`]).
    Hosts,
}

/// The text and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub sort: Sort,
    pub path: String,
    pub text: String,
    /// Byte offsets at which lines begin.
    starts: Vec<usize>,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        Self::of(Sort::Plan, path, text)
    }

    pub fn of(sort: Sort, path: &str, text: &str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Self { sort, path: path.to_owned(), text: text.to_owned(), starts }
    }

    /// The line of that number, from 1; empty behind the end.
    pub fn line(&self, number: u32) -> &str {
        let index = number.saturating_sub(1) as usize;
        let Some(&start) = self.starts.get(index) else { return "" };
        let end = self.starts.get(index + 1).map_or(self.text.len(), |next| next - 1);
        self.text[start..end].trim_end_matches('\r')
    }

    /// The characters of a scalar as the author wrote them: `1e-3`, not 0.001.
    pub fn spelling(&self, at: At) -> Option<&str> {
        let (start, length) = (at.bytes.0 as usize, at.bytes.1 as usize);
        self.text.get(start..start + length).map(str::trim).filter(|text| !text.is_empty())
    }
}

/// Collects what is wrong while reading goes on, so that one run tells of several mistakes.
pub(crate) struct Problems<'a> {
    pub source: &'a Source,
    errors: std::cell::RefCell<Vec<PlanError>>,
    warnings: std::cell::RefCell<Vec<PlanError>>,
}

impl<'a> Problems<'a> {
    pub fn new(source: &'a Source) -> Self {
        Self { source, errors: Default::default(), warnings: Default::default() }
    }

    /// Adds an error, unless the same was said of the same place: a stage is read once for each of its choices.
    pub fn add(&self, error: PlanError) {
        push_new(&mut self.errors.borrow_mut(), error);
    }

    pub fn warn(&self, warning: PlanError) {
        push_new(&mut self.warnings.borrow_mut(), warning);
    }

    /// An error without suggestion or help.
    pub fn say(&self, at: At, field: &str, message: impl Into<String>) {
        self.add(PlanError::new(self.source, at, field, message));
    }

    /// No more will be noted: reading on is of no use.
    pub fn is_full(&self) -> bool {
        self.errors.borrow().len() >= MAX_ERRORS
    }

    pub fn is_empty(&self) -> bool {
        self.errors.borrow().is_empty()
    }

    /// The warnings, or the errors if there are any, in the order of the text.
    pub fn finish(self) -> Result<Vec<PlanError>, super::PlanErrors> {
        let mut errors = self.errors.into_inner();
        errors.sort_by_key(|e| (e.line, e.column));
        if errors.is_empty() { Ok(self.warnings.into_inner()) } else { Err(super::PlanErrors { errors }) }
    }
}

/// As many as anybody reads.
const MAX_ERRORS: usize = 100;

fn push_new(list: &mut Vec<PlanError>, error: PlanError) {
    if list.len() < MAX_ERRORS
        && !list.iter().any(|e| e.line == error.line && e.column == error.column && e.message == error.message)
    {
        list.push(error);
    }
}
