//! A running tally of predictions.

use sweep_shared::metrics::{self as names, Metrics};

use super::confusion::Confusion;

/// What has been predicted so far on one split.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    pub confusion: Confusion,
    top5: u64,
    loss: f64,
}

impl Evaluation {
    pub fn new(classes: usize) -> Evaluation {
        Evaluation { confusion: Confusion::new(classes), top5: 0, loss: 0.0 }
    }

    /// Adds a batch. `logits` is `[N, classes]`, row by row; `labels` has N entries below `classes`. A row with NaN in it
    /// counts as the prediction [`argmax`] makes of it and turns the loss into NaN.
    pub fn add(&mut self, logits: &[f32], labels: &[u16]) {
        for (row, &label) in logits.chunks_exact(self.confusion.classes).zip(labels) {
            let truth = usize::from(label);
            self.confusion.add(truth, argmax(row));
            self.top5 += u64::from(rank(row, truth) < 5);
            self.loss += cross_entropy(row, truth);
        }
    }

    /// Images so far.
    pub fn images(&self) -> u64 {
        self.confusion.total()
    }

    /// Top-1 accuracy, in 0..=1.
    pub fn accuracy(&self) -> f64 {
        self.confusion.accuracy()
    }

    /// Share of images whose true class is among the five largest logits.
    pub fn top5(&self) -> f64 {
        self.top5 as f64 / self.images().max(1) as f64
    }

    /// Mean cross-entropy, in nats.
    pub fn loss(&self) -> f64 {
        self.loss / self.images().max(1) as f64
    }

    /// The metrics that a point carries for the test split.
    pub fn metrics(&self) -> Metrics {
        let average = self.confusion.macro_average();
        Metrics::from([
            (names::ACCURACY.into(), self.accuracy()),
            (names::TOP5.into(), self.top5()),
            (names::TEST_LOSS.into(), self.loss()),
            (names::MACRO_PRECISION.into(), average.precision),
            (names::MACRO_RECALL.into(), average.recall),
            (names::MACRO_F1.into(), average.f1),
        ])
    }
}

/// The index of the largest value; the first of equals, as in NumPy and libtorch. 0 of an empty row.
pub fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = index;
        }
    }
    best
}

/// How many classes come before `class` when sorted by falling logit, equals in index order.
fn rank(row: &[f32], class: usize) -> usize {
    let own = row[class];
    row.iter().enumerate().filter(|&(index, &value)| value > own || (value == own && index < class)).count()
}

/// −log softmax(row)[class], in f64 and with the maximum taken out, so that large logits do not overflow.
fn cross_entropy(row: &[f32], class: usize) -> f64 {
    let most = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = row.iter().map(|&value| (f64::from(value) - most).exp()).sum();
    sum.ln() + most - f64::from(row[class])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_top5_and_loss_by_hand() {
        let mut evaluation = Evaluation::new(7);
        // Right; wrong but second; wrong and last.
        let right = [2.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let second = [1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0];
        let last = [6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0];
        evaluation.add(&[right, second, last].concat(), &[0, 1, 6]);
        assert_eq!(evaluation.images(), 3);
        assert_eq!(evaluation.accuracy(), 1.0 / 3.0);
        assert_eq!(evaluation.top5(), 2.0 / 3.0);
        let e = std::f64::consts::E;
        let first: f64 = (e.powi(2) + e + 5.0).ln() - 2.0;
        let other: f64 = (e + e.sqrt() + 5.0).ln() - 0.5;
        let third: f64 = (0..7).map(|power| e.powi(power)).sum::<f64>().ln();
        assert!((evaluation.loss() - (first + other + third) / 3.0).abs() < 1e-9);
    }

    #[test]
    fn the_batching_does_not_matter() {
        let logits: Vec<f32> = (0..60).map(|value| ((value * 37) % 11) as f32).collect();
        let labels: Vec<u16> = (0..20).map(|value| value % 3).collect();
        let (mut whole, mut parts) = (Evaluation::new(3), Evaluation::new(3));
        whole.add(&logits, &labels);
        parts.add(&logits[..21], &labels[..7]);
        parts.add(&logits[21..], &labels[7..]);
        assert_eq!(whole, parts);
    }

    #[test]
    fn huge_logits_do_not_overflow() {
        let mut evaluation = Evaluation::new(2);
        evaluation.add(&[1000.0, -1000.0], &[1]);
        assert_eq!(evaluation.loss(), 2000.0);
    }

    #[test]
    fn equal_logits_are_ranked_by_index() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0]), 1);
        assert_eq!(rank(&[1.0, 1.0, 1.0], 2), 2);
    }
}
