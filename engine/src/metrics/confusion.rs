//! Counts of (true class, predicted class).

use serde::{Deserialize, Serialize};

/// A confusion matrix: `counts[true · classes + predicted]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    pub classes: usize,
    pub counts: Vec<u64>,
}

/// Unweighted means over the classes, each in 0..=1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Macro {
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
}

impl Confusion {
    pub fn new(classes: usize) -> Confusion {
        Confusion { classes, counts: vec![0; classes * classes] }
    }

    /// Counts one image. Both classes must be below `classes`.
    pub fn add(&mut self, truth: usize, predicted: usize) {
        self.counts[truth * self.classes + predicted] += 1;
    }

    /// How many images were counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Share of images whose predicted class is the true one; 0 of no images.
    pub fn accuracy(&self) -> f64 {
        share((0..self.classes).map(|class| self.hits(class)).sum(), self.total())
    }

    /// Precision, recall and F1, averaged over the classes that occur, truly or as a prediction. As in scikit-learn with
    /// `zero_division=0`, a class never predicted has precision 0, and one that never occurs has recall 0.
    pub fn macro_average(&self) -> Macro {
        let (mut precision, mut recall, mut f1, mut present) = (0.0, 0.0, 0.0, 0);
        for class in 0..self.classes {
            let (hits, truly, predicted) = (self.hits(class), self.truly(class), self.predicted(class));
            if truly + predicted == 0 {
                continue;
            }
            present += 1;
            precision += share(hits, predicted);
            recall += share(hits, truly);
            f1 += share(2 * hits, truly + predicted);
        }
        let count = f64::from(present.max(1));
        Macro { precision: precision / count, recall: recall / count, f1: f1 / count }
    }

    /// The matrix as rows, one per true class.
    pub fn rows(&self) -> impl Iterator<Item = &[u64]> {
        self.counts.chunks(self.classes.max(1))
    }

    fn hits(&self, class: usize) -> u64 {
        self.counts[class * self.classes + class]
    }

    fn truly(&self, class: usize) -> u64 {
        self.counts[class * self.classes..(class + 1) * self.classes].iter().sum()
    }

    fn predicted(&self, class: usize) -> u64 {
        self.counts.iter().skip(class).step_by(self.classes).sum()
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: &[&[u64]]) -> Confusion {
        Confusion { classes: rows.len(), counts: rows.concat() }
    }

    #[test]
    fn values_computed_by_hand() {
        // Class 0: precision 3/4, recall 3/5; class 1: 4/7 and 4/5; class 2: 0 and 0, being truth once, predicted never.
        let confusion = matrix(&[&[3, 2, 0], &[1, 4, 0], &[0, 1, 0]]);
        assert_eq!(confusion.accuracy(), 7.0 / 11.0);
        let average = confusion.macro_average();
        assert!((average.precision - (3.0 / 4.0 + 4.0 / 7.0) / 3.0).abs() < 1e-12);
        assert!((average.recall - (3.0 / 5.0 + 4.0 / 5.0) / 3.0).abs() < 1e-12);
        assert!((average.f1 - (6.0 / 9.0 + 8.0 / 12.0) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn classes_that_never_occur_are_left_out_of_the_mean() {
        let average = matrix(&[&[5, 0, 0], &[0, 5, 0], &[0, 0, 0]]).macro_average();
        assert_eq!(average, Macro { precision: 1.0, recall: 1.0, f1: 1.0 });
    }

    #[test]
    fn no_images_give_zero_not_nan() {
        let confusion = Confusion::new(2);
        assert_eq!(confusion.accuracy(), 0.0);
        assert_eq!(confusion.macro_average(), Macro { precision: 0.0, recall: 0.0, f1: 0.0 });
    }
}
