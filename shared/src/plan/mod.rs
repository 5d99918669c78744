//! From a plan's text to its jobs.
//!
//! Reading goes in steps. `yaml` turns the text into a `tree` of values that know their places, within bounds that no alias
//! bomb passes. `document` reads that tree through typed `fields`: the data, the defaults, `measure`, and each `stage` once for
//! every combination of its `matrix`, so that its kind (`kinds`, `fit`) is checked with each value in its place; `order` then
//! sees that inputs exist and lead in no circle, `frozen` that the patterns of `freeze` name something. Whatever is wrong is noted and reading goes on, so that one run tells of
//! all mistakes. [`expand`] makes the jobs of a plan that was read: inputs paired by seed, `selector`s resolved, equal keys
//! folded into one job. Nothing here does I/O: the caller brings the text and a [`Catalogue`] of what exists outside it.

mod catalogue;
mod data;
mod document;
pub(crate) mod error;
mod expand;
mod expanded;
pub(crate) mod fields;
mod fit;
mod frozen;
mod kinds;
mod matrix;
mod measure;
mod notify;
mod order;
mod places;
mod policy;
mod selector;
pub(crate) mod source;
mod stage;
pub(crate) mod suggest;
pub(crate) mod tree;
pub(crate) mod yaml;

pub use catalogue::{Catalogue, Networks, Published};
pub use document::{Plan, parse};
pub use error::{PlanError, PlanErrors};
pub use expand::expand;
pub use expanded::*;
pub use kinds::is_inside;
pub use policy::{Budget, Policy};
pub use suggest::{listed, nearest};

/// Reads a plan to its jobs: [`parse`], then [`expand`]. `path` is for messages, and its stem names a plan without `name`.
pub fn read(text: &str, path: &str, catalogue: &Catalogue) -> Result<ExpandedPlan, PlanErrors> {
    expand(&parse(text, path, catalogue)?)
}

/// The files that the plan's stages need, as it names them: relative to the plan's folder, each once, sorted.
/// They are read (and uploaded) first; [`Catalogue::files`] then holds their hashes. An unreadable plan names none:
/// [`read`] says what is wrong with it.
pub fn files_named(text: &str) -> Vec<String> {
    let source = source::Source::new("", text);
    yaml::tree(&source).map(|root| kinds::files_of(&root)).unwrap_or_default()
}
