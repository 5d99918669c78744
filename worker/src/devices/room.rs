//! How much of a device's memory sweep's jobs may have, by what is free and by the owner's rules.

use sweep_shared::size::Size;

use super::ledger::Ledger;
use super::shares::Shares;
use crate::probe::Reading;
use crate::rules::Rule;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// For all jobs together.
    pub total_bytes: u64,
    /// Not used by anybody. Promises that are not used yet are in it.
    pub free_bytes: u64,
    /// The owner's bounds; 0: none.
    pub cap_bytes: u64,
    pub keep_free_bytes: u64,
}

pub fn room(reading: &Reading, shares: &Shares, missing_bytes: u64, rule: &Rule) -> Room {
    let total = reading.total_bytes;
    let keep_free_bytes = rule.keep_free.map_or(0, |amount| amount.of(total));
    let cap_bytes = rule.memory.map_or(0, |amount| amount.of(total));
    let cap = if rule.memory.is_some() { cap_bytes } else { total };
    let ours: u64 = shares.uses.values().sum();
    Room {
        total_bytes: total.saturating_sub(keep_free_bytes).saturating_sub(missing_bytes).min(cap),
        free_bytes: reading.free_bytes.saturating_sub(keep_free_bytes).min(cap.saturating_sub(ours)),
        cap_bytes,
        keep_free_bytes,
    }
}

/// Processes that a refusal names.
const NAMED: usize = 3;

/// free − Σ max(0, promised − used) must hold what is needed. Answers how much it is; or, in words, why it is too little.
pub fn admit(named: &str, room: Room, shares: &Shares, ledger: &Ledger, need_bytes: u64) -> Result<u64, String> {
    let outstanding = ledger.outstanding(&shares.uses);
    let available = room.free_bytes.saturating_sub(outstanding);
    if need_bytes <= available {
        return Ok(available);
    }
    let mut because: Vec<String> = shares.others.iter().take(NAMED).map(ToString::to_string).collect();
    if outstanding > 0 {
        because.push(format!("{} are promised to runners that are still loading", Size(outstanding)));
    }
    because.extend(
        ledger.missing().iter().map(|(token, bytes)| format!("{} did not come back after {token}", Size(*bytes))),
    );
    if room.keep_free_bytes > 0 {
        because.push(format!("agent.toml keeps {} free", Size(room.keep_free_bytes)));
    }
    if room.cap_bytes > 0 {
        because.push(format!("agent.toml lets sweep's jobs have {} together", Size(room.cap_bytes)));
    }
    let because = if because.is_empty() { String::new() } else { format!("; {}", because.join(", ")) };
    Err(format!("it needs {}, and {named} has {} free{because}", Size(need_bytes), Size(room.free_bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::Uses;
    use crate::rules::Amount;
    use sweep_shared::ids::{JobId, Token};
    use sweep_shared::resources::OtherProcess;

    const GIB: u64 = 1 << 30;

    fn token(job: i64) -> Token {
        Token { job: JobId(job), attempt: 1, lease: 0 }
    }

    fn reading(total: u64, free: u64) -> Reading {
        Reading { total_bytes: total, free_bytes: free, ..Reading::default() }
    }

    fn using(bytes: u64) -> Shares {
        Shares { uses: Uses::from([(token(1), bytes)]), ..Shares::default() }
    }

    #[test]
    fn the_owners_rules_bound_what_there_is() {
        let plain = room(&reading(8, 5), &using(2), 0, &Rule::default());
        assert_eq!((plain.total_bytes, plain.free_bytes), (8, 5));
        let capped = Rule { memory: Some(Amount::Bytes(4)), ..Rule::default() };
        let room_of = |rule: &Rule, free| room(&reading(8, free), &using(2), 1, rule);
        assert_eq!(
            room_of(&capped, 5),
            Room { total_bytes: 4, free_bytes: 2, cap_bytes: 4, keep_free_bytes: 0 },
            "what our jobs use already is of the cap"
        );
        assert_eq!(room_of(&capped, 1).free_bytes, 1, "others have the rest");
        let kept = Rule { keep_free: Some(Amount::Percent(25.0)), ..Rule::default() };
        assert_eq!(room_of(&kept, 5), Room { total_bytes: 5, free_bytes: 3, cap_bytes: 0, keep_free_bytes: 2 });
        let nothing = Rule { memory: Some(Amount::Percent(0.0)), ..Rule::default() };
        assert_eq!((room_of(&nothing, 5).total_bytes, room_of(&nothing, 5).free_bytes), (0, 0));
    }

    #[test]
    fn what_a_runner_uses_is_not_counted_twice_nor_given_to_others() {
        let admit = |free, promised, used, need| {
            let mut ledger = Ledger::default();
            ledger.promise(token(1), promised);
            let room = Room { free_bytes: free, ..Room::default() };
            admit("GPU 0", room, &using(used), &ledger, need).is_ok()
        };
        assert!(admit(10, 0, 0, 10));
        // It is still loading.
        assert!(admit(10, 4, 0, 6) && !admit(10, 4, 0, 7));
        // It was promised 4, took 3 (free shows that already) and may still take 1.
        assert!(admit(7, 4, 3, 6) && !admit(7, 4, 3, 7));
        // It took more than it was promised: nothing of that is free for others.
        assert!(admit(5, 4, 9, 5) && !admit(5, 4, 9, 6));
    }

    #[test]
    fn a_refusal_names_who_has_the_memory() {
        let blender = OtherProcess { pid: 4211, name: "blender".into(), user: "anna".into(), bytes: 51 * GIB / 10 };
        let shares = Shares { others: vec![blender], ..Shares::default() };
        let mut ledger = Ledger::default();
        ledger.promise(token(2), GIB);
        ledger.write_off(token(4), GIB / 2);
        let room = Room { free_bytes: 12 * GIB / 10, ..Room::default() };
        let refusal = admit("GPU 0", room, &shares, &ledger, 6 * GIB).unwrap_err();
        assert_eq!(
            refusal,
            "it needs 6.0 GiB, and GPU 0 has 1.2 GiB free; blender (pid 4211, anna) holds 5.1 GiB, 1.0 GiB are promised \
             to runners that are still loading, 512 MiB did not come back after j4.1"
        );
    }
}
