//! What a job told at the ends of its epochs, as one line.

use std::collections::BTreeMap;

use sweep_shared::ids::JobId;
use sweep_shared::wire::v1;
use tonic::Status;

use super::Api;
use crate::store::read::{self, Chain, EpochRow};

/// Points in one answer: more than a screen has columns.
const MOST: usize = 1000;

pub async fn curves(api: &Api, request: v1::CurvesRequest) -> Result<v1::CurvesReply, Status> {
    let (chain, rows) = read::epochs_of(&api.store, JobId(request.job)).await?;
    let points = thinned(lineage(&chain, rows), MOST).into_iter().map(point).collect();
    Ok(v1::CurvesReply { points })
}

/// Of each epoch the end that the newest attempt stands on: its own, before those the ones of the attempt that it went on from, up to
/// the checkpoint, and so on. What an attempt did beyond the checkpoint that was left of it is not part of the line.
fn lineage(chain: &Chain, rows: Vec<EpochRow>) -> Vec<EpochRow> {
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

/// At most so many, evenly chosen, the first and the last among them.
fn thinned(rows: Vec<EpochRow>, most: usize) -> Vec<EpochRow> {
    let all = rows.len();
    if all <= most {
        return rows;
    }
    let chosen: Vec<usize> = (0..most).map(|i| i * (all - 1) / (most - 1)).collect();
    let mut chosen = chosen.into_iter().peekable();
    rows.into_iter().enumerate().filter(|(at, _)| chosen.next_if_eq(at).is_some()).map(|(_, row)| row).collect()
}

fn point(row: EpochRow) -> v1::CurvePoint {
    v1::CurvePoint {
        attempt: row.attempt as u32,
        epoch: row.epoch as u32,
        epochs: row.epochs as u32,
        phase: row.phase,
        metrics_json: row.metrics_json,
        at_ms: row.at_ms,
    }
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
        lineage(&chain.to_vec(), rows).iter().map(|row| (row.attempt, row.epoch)).collect()
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

    #[test]
    fn very_many_are_thinned_with_the_first_and_the_last() {
        let rows: Vec<EpochRow> = (1..=5000).map(|epoch| row(1, epoch)).collect();
        let thin = thinned(rows.clone(), 1000);
        assert_eq!((thin.len(), thin[0].epoch, thin[999].epoch), (1000, 1, 5000));
        assert!(thin.windows(2).all(|pair| pair[1].epoch - pair[0].epoch <= 6));
        assert_eq!(thinned(rows[..1000].to_vec(), 1000).len(), 1000);
    }
}
