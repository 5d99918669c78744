//! A sweep's stages.

use std::collections::BTreeMap;

use sweep_shared::ids::SweepId;
use sweep_shared::states::JobState;
use utoipa::ToSchema;

use crate::store::{Store, StoreError, read};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, ToSchema)]
pub struct Stage {
    pub name: String,
    /// `train`, `prune`, `measure`, …
    pub kind: String,
    /// Its jobs by state.
    pub jobs: BTreeMap<String, u32>,
    /// The stages whose results it reads.
    pub inputs: Vec<String>,
}

impl Stage {
    pub fn count(&self, state: JobState) -> u32 {
        self.jobs.get(state.as_str()).copied().unwrap_or_default()
    }
}

/// In the plan's order.
pub async fn of(store: &Store, sweep: SweepId) -> Result<Vec<Stage>, StoreError> {
    let (mut rows, flows) = tokio::try_join!(read::stages_of(store, sweep), read::flows_of(store, sweep))?;
    rows.sort_by_key(|row| row.first);
    let mut stages: Vec<Stage> = Vec::new();
    for row in rows {
        let jobs = row.jobs as u32;
        match stages.iter_mut().find(|stage| stage.name == row.stage) {
            Some(stage) => *stage.jobs.entry(row.state).or_default() += jobs,
            None => stages.push(Stage {
                inputs: flows.iter().filter(|flow| flow.reader == row.stage).map(|flow| flow.source.clone()).collect(),
                name: row.stage,
                kind: row.kind,
                jobs: BTreeMap::from([(row.state, jobs)]),
            }),
        }
    }
    Ok(stages)
}
