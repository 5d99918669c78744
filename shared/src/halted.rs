//! What a coordinator that can record nothing says with each answer.

use serde::{Deserialize, Serialize};

/// The header of answers, with a [`Halted`] as JSON; it is there only while nothing can be recorded.
pub const HALT_HEADER: &str = "sweep-halt-bin";

/// Why nothing can be recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halted {
    /// `full`, `read_only`, `io`, `corrupt` or `locked`.
    pub kind: String,
    /// For people: what is wrong, where, and what to do.
    pub message: String,
}

impl Halted {
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("two texts can be written")
    }

    /// `None`: another version's.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}
