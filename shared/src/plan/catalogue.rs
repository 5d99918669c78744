//! What a plan may refer to that this crate cannot know.

use std::collections::BTreeMap;

use crate::ids::ContentHash;

/// The names that a plan is checked against. The caller fills it from the zoo and from the files beside the plan.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// Names of the zoo's networks.
    pub models: Vec<String>,
    /// Whether the network of that name can be built for square images of that many pixels; if not, why, in words.
    pub fits: fn(model: &str, size: u32) -> Result<(), String>,
    /// Hashes of the files that command stages name (see [`super::files_named`]), by name as the plan writes it. A name
    /// that is missing here is reported as a file that is not there.
    pub files: BTreeMap<String, ContentHash>,
}
