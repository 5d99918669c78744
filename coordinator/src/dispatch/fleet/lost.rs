//! Agents that left without a word.
//!
//! Those whose leases have run out may lose their jobs; people are told of them only when they have really stayed away: for a
//! whole lease since they were last heard (or, after the coordinator's own start, since that), and once.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Fleet;

impl Fleet {
    /// These said hello to a coordinator before, and did not take their leave. They get a lease to come back.
    pub fn expect(&mut self, agents: impl IntoIterator<Item = String>, now: Duration) {
        let until = now + self.terms.lease;
        self.expected = agents.into_iter().map(|agent| (agent, until)).collect();
    }

    /// Those that have stayed away, each once until it is heard again.
    pub fn newly_lost(&mut self, now: Duration) -> Vec<String> {
        let silent = |heard: Duration| now.saturating_sub(heard) >= self.terms.lease;
        let mut lost = BTreeSet::new();
        for agent in self.agents.values_mut() {
            if !agent.gone && agent.lease_until <= now && silent(agent.heard) {
                agent.gone = true;
                lost.insert(agent.info.id.clone());
            }
        }
        self.expected.retain(|agent, until| {
            let over = *until <= now;
            if over {
                lost.insert(agent.clone());
            }
            !over
        });
        lost.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{TERMS, at, fleet, join};
    use super::super::{Fleet, SessionId};

    #[test]
    fn an_agent_is_lost_once_its_lease_is_over_not_its_grace() {
        let mut fleet = fleet();
        fleet.heard(SessionId(1), at(10));
        fleet.close(SessionId(1), at(12));
        assert!(fleet.newly_lost(at(40)).is_empty(), "others may have its jobs, but it may well be back");
        assert_eq!(fleet.newly_lost(at(70)), ["a"]);
        assert!(fleet.newly_lost(at(500)).is_empty());
        join(&mut fleet, "a", 2, at(501));
        assert!(fleet.newly_lost(at(560)).is_empty());
        assert_eq!(fleet.newly_lost(at(561)), ["a"], "silent this time");
        fleet.heard(SessionId(2), at(570));
        assert_eq!(fleet.newly_lost(at(630)), ["a"], "it spoke once more");
    }

    #[test]
    fn whoever_took_its_leave_is_not_lost() {
        let mut fleet = fleet();
        fleet.left("a");
        fleet.close(SessionId(1), at(1));
        assert!(fleet.newly_lost(at(500)).is_empty());
    }

    #[test]
    fn those_from_before_the_start_have_a_lease_to_come_back() {
        let mut fleet = Fleet::new(TERMS, vec![], at(100));
        fleet.expect(["a", "b", "c"].map(str::to_owned), at(100));
        join(&mut fleet, "a", 1, at(110));
        fleet.left("c");
        assert!(fleet.newly_lost(at(159)).is_empty());
        assert_eq!(fleet.newly_lost(at(160)), ["b"]);
        assert!(fleet.newly_lost(at(161)).is_empty());
    }

    #[test]
    fn a_gap_of_the_coordinators_own_proves_nothing() {
        let mut fleet = fleet();
        fleet.expect(["b".to_owned()], at(0));
        fleet.tick(at(3600));
        assert!(fleet.newly_lost(at(3601)).is_empty());
        (3601..=3660).for_each(|second| fleet.tick(at(second)));
        assert_eq!(fleet.newly_lost(at(3660)), ["a", "b"]);
    }
}
