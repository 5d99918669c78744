//! What agents must be told besides grants: each once in a session, and again in the next.

use sweep_shared::ids::Token;

use super::live::Stop;
use super::{Fleet, SessionId};

/// What to tell whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Kill the attempt: its job has ended.
    Kill(Token),
    /// Write a checkpoint and stop; why.
    Stop(Token, String),
    /// Interrupt everything and leave.
    Leave,
}

impl Fleet {
    /// Users want these agents to leave.
    pub fn drain(&mut self, agents: &[String]) {
        for id in agents {
            if let Some(agent) = self.agents.get_mut(id) {
                agent.draining = true;
                self.orders = true;
            }
        }
    }

    /// Of these attempts, which the agent still has, the store says again which must stop for a pause; what was paused when
    /// they were told last may have been resumed meanwhile. Of one that was told to make room it is not known whether it
    /// heard; one that never was told may no longer be needed.
    pub(super) fn reconsider(&mut self, agent: &str, interrupt: &[(Token, String)]) {
        for live in self.live.values_mut().filter(|live| live.attempt.agent == agent) {
            let paused = interrupt.iter().find(|(token, _)| *token == live.attempt.token);
            live.stop = match (paused, live.stop.take()) {
                (Some((_, why)), _) => Some(Stop::Paused(why.clone())),
                (None, Some(stop @ Stop::Preempted(_))) if live.told.is_some() => Some(stop),
                (None, _) => None,
            };
        }
        self.orders = true;
    }

    /// What has not been said in the present sessions; taken to be said now.
    pub fn orders(&mut self) -> Vec<(SessionId, Order)> {
        if !std::mem::take(&mut self.orders) {
            return Vec::new();
        }
        let mut orders = Vec::new();
        for agent in self.agents.values_mut().filter(|agent| agent.draining) {
            if let Some(session) = agent.session.filter(|session| agent.drain_told != Some(*session)) {
                agent.drain_told = Some(session);
                orders.push((session, Order::Leave));
            }
        }
        for live in self.live.values_mut() {
            let Some(session) = self.agents.get(&live.attempt.agent).and_then(|agent| agent.session) else { continue };
            if live.told == Some(session) {
                continue;
            }
            let order = match &live.stop {
                _ if !live.attempt.wanted => Order::Kill(live.attempt.token),
                // Of an attempt whose runner is done nothing is left to stop.
                Some(stop) if !live.attempt.finishing => Order::Stop(live.attempt.token, stop.reason()),
                _ => continue,
            };
            live.told = Some(session);
            orders.push((session, order));
        }
        orders
    }
}
