//! The sparsities of iterative pruning.

/// Sparsity after each cycle when every cycle removes the share `per_cycle` of what is left, ending exactly at `until`:
/// `1 − (1 − per_cycle)^k` (Han et al. 2015; 15 % a cycle gives 0.48, 0.77, 0.90 after 4, 9 and 14 cycles). Empty if either is
/// not a share in (0, 1).
pub fn sparsities(per_cycle: f64, until: f64) -> Vec<f64> {
    let is_share = |x: f64| x > 0.0 && x < 1.0;
    if !is_share(per_cycle) || !is_share(until) {
        return Vec::new();
    }
    let mut sparsities = Vec::new();
    let mut left = 1.0;
    loop {
        left *= 1.0 - per_cycle;
        let sparsity = 1.0 - left;
        // The last regular step may end within rounding of the goal; do not add a step that removes nothing.
        if sparsity >= until - 1e-9 {
            sparsities.push(until);
            return sparsities;
        }
        sparsities.push(sparsity);
    }
}

/// The share of what is left that takes a model from one sparsity to a higher one: the `amount` of
/// [`super::Structured`] for the next cycle.
pub fn step(from: f64, to: f64) -> f64 {
    ((to - from) / (1.0 - from)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_percent_a_cycle_meets_the_published_levels() {
        let levels = sparsities(0.15, 0.98);
        for (cycle, level) in [(4, 0.48), (9, 0.77), (14, 0.90)] {
            assert!((levels[cycle - 1] - level).abs() < 0.005, "cycle {cycle}: {}", levels[cycle - 1]);
        }
        assert_eq!(levels.last(), Some(&0.98));
        assert!(levels.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn one_cycle_suffices_where_it_reaches_the_goal() {
        assert_eq!(sparsities(0.5, 0.3), [0.3]);
        assert_eq!(sparsities(0.3, 0.3), [0.3]);
        assert_eq!(sparsities(0.0, 0.3), [] as [f64; 0]);
        assert_eq!(sparsities(0.3, 1.0), [] as [f64; 0]);
    }

    #[test]
    fn steps_compose() {
        let mut left = 1.0;
        let mut from = 0.0;
        for to in sparsities(0.15, 0.6) {
            left *= 1.0 - step(from, to);
            from = to;
        }
        assert!((left - 0.4f64).abs() < 1e-12);
    }
}
