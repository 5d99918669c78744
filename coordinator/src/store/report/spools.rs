//! How far each agent's spool is recorded.

use std::collections::BTreeMap;

use super::super::audit::json;
use super::{Report, StoreError, Tx};

/// Moves each spool on to the last of these reports. Their numbers must follow the recorded one without a gap.
pub async fn advance(tx: &mut Tx<'_>, reports: &[Report]) -> Result<(), StoreError> {
    // First and last number by spool.
    let mut ranges: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (spool, seq) in reports.iter().filter_map(|report| report.spooled.as_ref()) {
        let range = ranges.entry(spool).or_insert((*seq, *seq - 1));
        if *seq != range.1 + 1 {
            return Err(StoreError::Refused(format!("report {seq} of spool {spool} does not follow {}", range.1)));
        }
        range.1 = *seq;
    }
    if ranges.is_empty() {
        return Ok(());
    }
    let rows = json(&ranges);
    let done = sqlx::query!(
        "UPDATE spools SET acked_seq = m.last
         FROM (SELECT key AS id, value ->> 0 AS first, value ->> 1 AS last FROM json_each(?1)) AS m
         WHERE spools.id = m.id AND spools.acked_seq = m.first - 1",
        rows
    )
    .execute(&mut *tx.conn)
    .await?
    .rows_affected();
    if done == ranges.len() as u64 {
        return Ok(());
    }
    Err(StoreError::Refused("a spool's reports are already recorded, or some before them are missing".to_owned()))
}
