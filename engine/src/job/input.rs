//! The points of earlier jobs that this one reads.

use std::path::{Path, PathBuf};

use sweep_model::Model;
use sweep_model::model::ModelError;
use sweep_shared::spec::{Assignment, Role};

use crate::error::{Error, Result};

/// The folder of the first input with this role.
pub fn folder(assignment: &Assignment, attempt_folder: &Path, role: Role) -> Result<PathBuf> {
    let index = assignment.spec.inputs.iter().position(|input| input.role == role);
    let fetched = index.and_then(|index| assignment.inputs.get(index));
    let fetched = fetched.ok_or_else(|| Error::BadInput(format!("the job has no {role:?} among its inputs")))?;
    Ok(attempt_folder.join(&fetched.folder))
}

/// Loads and verifies a model; a file that cannot be parsed is the input's fault, one that cannot be read is not.
pub fn model(folder: &Path) -> Result<Model> {
    Model::load(folder).map_err(|error| match error {
        ModelError::Io { path, source } => Error::io(format!("read {}", path.display()))(source),
        other => Error::BadInput(format!("the model in {} cannot be used: {other}", folder.display())),
    })
}
