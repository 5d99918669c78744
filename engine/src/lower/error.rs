//! What can go wrong between graph and libtorch.

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The graph cannot be run as it stands.
    #[error("node {node:?}: {reason}")]
    Node { node: String, reason: String },
    /// libtorch refused an operation; `node` says where.
    #[error("node {node:?}: {source}")]
    Op { node: String, source: tch::TchError },
    #[error(transparent)]
    Torch(#[from] tch::TchError),
    #[error(transparent)]
    Missing(#[from] sweep_model::tensor::MissingTensor),
    #[error("{name} has shape {found:?}, but the graph wants {wanted:?}")]
    Shape { name: String, found: Vec<usize>, wanted: Vec<usize> },
    #[error("the input has shape {found:?}, but the network wants [N, {}, {}, {}]", wanted[0], wanted[1], wanted[2])]
    Input { found: Vec<i64>, wanted: [usize; 3] },
}

impl Error {
    pub(super) fn node(node: &str, reason: impl Into<String>) -> Self {
        Self::Node { node: node.to_owned(), reason: reason.into() }
    }
}
