//! Where to clip a histogram: fewer values saturate, or finer steps for the rest.

use super::histogram::Histogram;

/// Candidates that the entropy search tries.
const CANDIDATES: usize = 100;

/// The range inside which `share` of all values lie on each side; never wider than what was seen. Where fewer than the rest are
/// not zero, as behind almost dead units, it is all that was seen: an empty range would say nothing of their size.
pub fn percentile(histogram: &Histogram, share: f64) -> Option<(f32, f32)> {
    let (min, max) = histogram.extremes()?;
    let (total, _) = histogram.totals();
    let beyond = (total as f64 * (1.0 - share)) as u64;
    let high = (edge(histogram.positive(), beyond) as f64 * histogram.width()) as f32;
    let low = -(edge(&histogram.negative(), beyond) as f64 * histogram.width()) as f32;
    Some(if (low, high) == (0.0, 0.0) { (min, max) } else { (low.max(min), high.min(max)) })
}

/// How many of the bins nearest to zero hold all but the `beyond` outermost values.
fn edge(bins: &[u64], beyond: u64) -> usize {
    let mut outside = 0;
    for (bin, count) in bins.iter().enumerate().rev() {
        outside += count;
        if outside > beyond {
            return bin + 1;
        }
    }
    0
}

/// The range whose `levels` quantized levels lose the least information: the smallest KL divergence between the clipped
/// values' distribution and the quantized one's (Migacz, TensorRT, 2017). Values beyond the range count for its outermost
/// bin, as they saturate there. Outliers seldom lie on both sides, so each side is searched by itself: the upper one with the
/// lower one whole, then the lower one.
pub fn entropy(histogram: &Histogram, levels: usize) -> Option<(f32, f32)> {
    let (min, max) = histogram.extremes()?;
    let (low, high) = (min.min(0.0), max.max(0.0));
    let bins = |end: f32| (f64::from(end.abs()) / histogram.width()).ceil() as usize;
    let (mut negative, mut positive) = (histogram.negative(), histogram.positive().to_vec());
    negative.truncate(bins(low));
    positive.truncate(bins(high));
    let all = negative.len();
    let above = best_kept(positive.len(), |kept| loss(&negative, all, &positive, kept, levels));
    let below = best_kept(negative.len(), |kept| loss(&negative, kept, &positive, above, levels));
    let end = |kept: usize| (kept as f64 * histogram.width()) as f32;
    Some(((-end(below)).max(low), end(above).min(high)))
}

/// The number of `bins` to keep with the smallest loss, of evenly spaced candidates; the most of equals.
fn best_kept(bins: usize, loss: impl Fn(usize) -> f64) -> usize {
    let candidates = (1..=CANDIDATES).rev().map(|candidate| (bins * candidate).div_ceil(CANDIDATES));
    let mut best = (f64::INFINITY, bins);
    for kept in candidates {
        let loss = loss(kept);
        if loss < best.0 {
            best = (loss, kept);
        }
    }
    best.1
}

/// The divergence when `below` and `above` bins are kept on the two sides.
fn loss(negative: &[u64], below: usize, positive: &[u64], above: usize, levels: usize) -> f64 {
    let inside: Vec<u64> = negative[..below].iter().rev().chain(&positive[..above]).copied().collect();
    let (lower, upper) = (saturated(negative, below), saturated(positive, above));
    let clipped: Vec<u64> = lower.into_iter().rev().chain(upper).collect();
    divergence(&clipped, &inside, levels)
}

/// The first `kept` bins, the last of which takes what lies beyond.
fn saturated(bins: &[u64], kept: usize) -> Vec<u64> {
    let mut inside = bins[..kept].to_vec();
    if let Some(last) = inside.last_mut() {
        *last += bins[kept..].iter().sum::<u64>();
    }
    inside
}

/// KL(P ‖ Q) where P is `clipped` and Q is `inside` quantized: each level's mass spread evenly over its non-empty bins.
fn divergence(clipped: &[u64], inside: &[u64], levels: usize) -> f64 {
    let bins = clipped.len();
    let total = clipped.iter().sum::<u64>() as f64;
    let kept = inside.iter().sum::<u64>() as f64;
    if total == 0.0 || kept == 0.0 {
        return f64::INFINITY;
    }
    let mut sum = 0.0;
    for level in 0..levels {
        let range = level * bins / levels..(level + 1) * bins / levels;
        let mass = inside[range.clone()].iter().sum::<u64>() as f64;
        let filled = inside[range.clone()].iter().filter(|&&count| count > 0).count() as f64;
        for bin in range {
            let p = clipped[bin] as f64 / total;
            // What only saturation put into a bin has no mass in Q; a small one stands for it (as in ONNX Runtime).
            let q = if inside[bin] > 0 { mass / filled / kept } else { 1e-4 / kept };
            if p > 0.0 {
                sum += p * (p / q).ln();
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    /// About normally distributed values: the sum of twelve uniform ones, less their mean.
    fn bell(count: usize) -> Vec<f32> {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(7);
        let mut uniform = || (f64::from(rng.next_u32()) / f64::from(u32::MAX)) as f32;
        (0..count).map(|_| (0..12).map(|_| uniform()).sum::<f32>() - 6.0).collect()
    }

    fn histogram(values: &[f32]) -> Histogram {
        let mut histogram = Histogram::new();
        histogram.add(values);
        histogram
    }

    #[test]
    fn a_percentile_cuts_outliers_and_nothing_else() {
        let mut values: Vec<f32> = (0..100_000).map(|value| value as f32 / 100_000.0).collect();
        values.extend([50.0, 60.0, 70.0]);
        let (low, high) = percentile(&histogram(&values), 0.9999).unwrap();
        assert_eq!(low, 0.0);
        assert!((0.99..1.1).contains(&high), "{high}");
    }

    #[test]
    fn values_that_are_nearly_all_zero_keep_the_range_of_the_others() {
        let mut values = vec![0.0; 100_000];
        values.extend([3.0, 5.0]);
        assert_eq!(percentile(&histogram(&values), 0.9999), Some((0.0, 5.0)));
    }

    #[test]
    fn without_outliers_the_percentile_is_within_a_bin_of_the_extremes() {
        let values: Vec<f32> = (-1000..=1000).map(|value| value as f32 / 1000.0).collect();
        let (low, high) = percentile(&histogram(&values), 0.9999).unwrap();
        assert_eq!((low, high), (-1.0, 1.0));
    }

    #[test]
    fn entropy_clips_a_far_outlier_but_keeps_the_body() {
        let mut values = bell(200_000);
        values.push(40.0);
        let (low, high) = entropy(&histogram(&values), 256).unwrap();
        assert!((3.0..10.0).contains(&high) && low < -3.0, "{low}..{high}");
    }

    #[test]
    fn entropy_keeps_a_uniform_distribution_whole() {
        let values: Vec<f32> = (0..100_000).map(|value| value as f32 / 100_000.0).collect();
        let (low, high) = entropy(&histogram(&values), 256).unwrap();
        assert!(low == 0.0 && high > 0.95, "{high}");
    }

    #[test]
    fn constant_zero_has_an_empty_range() {
        let histogram = histogram(&[0.0; 10]);
        assert_eq!(percentile(&histogram, 0.9999), Some((0.0, 0.0)));
        assert_eq!(entropy(&histogram, 256), Some((0.0, 0.0)));
    }
}
