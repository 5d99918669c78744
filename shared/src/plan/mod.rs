//! From a plan's text to its jobs.

mod catalogue;
mod error;
mod expanded;
mod source;

pub use catalogue::Catalogue;
pub use error::{PlanError, PlanErrors};
pub use expanded::*;

use source::{At, Problems, Source};

/// Reads a plan to its jobs: [`parse`], then [`expand`]. `path` is for messages only.
pub fn read(text: &str, path: &str, catalogue: &Catalogue) -> Result<ExpandedPlan, PlanErrors> {
    let _ = catalogue;
    let source = Source { path: path.to_owned(), text: text.to_owned() };
    let problems = Problems::new(&source);
    problems.say(At::START, "", "reading plans is being built");
    Err(problems.finish().expect_err("an error was just added"))
}

/// The files that the plan's command stages need, as it names them: relative to the plan's folder, each once, sorted.
/// They are read (and uploaded) first; [`Catalogue::files`] then holds their hashes. An unreadable plan names none:
/// [`read`] says what is wrong with it.
pub fn files_named(text: &str) -> Vec<String> {
    let _ = text;
    Vec::new()
}
