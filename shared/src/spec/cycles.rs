//! How far each cycle of a `prune` stage goes: the runner follows it, and `sweep check` counts its epochs.

/// One round of pruning and retraining.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cycle {
    /// Share of the original that is gone afterwards, in 0..1.
    pub sparsity: f64,
    /// Whether a point is kept.
    pub keep: bool,
}

/// A cycle is stretched by up to this share of itself to reach a kept sparsity, rather than followed by a sliver of a cycle with
/// a whole retraining of its own.
const STRETCH: f64 = 0.25;

/// More cycles than anybody waits for; each has a retraining of its own.
const MOST_CYCLES: f64 = 1000.0;

/// The cycles that remove `per_cycle` of what is left each time, stopping exactly at each of the ascending sparsities `keep`.
pub fn cycles(per_cycle: f64, keep: &[f64]) -> Vec<Cycle> {
    let mut cycles = Vec::new();
    let mut left = 1.0;
    for &sparsity in keep {
        let target = 1.0 - sparsity;
        while left * (1.0 - per_cycle) * (1.0 - STRETCH * per_cycle) > target {
            left *= 1.0 - per_cycle;
            cycles.push(Cycle { sparsity: 1.0 - left, keep: false });
        }
        left = target;
        cycles.push(Cycle { sparsity, keep: true });
    }
    cycles
}

/// What is wrong with the parameters, if anything.
pub fn problem(per_cycle: f64, keep: &[f64]) -> Option<String> {
    let inside = |share: f64| share > 0.0 && share < 1.0;
    if !inside(per_cycle) {
        return Some(format!("per_cycle must lie between 0 and 1, not {per_cycle}"));
    }
    if keep.is_empty() {
        return Some("keep names no sparsity".into());
    }
    if let Some(bad) = keep.iter().find(|&&share| !inside(share)) {
        return Some(format!("each sparsity in keep must lie between 0 and 1, not {bad}"));
    }
    if keep.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Some(format!("keep must ascend: {keep:?}"));
    }
    let last = keep.last().copied().unwrap_or_default();
    let needed = (-last).ln_1p() / (-per_cycle).ln_1p();
    (needed > MOST_CYCLES).then(|| {
        format!("per_cycle {per_cycle} takes {needed:.0} cycles to {last}; choose one that takes at most {MOST_CYCLES}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sparsities(per_cycle: f64, keep: &[f64]) -> Vec<(f64, bool)> {
        let round = |x: f64| (x * 1e4).round() / 1e4;
        cycles(per_cycle, keep).iter().map(|cycle| (round(cycle.sparsity), cycle.keep)).collect()
    }

    #[test]
    fn each_cycle_removes_a_share_of_what_is_left_and_stops_at_kept_sparsities() {
        assert_eq!(
            sparsities(0.15, &[0.48, 0.77]),
            [
                (0.15, false),
                (0.2775, false),
                (0.3859, false),
                (0.48, true),
                (0.558, false),
                (0.6243, false),
                (0.6807, false),
                (0.7286, false),
                (0.77, true),
            ]
        );
    }

    #[test]
    fn one_large_cycle_is_one_shot() {
        assert_eq!(sparsities(0.9, &[0.5]), [(0.5, true)]);
        assert_eq!(sparsities(0.5, &[0.5]), [(0.5, true)]);
    }

    #[test]
    fn the_last_cycle_is_never_much_larger_than_the_others() {
        for per_cycle in [0.05, 0.1, 0.2, 0.5] {
            for keep in [0.3, 0.55, 0.9, 0.98] {
                let mut left = 1.0;
                for cycle in cycles(per_cycle, &[keep]) {
                    let removed = 1.0 - (1.0 - cycle.sparsity) / left;
                    assert!(removed > 0.0 && removed <= per_cycle * (1.0 + STRETCH), "{per_cycle} {keep}: {removed}");
                    left = 1.0 - cycle.sparsity;
                }
            }
        }
    }

    #[test]
    fn impossible_parameters_are_named() {
        assert_eq!(problem(0.2, &[0.3, 0.5]), None);
        assert!(problem(0.0, &[0.5]).unwrap().contains("per_cycle"));
        assert!(problem(f64::NAN, &[0.5]).unwrap().contains("per_cycle"));
        assert!(problem(0.2, &[]).unwrap().contains("keep"));
        assert!(problem(0.2, &[0.5, 1.0]).unwrap().contains("not 1"));
        assert!(problem(0.2, &[0.5, 0.5]).unwrap().contains("ascend"));
    }

    #[test]
    fn more_cycles_than_anybody_waits_for_are_refused() {
        assert_eq!(problem(0.005, &[0.98]), None);
        let text = problem(1e-9, &[0.5, 0.98]).unwrap();
        assert!(text.contains("per_cycle") && text.contains("1000"), "{text}");
    }
}
