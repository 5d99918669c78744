//! A sweep's stages.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use sweep_shared::ids::SweepId;
use sweep_shared::states::JobState;
use utoipa::ToSchema;

use crate::store::read::{self, FlowRow, StageRow};
use crate::store::{Store, StoreError};

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

/// What flows from which stage to which changes with the plan only, and is long to find in a large sweep: it is kept.
#[derive(Clone, Default)]
pub struct Flows(Arc<Mutex<HashMap<SweepId, Kept>>>);

type Kept = (Version, Arc<Vec<FlowRow>>);
type Version = (u64, i64);

/// Of how many sweeps it is kept at most.
const MOST: usize = 64;

impl Flows {
    async fn of(&self, store: &Store, sweep: SweepId) -> Result<Arc<Vec<FlowRow>>, StoreError> {
        let version = read::jobs_version(store, sweep).await?;
        if let Some((of, flows)) = self.0.lock().expect("no holder panics").get(&sweep)
            && *of == version
        {
            return Ok(flows.clone());
        }
        let flows = Arc::new(read::flows_of(store, sweep).await?);
        let mut kept = self.0.lock().expect("no holder panics");
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(sweep, (version, flows.clone()));
        Ok(flows)
    }
}

/// In the plan's order.
pub async fn of(store: &Store, flows: &Flows, sweep: SweepId) -> Result<Vec<Stage>, StoreError> {
    let (rows, flows) = tokio::try_join!(read::stages_of(store, sweep), flows.of(store, sweep))?;
    Ok(stages(rows, &flows))
}

/// The same without what they read, for whoever only counts.
pub async fn counted(store: &Store, sweep: SweepId) -> Result<Vec<Stage>, StoreError> {
    Ok(stages(read::stages_of(store, sweep).await?, &[]))
}

fn stages(mut rows: Vec<StageRow>, flows: &[FlowRow]) -> Vec<Stage> {
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
    stages
}
