//! Which channels go: a decision on numbers alone.

use super::Scope;

/// What a group must be left with, whatever its scores: the guard against a layer's collapse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Kept channels are rounded up to a multiple of this (never above what there was). 8 or 16 suit vector kernels.
    pub round_to: usize,
    /// Fewest channels to leave in a group, at least 1.
    pub floor: usize,
    /// Largest share of a group that one call may remove. An `amount` above it raises it.
    pub cap: f64,
}

impl Default for Limits {
    /// No rounding, four channels at least, nine tenths at most.
    fn default() -> Self {
        Self { round_to: 1, floor: 4, cap: 0.9 }
    }
}

impl Limits {
    /// The most channels that may go from a group of `size`.
    fn budget(&self, size: usize, amount: f64) -> usize {
        let by_cap = (size as f64 * self.cap.clamp(amount, 1.0)).floor() as usize;
        by_cap.min(size.saturating_sub(self.floor.max(1)))
    }

    /// How many channels go when `wanted` of `size` should.
    fn rounded(&self, size: usize, wanted: usize) -> usize {
        let kept = (size - wanted).next_multiple_of(self.round_to.max(1));
        size.saturating_sub(kept)
    }
}

/// For each group, the indices of the channels to remove, given each group's scores: the lowest `amount` (a share of all
/// channels for [`Scope::Global`], of each group for [`Scope::Layer`]) within the limits. Equal scores go in order.
pub(super) fn select(scores: &[Vec<f64>], amount: f64, scope: Scope, limits: &Limits) -> Vec<Vec<usize>> {
    let counts = match scope {
        Scope::Layer => scores.iter().map(|scores| share(amount, scores.len())).collect(),
        Scope::Global => global_counts(scores, amount, limits),
    };
    scores
        .iter()
        .zip(counts)
        .map(|(scores, wanted)| {
            let wanted = wanted.min(limits.budget(scores.len(), amount));
            let mut lowest = ascending(scores);
            lowest.truncate(limits.rounded(scores.len(), wanted));
            lowest.sort_unstable();
            lowest
        })
        .collect()
}

/// How many channels of each group are among the lowest of all, passing over groups whose budget is spent.
fn global_counts(scores: &[Vec<f64>], amount: f64, limits: &Limits) -> Vec<usize> {
    let total = scores.iter().map(Vec::len).sum();
    let mut budgets: Vec<usize> = scores.iter().map(|scores| limits.budget(scores.len(), amount)).collect();
    let mut counts = vec![0; scores.len()];
    let mut all: Vec<(f64, usize)> =
        scores.iter().enumerate().flat_map(|(group, scores)| scores.iter().map(move |score| (*score, group))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut left: usize = share(amount, total);
    for (_, group) in all {
        if left == 0 {
            break;
        }
        if budgets[group] > 0 {
            budgets[group] -= 1;
            counts[group] += 1;
            left -= 1;
        }
    }
    counts
}

fn share(amount: f64, of: usize) -> usize {
    (amount * of as f64).round() as usize
}

fn ascending(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]).then(a.cmp(b)));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Limits = Limits { round_to: 1, floor: 1, cap: 1.0 };

    fn scores() -> Vec<Vec<f64>> {
        vec![vec![0.1, 0.9, 0.2, 0.3], vec![5.0, 4.0, 3.0, 0.25]]
    }

    #[test]
    fn global_takes_the_lowest_wherever_they_are() {
        assert_eq!(select(&scores(), 0.5, Scope::Global, &FREE), [vec![0, 2, 3], vec![3]]);
    }

    #[test]
    fn layer_takes_the_same_share_everywhere() {
        assert_eq!(select(&scores(), 0.5, Scope::Layer, &FREE), [vec![0, 2], vec![2, 3]]);
        assert_eq!(select(&scores(), 0.0, Scope::Layer, &FREE), [vec![], vec![]] as [Vec<usize>; 2]);
    }

    #[test]
    fn limits_send_the_rest_to_other_groups() {
        let floor = Limits { floor: 3, ..FREE };
        assert_eq!(select(&scores(), 0.25, Scope::Global, &floor), [vec![0], vec![3]]);
        let cap = Limits { cap: 0.5, ..FREE };
        assert_eq!(select(&scores(), 0.5, Scope::Global, &cap), [vec![0, 2], vec![2, 3]]);
        // No group is ever emptied, and an amount above the cap wins over it.
        assert_eq!(select(&scores(), 0.99, Scope::Layer, &cap), [vec![0, 2, 3], vec![1, 2, 3]]);
    }

    #[test]
    fn kept_channels_are_rounded_up() {
        let round = Limits { round_to: 3, ..FREE };
        assert_eq!(select(&scores(), 0.5, Scope::Layer, &round), [vec![0], vec![3]]);
        let coarse = Limits { round_to: 8, ..FREE };
        assert_eq!(select(&scores(), 0.5, Scope::Layer, &coarse), [vec![], vec![]] as [Vec<usize>; 2]);
    }
}
