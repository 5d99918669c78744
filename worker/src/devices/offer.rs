//! A device as the coordinator is told of it.

use sweep_shared::ids::Token;
use sweep_shared::resources::{Closed, Device, DeviceStatus, DeviceUse, MissingMemory, Sensors};

use super::ledger::Ledger;
use super::room::room;
use super::survey::{Desk, Survey};
use crate::probe::Trouble;
use crate::rules::Rule;

/// `quiet`: until when, if it is.
pub fn offer(desk: &Desk, survey: &Survey, rule: &Rule, quiet: Option<String>) -> Device {
    let ledger = desk.ledger.borrow();
    let room = room(&survey.reading, &survey.shares, ledger.missing_bytes(), rule);
    let closed = closed(&ledger, survey.trouble.as_ref(), rule, quiet);
    let releasing: Vec<String> = ledger.releasing().map(|token| token.to_string()).collect();
    let open = desk.all_slots.saturating_sub(releasing.len() as u32);
    let missing = |(token, bytes): &(Token, u64)| MissingMemory { attempt: token.to_string(), bytes: *bytes };
    let of_attempt = |(token, bytes): (&Token, &u64)| DeviceUse { attempt: token.to_string(), bytes: *bytes };
    Device {
        class: desk.key.0,
        index: desk.key.1,
        name: desk.name.clone(),
        memory_total_bytes: room.total_bytes,
        memory_free_bytes: room.free_bytes,
        slots: if closed.is_some() { 0 } else { open },
        status: DeviceStatus {
            uuid: desk.uuid.clone(),
            all_slots: desk.all_slots,
            uses: survey.shares.uses.iter().map(of_attempt).collect(),
            others: survey.shares.others.clone(),
            closed,
            releasing,
            missing: ledger.missing().iter().map(missing).collect(),
            cap_bytes: room.cap_bytes,
            keep_free_bytes: room.keep_free_bytes,
            compute_percent: rule.compute_percent.unwrap_or(0),
            // What was seen before the trouble is no news of how it does now.
            sensors: if survey.trouble.is_none() { survey.reading.sensors } else { Sensors::default() },
        },
    }
}

/// Why the device takes no work: the weightiest reason.
fn closed(ledger: &Ledger, trouble: Option<&Trouble>, rule: &Rule, quiet: Option<String>) -> Option<Closed> {
    if !rule.is_used() {
        return Some(Closed::Unused);
    }
    match trouble {
        Some(Trouble::Lost(reason)) => return Some(Closed::Lost(reason.clone())),
        Some(Trouble::Silent(reason)) if ledger.excluded().is_none() => return Some(Closed::Silent(reason.clone())),
        Some(Trouble::Silent(_)) | None => {}
    }
    let excluded = ledger.excluded().map(|reason| Closed::Excluded(reason.to_owned()));
    excluded.or_else(|| quiet.map(Closed::Quiet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weightiest_reason_is_told() {
        let quiet = || Some("08:00".to_owned());
        let lost = Trouble::Lost("gone".to_owned());
        let silent = Trouble::Silent("hangs".to_owned());
        let mut ledger = Ledger::default();
        let unused = Rule { used: Some(false), ..Rule::default() };
        let rule = Rule::default();
        assert_eq!(closed(&ledger, None, &rule, None), None);
        assert_eq!(closed(&ledger, None, &rule, quiet()), Some(Closed::Quiet("08:00".to_owned())));
        assert_eq!(closed(&ledger, Some(&silent), &rule, quiet()), Some(Closed::Silent("hangs".to_owned())));
        ledger.exclude("Xid 79".to_owned());
        let excluded = Some(Closed::Excluded("Xid 79".to_owned()));
        assert_eq!(closed(&ledger, Some(&silent), &rule, quiet()), excluded);
        assert_eq!(closed(&ledger, Some(&lost), &rule, quiet()), Some(Closed::Lost("gone".to_owned())));
        assert_eq!(closed(&ledger, Some(&lost), &unused, quiet()), Some(Closed::Unused));
    }
}
