//! What the rules ask of hosts.

use sweep_shared::ids::Token;

use super::host::{Host, Process};
use super::runner::Run;
use super::{Step, World};
use crate::checks::{Rule, Snapshot, Violation};

impl World {
    /// What every agent was told of its spool by this generation of the database.
    pub fn acknowledged<'a>(&'a self, generation: &'a str) -> impl Iterator<Item = (&'a str, &'a str, u64)> {
        self.hosts.iter().filter_map(move |host| {
            let process = host.running().filter(|process| process.generation.as_deref() == Some(generation))?;
            Some((host.name.as_str(), process.acked.0.as_str(), process.acked.1))
        })
    }

    fn holder(&self, token: Token) -> Option<(&Host, &Process)> {
        let holds = |host: &'_ Host| host.running().is_some_and(|process| process.runs.contains_key(&token));
        let host = self.hosts.iter().find(|host| holds(host))?;
        Some((host, host.running()?))
    }

    /// Whether the agent that runs this has a good connection to the coordinator.
    pub fn is_connected(&self, token: Token) -> bool {
        let Some((host, process)) = self.holder(token) else { return false };
        let awake = host.asleep(self.now).is_none() && self.office.asleep(self.now).is_none();
        let usable = host.path.is_whole() && host.path.slowest_ms <= 2_000 && self.office.site.is_some();
        let conn = process.conn.and_then(|conn| self.conns.get(&conn));
        let open =
            conn.is_some_and(|conn| conn.run == self.office.run && conn.coordinator_open && conn.session.is_some());
        awake && usable && open && process.agent.is_welcomed()
    }

    pub fn is_training(&self, token: Token) -> bool {
        self.holder(token).is_some_and(|(_, process)| process.runs[&token].is_training())
    }

    /// For how long the job's live attempt has run.
    pub fn running_s(&self, new: &Snapshot, job: i64) -> f64 {
        let live = new.live().find(|((of, _), _)| *of == job).map(|(_, attempt)| attempt.token());
        let made = live.and_then(|token| self.truth.get(token)).filter(|made| made.alive);
        made.and_then(|made| made.began).map_or(0.0, |began| (self.now - began) as f64 / 1e3)
    }

    /// Whether the agent of the job's live attempt has a good connection.
    pub fn is_connected_for(&self, new: &Snapshot, job: i64) -> bool {
        let live = new.live().find(|((of, _), _)| *of == job).map(|(_, attempt)| attempt.token());
        live.is_some_and(|token| self.is_connected(token))
    }

    /// The slots of an agent's device.
    pub fn slots(&self, agent: &str, class: &str, index: u32) -> u32 {
        let host = self.hosts.iter().find(|host| host.agent_id() == agent);
        let devices = host.map_or(&[][..], |host| &host.devices);
        devices.iter().find(|d| d.class.as_str() == class && d.index == index).map_or(0, |device| device.slots)
    }

    /// What the agent holds must be no more than its slots.
    pub fn check_slots_of_agents(&self) -> Step {
        for host in &self.hosts {
            let Some(process) = host.running() else { continue };
            let busy: Vec<&Run> = process.runs.values().filter(|run| run.holds_slot()).collect();
            for device in &host.devices {
                let here = busy.iter().filter(|run| run.device == (device.class, device.index)).count();
                if here > device.slots as usize {
                    let what = format!("{here} runners on {} {} {}", host.name, device.class.as_str(), device.index);
                    return Err(Violation::new(Rule::SlotsHold, what));
                }
            }
            if busy.len() > 1 && busy.iter().any(|run| run.exclusive) {
                let what = format!("{} runs something beside an exclusive job", host.name);
                return Err(Violation::new(Rule::SlotsHold, what));
            }
        }
        Ok(())
    }
}
