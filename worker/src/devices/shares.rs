//! Who has what of a device's memory, from a reading and the owners of its processes.

use std::collections::{BTreeMap, HashMap};

use sweep_shared::ids::Token;
use sweep_shared::resources::OtherProcess;

use super::Uses;
use crate::probe::Reading;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shares {
    /// Of our attempts that have runners.
    pub uses: Uses,
    /// The largest first.
    pub others: Vec<OtherProcess>,
    /// In use, though no process that can be seen holds it: the driver's own, or what a dead process left behind.
    pub hidden_bytes: u64,
    /// The driver shows no processes (as in a container), or not what they use (as under Windows): who holds what is a guess.
    pub blind: bool,
}

/// `owners`: by process id, which attempt it belongs to. `others`: the other holders. `runners`: the attempts that have a
/// runner, with what they were promised. `known_bytes`: of the hidden memory, what was hidden before.
pub fn split(
    reading: &Reading,
    owners: &HashMap<u32, Token>,
    mut others: Vec<OtherProcess>,
    runners: &[(Token, u64)],
    known_bytes: u64,
) -> Shares {
    let mut uses: Uses = runners.iter().map(|(token, _)| (*token, 0)).collect();
    let mut seen = 0;
    for holder in &reading.holders {
        let bytes = holder.bytes.unwrap_or(0);
        seen += bytes;
        if let Some(token) = owners.get(&holder.pid) {
            *uses.entry(*token).or_default() += bytes;
        }
    }
    let hidden_bytes = reading.total_bytes.saturating_sub(reading.free_bytes).saturating_sub(seen);
    let blind = reading.holders.iter().all(|holder| holder.bytes.is_none())
        && hidden_bytes > known_bytes
        && !runners.is_empty();
    if blind {
        guess(&mut uses, runners, hidden_bytes - known_bytes);
    }
    others.sort_by_key(|other| std::cmp::Reverse(other.bytes));
    Shares { uses, others, hidden_bytes, blind }
}

/// Memory of which nobody can tell who has it is most likely our runners', each up to its promise.
fn guess(uses: &mut BTreeMap<Token, u64>, runners: &[(Token, u64)], mut left: u64) {
    for (token, promised) in runners {
        let bytes = left.min(*promised);
        uses.insert(*token, bytes);
        left -= bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Holder;
    use sweep_shared::ids::JobId;

    fn token(job: i64) -> Token {
        Token { job: JobId(job), attempt: 1, lease: 0 }
    }

    fn reading(free_bytes: u64, holders: &[(u32, u64)]) -> Reading {
        let holder = |(pid, bytes): &(u32, u64)| Holder { pid: *pid, bytes: Some(*bytes), name: None };
        Reading {
            total_bytes: 100,
            free_bytes,
            holders: holders.iter().map(holder).collect(),
            memory_errors: None,
            ..Reading::default()
        }
    }

    fn other(pid: u32, bytes: u64) -> OtherProcess {
        OtherProcess { pid, name: format!("p{pid}"), user: String::new(), bytes }
    }

    #[test]
    fn all_processes_of_an_attempt_count_for_it() {
        let owners = HashMap::from([(11, token(1)), (12, token(1)), (21, token(2))]);
        let found = [(11, 5), (12, 6), (21, 7), (91, 8), (92, 20)];
        let shares = split(
            &reading(50, &found),
            &owners,
            vec![other(91, 8), other(92, 20)],
            &[(token(1), 9), (token(2), 9), (token(3), 9)],
            0,
        );
        assert_eq!(shares.uses, Uses::from([(token(1), 11), (token(2), 7), (token(3), 0)]));
        assert_eq!(shares.others, [other(92, 20), other(91, 8)]);
        assert_eq!((shares.hidden_bytes, shares.blind), (4, false));
    }

    #[test]
    fn without_any_process_in_sight_memory_is_taken_to_be_the_runners() {
        let shares = split(&reading(60, &[]), &HashMap::new(), vec![], &[(token(1), 20), (token(2), 30)], 5);
        assert_eq!(shares.uses, Uses::from([(token(1), 20), (token(2), 15)]));
        assert!(shares.blind);
        let mut untold = reading(60, &[(11, 0)]);
        untold.holders[0].bytes = None;
        let told = split(&untold, &HashMap::from([(11, token(1))]), vec![], &[(token(1), 50)], 5);
        assert_eq!((told.uses, told.blind), (Uses::from([(token(1), 35)]), true));
        let idle = split(&reading(95, &[]), &HashMap::new(), vec![], &[(token(1), 20)], 5);
        assert_eq!((idle.uses, idle.blind), (Uses::from([(token(1), 0)]), false));
    }
}
