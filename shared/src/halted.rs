//! What a coordinator that can record nothing says with each answer.

use serde::{Deserialize, Serialize};

/// The header of answers, with a [`Halted`] as JSON; it is there only while nothing can be recorded, or artifacts cannot be kept.
pub const HALT_HEADER: &str = "sweep-halt-bin";

/// Why nothing can be recorded, or no artifacts kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halted {
    /// `full`, `read_only`, `io`, `corrupt` or `locked`; `artifacts_…` where only the artifact store fails.
    pub kind: String,
    /// For people: what is wrong, where, and what to do.
    pub message: String,
}

impl Halted {
    /// Whether it is the artifact store alone.
    pub fn is_of_artifacts(&self) -> bool {
        self.kind.starts_with("artifacts_")
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("two texts can be written")
    }

    /// `None`: another version's.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}
