//! What really happened to attempts, as nobody in the simulated world knows it: the runners' side. What the database says of
//! an attempt must have happened to this very attempt.

use std::collections::{BTreeMap, BTreeSet};

use sweep_shared::ids::Token;

/// One attempt's life.
#[derive(Debug, Clone, Default)]
pub struct Made {
    /// Its runner lives, or its files are on their way.
    pub alive: bool,
    pub resumed: Option<(u32, u64)>,
    pub epochs: BTreeSet<u32>,
    pub checkpoints: BTreeSet<(u32, u64)>,
    /// How its task ended, as its agent will tell it.
    pub end: Option<&'static str>,
    /// Since when its agent has had a good connection to the coordinator.
    pub connected_since: Option<u64>,
    /// When its runner was started.
    pub began: Option<u64>,
    /// Since when the coordinator, to which there is a good connection, wants it gone.
    pub unwanted_since: Option<u64>,
}

#[derive(Debug, Default)]
pub struct Truth {
    pub attempts: BTreeMap<Token, Made>,
}

impl Truth {
    pub fn begins(&mut self, token: Token, now: u64) {
        self.attempts.insert(token, Made { alive: true, began: Some(now), ..Made::default() });
    }

    pub fn of(&mut self, token: Token) -> &mut Made {
        self.attempts.entry(token).or_default()
    }

    pub fn get(&self, token: Token) -> Option<&Made> {
        self.attempts.get(&token)
    }

    pub fn ends(&mut self, token: Token, end: &'static str) {
        let made = self.of(token);
        made.alive = false;
        made.end = Some(end);
    }

    /// Killed with its agent.
    pub fn dies(&mut self, token: Token) {
        self.of(token).alive = false;
    }
}
