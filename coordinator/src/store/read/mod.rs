//! What readers ask. Each answer is of one whole commit.

mod agents;
mod attempts;
mod epochs;
mod events;
mod facts;
mod faults;
mod jobs;
mod live;
mod logs;
mod paces;
mod ready;
mod results;
mod retention;
mod running;
mod sweeps;
mod totals;

pub use agents::{AgentRow, agents};
pub use attempts::{AttemptRow, attempts_of};
pub use epochs::{Chain, EpochRow, epochs_of};
pub use events::{EventQuery, EventRow, events_after, kinds_of_events, last_event, newest_events, search_events};
pub use facts::job_facts;
pub use faults::device_faults;
pub use jobs::{JobRow, jobs_by_id, jobs_of};
pub use live::{LiveRow, live};
pub use logs::newest_attempt;
pub use paces::{RunRow, newest_runs};
pub use ready::{Ready, ReadyQuery};
pub use results::{FileRow, PointRow, files_of_jobs, points_of, points_of_jobs};
pub use retention::retention_facts;
pub use running::{RunningRow, running};
pub use totals::{Totals, totals};
pub use sweeps::{SweepRow, latest, owner_of, sweep_of_job};
