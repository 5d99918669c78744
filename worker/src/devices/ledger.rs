//! What the agent remembers of a device: who was promised what, what did not come back, what is wrong with it.

use std::collections::BTreeMap;

use sweep_shared::ids::Token;

use super::Uses;
use super::shares::Shares;
use crate::process::Members;

/// Memory may differ by so much from one reading to the next without anybody's doing.
const NOISE: u64 = 128 << 20;

#[derive(Debug, Default)]
pub struct Ledger {
    tenants: BTreeMap<Token, Tenant>,
    /// After whom, and how much. The newest last.
    missing: Vec<(Token, u64)>,
    /// What was hidden before any attempt: the driver's own. `None`: it was not read yet.
    floor: Option<u64>,
    excluded: Option<String>,
    /// Memory errors from before the agent's start.
    errors_before: Option<u64>,
}

#[derive(Debug)]
struct Tenant {
    promised: u64,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Promised,
    Running(Members),
    /// Its processes are gone; its memory may not be back yet.
    Leaving,
}

impl Ledger {
    pub fn promise(&mut self, token: Token, promised: u64) {
        self.tenants.insert(token, Tenant { promised, phase: Phase::Promised });
    }

    pub fn running(&mut self, token: Token, members: Members) {
        if let Some(tenant) = self.tenants.get_mut(&token) {
            tenant.phase = Phase::Running(members);
        }
    }

    pub fn leaving(&mut self, token: Token) {
        if let Some(tenant) = self.tenants.get_mut(&token) {
            tenant.phase = Phase::Leaving;
        }
    }

    pub fn remove(&mut self, token: Token) {
        self.tenants.remove(&token);
    }

    /// The attempts that have runners: their processes, and what they were promised.
    pub fn runners(&self) -> impl Iterator<Item = (Token, &Members, u64)> {
        self.tenants.iter().filter_map(|(token, tenant)| match &tenant.phase {
            Phase::Running(members) => Some((*token, members, tenant.promised)),
            Phase::Promised | Phase::Leaving => None,
        })
    }

    /// The attempts whose memory is awaited.
    pub fn releasing(&self) -> impl Iterator<Item = Token> {
        self.tenants.iter().filter(|(_, tenant)| matches!(tenant.phase, Phase::Leaving)).map(|(token, _)| *token)
    }

    /// Promises that are not taken yet: a runner that is still loading shows in no reading.
    pub fn outstanding(&self, uses: &Uses) -> u64 {
        let open = |(token, tenant): (&Token, &Tenant)| match tenant.phase {
            Phase::Leaving => 0,
            _ => tenant.promised.saturating_sub(uses.get(token).copied().unwrap_or(0)),
        };
        self.tenants.iter().map(open).sum()
    }

    /// What is known to be hidden: the driver's own, and what did not come back.
    pub fn known_bytes(&self) -> u64 {
        self.floor.unwrap_or(0) + self.missing_bytes()
    }

    pub fn missing(&self) -> &[(Token, u64)] {
        &self.missing
    }

    pub fn missing_bytes(&self) -> u64 {
        self.missing.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Memory that is hidden now and was not before: that of attempts that are leaving, as long as there is more than noise.
    pub fn awaited(&self, shares: &Shares) -> Option<u64> {
        // Where no process can be seen, that of others cannot be told from it.
        let others = self.tenants.values().any(|tenant| !matches!(tenant.phase, Phase::Leaving));
        let more = shares.hidden_bytes.saturating_sub(self.known_bytes());
        (more > NOISE && !(shares.blind && others)).then_some(more)
    }

    /// The attempt's memory did not come back in time: it is not counted on any more.
    pub fn write_off(&mut self, token: Token, bytes: u64) {
        self.missing.push((token, bytes));
    }

    /// A new reading: what was missing may be back; and while nobody is here, what is hidden is nobody's.
    pub fn take(&mut self, hidden_bytes: u64) {
        let mut back = self.known_bytes().saturating_sub(hidden_bytes);
        while back > 0
            && let Some((_, bytes)) = self.missing.last_mut()
        {
            let part = back.min(*bytes);
            *bytes -= part;
            back -= part;
            // A remainder like this is noise.
            if *bytes <= NOISE {
                self.missing.pop();
            }
        }
        if self.tenants.is_empty() || self.floor.is_none() {
            self.floor = Some(hidden_bytes.saturating_sub(self.missing_bytes()));
        } else if back > 0 {
            self.floor = self.floor.map(|floor| floor.saturating_sub(back));
        }
    }

    /// The device counted so many memory errors. Those from before the agent's start are known to whoever started it.
    pub fn count_errors(&mut self, errors: Option<u64>) {
        let Some(errors) = errors else { return };
        let before = *self.errors_before.get_or_insert(errors);
        if errors > before {
            let new = errors - before;
            let many = if new == 1 { "1 memory error".to_owned() } else { format!("{new} memory errors") };
            self.exclude(format!("{many} that could not be corrected (ECC)"));
        }
    }

    /// It is not used until the agent is started again. The first reason stays.
    pub fn exclude(&mut self, reason: String) {
        self.excluded.get_or_insert(reason);
    }

    pub fn excluded(&self) -> Option<&str> {
        self.excluded.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweep_shared::ids::JobId;

    const GIB: u64 = 1 << 30;

    fn token(job: i64) -> Token {
        Token { job: JobId(job), attempt: 1, lease: 0 }
    }

    fn hidden(hidden_bytes: u64) -> Shares {
        Shares { hidden_bytes, ..Shares::default() }
    }

    fn running(ledger: &mut Ledger, job: i64, promised: u64) {
        ledger.promise(token(job), promised);
        ledger.running(token(job), Members::new("a", token(job).to_string(), 1, None));
    }

    #[test]
    fn promises_count_until_they_are_used_or_over() {
        let mut ledger = Ledger::default();
        ledger.promise(token(1), 4);
        running(&mut ledger, 2, 6);
        assert_eq!(ledger.outstanding(&Uses::new()), 10);
        assert_eq!(ledger.outstanding(&Uses::from([(token(2), 5)])), 5);
        assert_eq!(ledger.outstanding(&Uses::from([(token(2), 9)])), 4, "what it took beyond its promise is its own");
        ledger.leaving(token(1));
        assert_eq!(ledger.outstanding(&Uses::from([(token(2), 6)])), 0);
        ledger.remove(token(2));
        assert_eq!(ledger.outstanding(&Uses::new()), 0);
    }

    #[test]
    fn memory_that_nobody_holds_after_an_attempt_is_awaited_and_then_written_off() {
        let mut ledger = Ledger::default();
        ledger.take(GIB);
        running(&mut ledger, 1, GIB);
        ledger.take(2 * GIB);
        ledger.leaving(token(1));
        assert_eq!(ledger.awaited(&hidden(3 * GIB)), Some(2 * GIB));
        assert_eq!(ledger.awaited(&hidden(GIB + NOISE)), None, "noise is not waited for");
        ledger.write_off(token(1), 2 * GIB);
        ledger.remove(token(1));
        assert_eq!((ledger.missing_bytes(), ledger.awaited(&hidden(3 * GIB))), (2 * GIB, None));
        running(&mut ledger, 2, GIB);
        ledger.take(3 * GIB);
        assert_eq!(ledger.missing(), [(token(1), 2 * GIB)]);
        ledger.take(2 * GIB);
        assert_eq!(ledger.missing(), [(token(1), GIB)], "half of it is back");
        ledger.take(GIB);
        assert_eq!((ledger.missing(), ledger.known_bytes()), (&[][..], GIB));
    }

    #[test]
    fn while_nobody_is_there_hidden_memory_is_nobodys() {
        let mut ledger = Ledger::default();
        ledger.take(0);
        ledger.take(3 * GIB);
        running(&mut ledger, 1, GIB);
        assert_eq!(ledger.awaited(&hidden(3 * GIB)), None);
    }

    #[test]
    fn where_no_process_is_seen_nobody_waits_for_what_others_may_have() {
        let mut ledger = Ledger::default();
        ledger.take(0);
        running(&mut ledger, 1, GIB);
        running(&mut ledger, 2, GIB);
        ledger.leaving(token(1));
        let blind = || Shares { blind: true, ..hidden(2 * GIB) };
        assert_eq!(ledger.awaited(&blind()), None);
        ledger.leaving(token(2));
        assert_eq!(ledger.awaited(&blind()), Some(2 * GIB));
    }

    #[test]
    fn new_memory_errors_exclude_a_device_and_old_ones_do_not() {
        let mut ledger = Ledger::default();
        ledger.count_errors(Some(3));
        ledger.count_errors(None);
        assert_eq!(ledger.excluded(), None);
        ledger.count_errors(Some(4));
        assert_eq!(ledger.excluded(), Some("1 memory error that could not be corrected (ECC)"));
        ledger.exclude("Xid 79".to_owned());
        assert_eq!(ledger.excluded(), Some("1 memory error that could not be corrected (ECC)"));
    }
}
