//! The model: what it holds, in a form that the database can be brought into as well.

use super::world::{Attempt, Job, Sweep};

impl Sweep {
    pub fn row(&self, id: i64) -> String {
        let Self { state, paused, over_budget, waived, priority, .. } = self;
        let flags = [*paused, *over_budget, *waived].map(i64::from);
        format!("sweep {id} {state} {flags:?} {priority}")
    }
}

impl Job {
    pub fn row(&self, id: i64, sweep_priority: i64) -> String {
        let Self { sweep, key, state, failures, losses, own_priority, .. } = self;
        let (class, priority) = (self.class.unwrap_or("-"), sweep_priority + own_priority);
        let flags = [self.dropped, self.waits].map(i64::from);
        let (attempt, reused) = (self.attempts.len(), self.reused_from.unwrap_or(0));
        let Self { parts, outgrown, .. } = self;
        format!(
            "job {id} {sweep} k{key} {state} {class} {failures} {losses} {priority} {flags:?} {attempt} {reused} {parts}/{outgrown}"
        )
    }
}

impl Attempt {
    pub fn row(&self, job: i64, number: usize) -> String {
        let Self { lease, agent, state, resumed: (from, epoch), .. } = self;
        let (class, unwanted) = (self.class.unwrap_or("-"), i64::from(self.unwanted));
        format!("attempt {job} {number} {lease} {agent} {state} {class} {unwanted} {from} {epoch} {}", self.parts)
    }
}
