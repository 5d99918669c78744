//! From timed runs to metrics.

use sweep_shared::metrics::{self as names, Metrics};

/// Seconds per batch, in the order in which they were taken.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Samples {
    pub candidate: Vec<f64>,
    /// Empty where there is no reference.
    pub reference: Vec<f64>,
}

impl Samples {
    /// Median reference time over median candidate time; above 1 the candidate is faster.
    pub fn speedup(&self) -> Option<f64> {
        Some(quantile(&self.reference, 0.5)? / quantile(&self.candidate, 0.5)?)
    }

    /// The metrics of this batch size.
    pub fn metrics(&self, batch: u32) -> Metrics {
        let mut metrics = Metrics::new();
        if let (Some(median), Some(p95)) = (quantile(&self.candidate, 0.5), quantile(&self.candidate, 0.95)) {
            metrics.insert(names::latency_ms(batch), median * 1e3);
            metrics.insert(names::latency_p95_ms(batch), p95 * 1e3);
            metrics.insert(names::throughput_per_s(batch), f64::from(batch) / median);
        }
        if let Some(median) = quantile(&self.reference, 0.5) {
            metrics.insert(names::reference_latency_ms(batch), median * 1e3);
        }
        if let Some(speedup) = self.speedup() {
            metrics.insert(names::speedup(batch), speedup);
            metrics.insert(format!("slower_than_reference_b{batch}"), f64::from(u8::from(speedup < 1.0)));
        }
        metrics
    }
}

/// The smallest sample that at least `share` of all samples do not exceed (nearest rank); `None` of no samples.
fn quantile(samples: &[f64], share: f64) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_nearest_rank() {
        let samples: Vec<f64> = (1..=20).rev().map(f64::from).collect();
        assert_eq!(quantile(&samples, 0.5), Some(10.0));
        assert_eq!(quantile(&samples, 0.95), Some(19.0));
        assert_eq!(quantile(&[3.0], 0.95), Some(3.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn metrics_bear_their_batch_size_and_units() {
        let samples = Samples { candidate: vec![0.004, 0.002, 0.003], reference: vec![0.009, 0.006, 0.007] };
        let metrics = samples.metrics(32);
        let close = |name: &str, value: f64| (metrics[name] - value).abs() < 1e-9 * value.max(1.0);
        assert!(close("latency_ms_b32", 3.0) && close("latency_p95_ms_b32", 4.0));
        assert!(close("reference_latency_ms_b32", 7.0) && close("speedup_b32", 7.0 / 3.0));
        assert!(close("throughput_per_s_b32", 32.0 / 0.003));
        assert_eq!(metrics["slower_than_reference_b32"], 0.0);
    }

    #[test]
    fn a_slower_candidate_is_marked_and_a_lone_one_has_no_speedup() {
        let slower = Samples { candidate: vec![0.2], reference: vec![0.1] };
        assert_eq!(slower.metrics(1)["slower_than_reference_b1"], 1.0);
        let lone = Samples { candidate: vec![0.2], reference: vec![] };
        assert_eq!(lone.speedup(), None);
        assert!(!lone.metrics(1).contains_key("reference_latency_ms_b1"));
    }
}
