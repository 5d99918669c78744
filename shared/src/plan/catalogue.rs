//! What a plan may refer to that this crate cannot know.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::ContentHash;
use crate::spec::{ModelSpec, PublishedFile};

/// The names that a plan is checked against. The caller fills it from the zoo and from the files beside the plan.
#[derive(Clone)]
pub struct Catalogue {
    /// Names of the zoo's networks.
    pub models: Vec<String>,
    pub networks: Arc<dyn Networks>,
    /// Hashes of the files that the plan names (see [`super::files_named`]), by name as the plan writes it. A name
    /// that is missing here is reported as a file that is not there.
    pub files: BTreeMap<String, ContentHash>,
}

/// What can be known of networks before anything runs.
pub trait Networks: Send + Sync {
    /// Names of the parameters that the network trains on square images of `size` pixels; `None` where that is known only
    /// when the job runs. Fails, in words, where it cannot be built.
    fn parameters(&self, model: &ModelSpec, size: u32) -> Result<Option<Vec<String>>, String>;

    /// The weights that were published for a network of the zoo.
    fn published(&self, name: &str) -> Option<Published>;
}

/// Published weights of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub file: PublishedFile,
    /// See [`ModelSpec::transform_input`].
    pub transform_input: bool,
}
