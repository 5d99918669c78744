//! What a plan comes to: its jobs, each fully specified, inputs before those that read them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::labels::Placement;
use crate::notices::Notify;
use crate::resources::DeviceClass;
use crate::spec::JobSpec;

use super::policy::{Budget, Policy};

/// A whole plan, expanded. Jobs are in an order in which inputs come before their readers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExpandedPlan {
    pub name: String,
    /// Of all jobs, beside their own.
    #[serde(default)]
    pub priority: i32,
    #[serde(default)]
    pub budget: Budget,
    /// No part of the fingerprint.
    #[serde(default)]
    pub notify: Notify,
    pub jobs: Vec<ExpandedJob>,
    /// How many choices fell together because their keys are equal.
    pub shared: u32,
    /// What the user should know although the plan runs, ready to print (several lines each).
    #[serde(default)]
    pub warnings: Vec<String>,
}

impl ExpandedPlan {
    /// Equal for plans that come to the same jobs, however they are written.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.name.as_bytes());
        for job in &self.jobs {
            hasher.update(b"\n");
            hasher.update(job.key.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// One job of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExpandedJob {
    pub spec: JobSpec,
    /// Hash of what determines the result (DESIGN §4).
    pub key: String,
    /// What tells the job from its stage's others: `mode=qat input=pruned[s0.50]`. Empty where the stage has one job.
    pub label: String,
    /// The matrix choices by axis, and the inputs by role, for tables.
    pub params: BTreeMap<String, serde_json::Value>,
    /// Beside `spec.inputs`: which job of the plan (by index) makes each.
    pub inputs: Vec<usize>,
    /// Names of the points this job will make, in order.
    pub points: Vec<String>,
    /// A device class that the plan asks for.
    pub device: Option<DeviceClass>,
    /// Which agents it may go to. No part of the key.
    #[serde(default, skip_serializing_if = "Placement::is_anywhere")]
    pub place: Placement,
    /// Holds the whole host (measure jobs).
    pub exclusive: bool,
    /// No part of the key.
    pub policy: Policy,
    /// Whether a finished job of another sweep with this key may stand for it.
    pub reusable: bool,
}
