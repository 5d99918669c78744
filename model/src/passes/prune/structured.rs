//! Structured pruning from score to smaller model.

use super::{Criterion, Limits, PruneError, Scope, apply, check_amount, criterion, group, select};
use crate::model::Model;

/// How to remove channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Structured {
    /// Share of the prunable channels to remove, in `[0, 1)`: of all of them for [`Scope::Global`], of each group for
    /// [`Scope::Layer`]. A channel coupled over several layers counts once. It refers to the model at hand, so a second call
    /// takes its share of what the first left.
    pub amount: f64,
    /// What channels are ranked by.
    pub criterion: Criterion,
    /// Where they are compared.
    pub scope: Scope,
    /// What every group must be left with.
    pub limits: Limits,
}

/// What structured pruning did.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Prunable channels before.
    pub before: usize,
    /// Prunable channels after.
    pub after: usize,
    /// The same by group.
    pub groups: Vec<GroupReport>,
}

/// What happened to one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupReport {
    /// The first node that computes the group's channels.
    pub name: String,
    /// Channels before.
    pub before: usize,
    /// Channels after.
    pub after: usize,
}

impl Report {
    /// Share of the prunable channels that went: `amount` as far as limits and rounding let it.
    pub fn removed(&self) -> f64 {
        1.0 - self.after as f64 / self.before.max(1) as f64
    }
}

/// Removes the least important channels; returns the smaller model.
pub fn structured(model: &Model, options: &Structured) -> Result<(Model, Report), PruneError> {
    check_amount(options.amount)?;
    let groups = group::groups(&model.graph)?;
    if groups.is_empty() {
        return Err(PruneError::Nothing(model.graph.name.clone()));
    }
    let scores: Vec<Vec<f64>> = groups
        .iter()
        .map(|group| criterion::scores(model, group, options.criterion, options.scope))
        .collect::<Result<_, _>>()?;
    let chosen = select::select(&scores, options.amount, options.scope, &options.limits);
    let pairs = || groups.iter().zip(&chosen);
    let ids = pairs().flat_map(|(group, chosen)| chosen.iter().map(|index| group.channels[*index].id));
    let pruned = apply::remove_channels(model, ids)?;
    let report = |(group, chosen): (&group::Group, &Vec<usize>)| {
        let before = group.channels.len();
        GroupReport { name: group.name.clone(), before, after: before - chosen.len() }
    };
    let groups: Vec<GroupReport> = pairs().map(report).collect();
    let sum = |count: fn(&GroupReport) -> usize| groups.iter().map(count).sum();
    Ok((pruned, Report { before: sum(|group| group.before), after: sum(|group| group.after), groups }))
}

#[cfg(test)]
mod tests;
