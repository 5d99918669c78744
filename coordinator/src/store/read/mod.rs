//! What readers ask. Each answer is of one whole commit.

mod agents;
mod around;
mod attempts;
mod epochs;
mod events;
mod facts;
mod faults;
mod jobs;
mod listing;
mod live;
mod logs;
mod paces;
mod ready;
mod results;
mod retention;
mod running;
mod stages;
mod sweeps;

pub use agents::{AgentRow, agents};
pub use around::{NeighbourRow, file_of, inputs_of, plan_of, readers_of};
pub use attempts::{AttemptRow, attempts_of};
pub use epochs::{EpochRow, epochs_of};
pub use events::{EventQuery, EventRow, events_after, kinds_of_events, last_event, newest_events, search_events};
pub use facts::job_facts;
pub use faults::device_faults;
pub use jobs::{JobRow, jobs_by_id, jobs_of};
pub use listing::{Listing, Order, list_jobs, running_jobs};
pub use live::{LiveRow, live};
pub use logs::newest_attempt;
pub use paces::{RunRow, newest_runs};
pub use ready::{Ready, ReadyQuery};
pub use results::{FileRow, PointRow, files_of_jobs, points_of, points_of_jobs};
pub use retention::retention_facts;
pub use running::{RunningRow, running};
pub use stages::{flows_of, points_version, stages_of, times_of};
pub use sweeps::{SweepRow, latest, owner_of, sweep_ids, sweep_of_job};
