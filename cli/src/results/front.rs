//! The Pareto front of accuracy against the size of the deployed file.

use sweep_shared::metrics::{ACCURACY, SIZE_ONNX_BYTES};
use sweep_shared::results::{Better, front as front_of};

use super::row::Row;

/// For each row whether no other is at least as accurate and as small, and better in one of the two.
/// Rows without either value are not on the front.
pub fn front(rows: &[Row]) -> Vec<bool> {
    let places: Vec<Option<(f64, f64)>> =
        rows.iter().map(|row| Some((row.mean(ACCURACY)?, row.mean(SIZE_ONNX_BYTES)?))).collect();
    front_of(&places, (Better::More, Better::Less))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::fixtures::point;
    use crate::results::row::rows;

    #[test]
    fn only_what_nothing_beats_is_on_the_front() {
        let at = |stage, accuracy, size| point(stage, "", 0, &[("accuracy", accuracy), ("size_onnx_bytes", size)]);
        let points = [
            at("large", 0.93, 1000.0),
            at("worse", 0.90, 1000.0),
            at("small", 0.92, 300.0),
            at("twin", 0.92, 300.0),
            at("tiny", 0.80, 100.0),
            at("beaten", 0.80, 200.0),
            point("unmeasured", "", 0, &[("macs", 1.0)]),
        ];
        assert_eq!(front(&rows(&points)), [true, false, true, true, true, false, false]);
    }
}
