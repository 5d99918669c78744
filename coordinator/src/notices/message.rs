//! What is to be told, before any channel has given it its form.

use serde::{Deserialize, Serialize};

/// One notice. Channels show of it what they have room for, in this order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Message {
    /// The same for each try, and for no other notice: `n42@3f9c…` (the row, and the database's generation).
    pub id: String,
    /// When it happened; unix milliseconds.
    pub at_ms: i64,
    pub mood: Mood,
    /// What happened, as an identifier: `sweep_finished`, `agent_lost`.
    pub event: String,
    /// One line that says it all: `cifar10-kd is finished: 42 jobs, best 93.1 %`. At most 120 characters.
    pub title: String,
    /// Whole sentences, the weightiest first.
    pub lines: Vec<String>,
    /// The best rows of a study.
    pub table: Option<Table>,
    /// Where to look further: `https://desk:7433/sweeps/s3`.
    pub link: Option<String>,
    /// A standalone SVG document with the Pareto front.
    pub plot: Option<String>,
    /// For programs: `sweep`, `name`, `state`, counts. A JSON object, or null.
    pub facts: serde_json::Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mood {
    #[default]
    Good,
    /// Somebody may want to look at it.
    Trouble,
}

/// Texts only; numbers are already written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Table {
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}
