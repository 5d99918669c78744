//! How much a channel matters.

use serde::{Deserialize, Serialize};

use super::group::{Channel, Group, Member};
use super::{PruneError, Scope};
use crate::model::Model;
use crate::op::Op;
use crate::tensor::MissingTensor;

/// What candidates are ranked by. The least important go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// Sum of absolute weights (Li et al., "Pruning Filters for Efficient ConvNets", ICLR 2017).
    L1,
    /// Euclidean norm of the weights.
    L2,
    /// |γ| of the batch norm (Liu et al., "Network Slimming", ICCV 2017). Channels only.
    BnScale,
    /// At random, the baseline that a criterion must beat.
    Random {
        /// Gives the order.
        seed: u64,
    },
}

impl Criterion {
    /// The word a plan uses.
    pub fn name(&self) -> &'static str {
        match self {
            Self::L1 => "l1",
            Self::L2 => "l2",
            Self::BnScale => "bn_scale",
            Self::Random { .. } => "random",
        }
    }
}

/// A score for each channel of a group: the mean of what its members say (as Torch-Pruning does, Fang et al., CVPR 2023).
///
/// To be compared over the whole network, weight norms are divided by the group's mean, since they grow with the fan-in; |γ| is
/// compared as it is.
pub fn scores(model: &Model, group: &Group, criterion: Criterion, scope: Scope) -> Result<Vec<f64>, PruneError> {
    let scores: Vec<f64> =
        group.channels.iter().map(|channel| score(model, group, channel, criterion)).collect::<Result<_, _>>()?;
    let mean = scores.iter().sum::<f64>() / scores.len().max(1) as f64;
    let is_norm = matches!(criterion, Criterion::L1 | Criterion::L2);
    if scope == Scope::Global && is_norm && mean > 0.0 {
        return Ok(scores.into_iter().map(|score| score / mean).collect());
    }
    Ok(scores)
}

fn score(model: &Model, group: &Group, channel: &Channel, criterion: Criterion) -> Result<f64, PruneError> {
    if let Criterion::Random { seed } = criterion {
        return Ok(random_score(seed, &group.name, channel.id));
    }
    let mut values = Vec::new();
    for member in &channel.members {
        values.extend(member_score(model, member, criterion)?);
    }
    if values.is_empty() {
        return Err(PruneError::NoBatchNorm { group: group.name.clone() });
    }
    Ok(values.iter().sum::<f64>() / values.len() as f64)
}

/// What one member says, if it is of the kind that the criterion looks at.
fn member_score(model: &Model, member: &Member, criterion: Criterion) -> Result<Option<f64>, MissingTensor> {
    let Some(node) = model.graph.node(&member.node) else { return Ok(None) };
    let weight = match (criterion, &node.op) {
        (Criterion::BnScale, Op::BatchNorm2d(_)) => Some("weight"),
        (Criterion::BnScale, _) => None,
        (_, op) => op.weight_name(),
    };
    let Some(weight) = weight else { return Ok(None) };
    let weight = model.weights.get(&node.param_name(weight))?;
    let values = output_rows(&node.op, member.index)
        .into_iter()
        .flat_map(|row| weight.rows().nth(row).unwrap_or_default().iter().map(|x| f64::from(*x)));
    Ok(Some(match criterion {
        Criterion::L2 => values.map(|x| x * x).sum::<f64>().sqrt(),
        _ => values.map(f64::abs).sum(),
    }))
}

/// The rows of an op's weights that compute its output channel `index`.
pub(crate) fn output_rows(op: &Op, index: usize) -> Vec<usize> {
    match op {
        // That of the query, of the key and of the value.
        Op::Attention(attention) => (0..3).map(|part| part * attention.out_features() + index).collect(),
        _ => vec![index],
    }
}

/// A number in `[0, 1)` that depends only on the seed and what is ranked.
pub(super) fn random_score(seed: u64, name: &str, index: usize) -> f64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes()).update(&(index as u64).to_le_bytes()).update(name.as_bytes());
    let mut head = [0; 8];
    hasher.finalize_xof().fill(&mut head);
    (u64::from_le_bytes(head) >> 11) as f64 / (1u64 << 53) as f64
}
