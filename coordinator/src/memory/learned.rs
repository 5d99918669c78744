//! What attempts of one likeness took, and what the next is promised because of it.

/// Seen of attempts at jobs that are alike, on one class of device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Learned {
    /// Attempts that succeeded.
    pub runs: u32,
    /// What those took at most.
    pub peak_bytes: u64,
    /// It takes at least so much: an attempt that had it ran out of memory, and none has succeeded since. 0: no such.
    pub least_bytes: u64,
}

/// One attempt's end, and what it took by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    Success(u64),
    OutOfMemory(u64),
}

/// Of a peak that is larger than today's a share of the difference is forgotten with each run: one outlier does not keep a place
/// empty for ever, and runs whose peaks differ keep the larger.
const FORGOTTEN: u64 = 8;

/// Peaks of equal jobs differ by a few percent: allocators round, threads come and go, cuDNN picks another algorithm. A tenth
/// covers that, and what is held back for nothing is a tenth of what a job takes.
const MARGIN_PERCENT: u64 = 10;

impl Learned {
    #[must_use]
    pub fn with(self, seen: Seen) -> Self {
        match seen {
            // It had enough, so that whatever ran out before did so for another reason (others' processes), or is refuted.
            Seen::Success(bytes) => {
                let peak_bytes = bytes.max(self.peak_bytes - self.peak_bytes.saturating_sub(bytes) / FORGOTTEN);
                Self { runs: self.runs.saturating_add(1), peak_bytes, least_bytes: 0 }
            }
            Seen::OutOfMemory(bytes) => Self { least_bytes: self.least_bytes.max(bytes), ..self },
        }
    }
}

/// What the next attempt is promised: the measured peak and a margin, be that more or less than the prediction; before anything
/// was measured, the prediction. And never less than what was too little. To that no margin is added: the device where it
/// was too little would not be tried by others for ever, and each job has to find its own remedy.
pub fn reservation(predicted_bytes: u64, learned: Learned) -> u64 {
    let measured = learned.peak_bytes.saturating_add(learned.peak_bytes / 100 * MARGIN_PERCENT);
    let usual = if learned.runs > 0 { measured } else { predicted_bytes };
    usual.max(learned.least_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GIB: u64 = 1 << 30;

    fn after(seen: &[Seen]) -> Learned {
        seen.iter().fold(Learned::default(), |learned, seen| learned.with(*seen))
    }

    #[test]
    fn a_measured_peak_takes_the_place_of_the_prediction_whether_more_or_less() {
        for predicted in [GIB, 3 * GIB] {
            let reserved = reservation(predicted, after(&[Seen::Success(2 * GIB)]));
            assert!((2 * GIB + GIB / 6..2 * GIB + GIB / 4).contains(&reserved), "{reserved}");
        }
        assert_eq!(reservation(GIB, Learned::default()), GIB);
    }

    #[test]
    fn a_larger_peak_counts_at_once_and_an_outlier_fades() {
        let raised = after(&[Seen::Success(2 * GIB), Seen::Success(4 * GIB)]);
        assert_eq!((raised.runs, raised.peak_bytes), (2, 4 * GIB));
        let later = (0..30).fold(raised, |learned, _| learned.with(Seen::Success(2 * GIB)));
        assert!(later.peak_bytes < 2 * GIB + GIB / 10, "{later:?}");
        let once = raised.with(Seen::Success(3 * GIB + GIB / 2));
        assert!(reservation(0, once) >= 4 * GIB, "runs that take turns keep the larger");
    }

    #[test]
    fn what_was_too_little_is_the_least_until_one_succeeds() {
        let short = after(&[Seen::OutOfMemory(5 * GIB), Seen::OutOfMemory(4 * GIB)]);
        assert_eq!((reservation(GIB, short), reservation(9 * GIB, short)), (5 * GIB, 9 * GIB));
        assert_eq!(reservation(GIB, short.with(Seen::Success(GIB))), reservation(GIB, after(&[Seen::Success(GIB)])));
        let again = after(&[Seen::Success(GIB), Seen::OutOfMemory(2 * GIB)]);
        assert_eq!(reservation(9 * GIB, again), 2 * GIB);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Nothing is promised less than what the last one took, nor does anything overflow.
        #[test]
        fn the_last_one_would_have_been_given_enough(
            predicted in any::<u64>(), history in prop::collection::vec((any::<bool>(), any::<u64>()), 1..40),
        ) {
            let seen = |(success, bytes): (bool, u64)| if success { Seen::Success(bytes) } else { Seen::OutOfMemory(bytes) };
            let learned = history.iter().fold(Learned::default(), |learned, last| learned.with(seen(*last)));
            let (_, last) = history[history.len() - 1];
            prop_assert!(reservation(predicted, learned) >= last);
        }
    }
}
