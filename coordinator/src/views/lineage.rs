//! One line from what several attempts told.

use std::collections::BTreeMap;

use crate::store::read::EpochRow;

/// Of each epoch the end that the newest attempt stands on: its own, before those the ones of the attempt that it went on from, up to
/// the checkpoint, and so on. What an attempt did beyond the checkpoint that was left of it is not part of the line.
pub fn lineage(chain: &[(i64, i64, i64)], rows: Vec<EpochRow>) -> Vec<EpochRow> {
    let mut until: BTreeMap<i64, i64> = BTreeMap::new();
    let mut next = chain.first().map(|(number, ..)| (*number, i64::MAX));
    while let Some((attempt, last)) = next {
        until.insert(attempt, last);
        let resumed = chain.iter().find(|(number, ..)| *number == attempt).map(|(_, from, epoch)| (*from, *epoch));
        // Attempts go on from older ones only; a row that says otherwise ends the line instead of leading in circles.
        next = resumed.filter(|(from, _)| *from > 0 && *from < attempt).map(|(from, epoch)| (from, epoch.min(last)));
    }
    let mut line: BTreeMap<i64, EpochRow> = BTreeMap::new();
    for row in rows {
        let counts = until.get(&row.attempt).is_some_and(|last| row.epoch <= *last);
        if counts && line.get(&row.epoch).is_none_or(|other| other.attempt < row.attempt) {
            line.insert(row.epoch, row);
        }
    }
    line.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(attempt: i64, epoch: i64) -> EpochRow {
        EpochRow { attempt, epoch, epochs: 9, phase: String::new(), metrics_json: "{}".to_owned(), at_ms: 0 }
    }

    fn line(chain: &[(i64, i64, i64)], told: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let mut rows: Vec<EpochRow> = told.iter().map(|(attempt, epoch)| row(*attempt, *epoch)).collect();
        rows.sort_by_key(|row| (row.epoch, row.attempt));
        lineage(chain, rows).iter().map(|row| (row.attempt, row.epoch)).collect()
    }

    #[test]
    fn an_epoch_that_was_done_twice_counts_once() {
        // The first told of three epochs, its checkpoint was of the second.
        let told = [(1, 1), (1, 2), (1, 3), (2, 3), (2, 4)];
        assert_eq!(line(&[(2, 1, 2), (1, 0, 0)], &told), [(1, 1), (1, 2), (2, 3), (2, 4)]);
        // The third begins anew: what the others did is no part of it.
        assert_eq!(line(&[(3, 0, 0), (2, 1, 2), (1, 0, 0)], &told), []);
        let told = [(1, 1), (1, 2), (3, 1)];
        assert_eq!(line(&[(3, 0, 0), (2, 1, 2), (1, 0, 0)], &told), [(3, 1)]);
    }

    #[test]
    fn a_line_over_three_attempts_keeps_only_what_was_gone_on_from() {
        let told = [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (2, 4), (3, 3)];
        assert_eq!(line(&[(3, 2, 2), (2, 1, 1), (1, 0, 0)], &told), [(1, 1), (2, 2), (3, 3)]);
        // Resumed within the first epoch, and before any attempt.
        assert_eq!(line(&[(2, 1, 0), (1, 0, 0)], &[(1, 1), (2, 1)]), [(2, 1)]);
        assert_eq!(line(&[], &[]), []);
        // A damaged row leads in no circle.
        assert_eq!(line(&[(1, 1, 5)], &[(1, 1)]), [(1, 1)]);
    }
}
