//! Fixed sequences of passes, verified after each step.

use crate::model::Model;
use crate::tensor::MissingTensor;
use crate::verify::{self, VerifyError};

use super::fold;

/// A pass with its name, for messages.
pub struct Pass {
    /// What it does.
    pub name: &'static str,
    run: fn(&Model) -> Result<Model, MissingTensor>,
}

/// What turns a trained network into the one that is deployed: same logits, fewer ops. It applies to float graphs and to
/// graphs with quantizers alike.
pub const DEPLOY: &[Pass] = &[
    Pass { name: "remove auxiliary classifiers", run: |model| Ok(fold::remove_auxiliary(model)) },
    Pass { name: "remove dropout", run: |model| Ok(fold::remove_dropout(model)) },
    Pass { name: "fold batch norm", run: fold::fold_batch_norm },
    Pass { name: "batch norm to affine", run: fold::batch_norm_to_affine },
];

/// A pass met or made an unsound model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PassError {
    /// The model was unsound before any pass ran.
    #[error("the model is not sound")]
    Before(#[source] VerifyError),
    /// The pass left an unsound model: an error in the pass.
    #[error("the pass {pass:?} left an unsound model")]
    After {
        /// The pass.
        pass: &'static str,
        /// What is wrong.
        source: VerifyError,
    },
    /// A tensor is missing.
    #[error(transparent)]
    Missing(#[from] MissingTensor),
}

/// Runs the passes in order, verifying the model before the first and after each.
pub fn run(model: &Model, passes: &[Pass]) -> Result<Model, PassError> {
    verify::model(model).map_err(PassError::Before)?;
    let mut model = model.clone();
    for pass in passes {
        model = (pass.run)(&model)?;
        verify::model(&model).map_err(|source| PassError::After { pass: pass.name, source })?;
    }
    Ok(model)
}

/// [`run`] with [`DEPLOY`].
pub fn deploy(model: &Model) -> Result<Model, PassError> {
    run(model, DEPLOY)
}
