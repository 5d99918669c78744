//! What people and programs see: plain values made from rows, from what the board knows of running attempts, and from the agents'
//! reports. The pages (`web`) draw them, and the JSON API sends them as they are.

pub mod agents;
mod eta;
pub mod events;
pub mod job;
pub mod jobs;
mod lineage;
pub mod results;
mod stages;
pub mod sweeps;

pub use lineage::lineage;
pub use stages::{Flows, Stage};

/// One page of many.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct Paged<T> {
    pub items: Vec<T>,
    /// How many there are in all that fit the question.
    pub total: u64,
    /// The number of the first of these, from 0.
    pub offset: u64,
}
