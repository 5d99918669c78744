//! A sweep by its stages: how far each is, what flows from which to which, and how long its jobs take.

use sweep_shared::ids::SweepId;

use super::super::{Store, StoreError};

/// The jobs of one stage that are in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageRow {
    pub stage: String,
    pub kind: String,
    pub state: String,
    pub jobs: i64,
    /// The first of them, by which stages are brought into the plan's order.
    pub first: i64,
}

pub async fn stages_of(store: &Store, sweep: SweepId) -> Result<Vec<StageRow>, StoreError> {
    let rows = sqlx::query_as!(
        StageRow,
        r#"SELECT s.stage AS "stage!: String", s.kind AS "kind!: String", j.state AS "state!: String", count(*) AS "jobs!: i64", min(j.id) AS "first!: i64"
           FROM jobs j JOIN job_specs s INDEXED BY job_specs_narrow ON s.job = j.id
           WHERE j.sweep = ? AND j.dropped = 0 GROUP BY s.stage, s.kind, j.state"#,
        sweep.0
    )
    .fetch_all(&store.readers)
    .await?;
    Ok(rows)
}

/// Results of the first stage go into jobs of the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowRow {
    pub source: String,
    pub reader: String,
}

pub async fn flows_of(store: &Store, sweep: SweepId) -> Result<Vec<FlowRow>, StoreError> {
    let rows = sqlx::query_as!(
        FlowRow,
        r#"SELECT DISTINCT f.stage AS "source!: String", t.stage AS "reader!: String"
           FROM jobs j JOIN job_inputs i ON i.job = j.id
                JOIN job_specs t INDEXED BY job_specs_narrow ON t.job = j.id
                JOIN job_specs f INDEXED BY job_specs_narrow ON f.job = i.source
           WHERE j.sweep = ? AND j.dropped = 0"#,
        sweep.0
    )
    .fetch_all(&store.readers)
    .await?;
    Ok(rows)
}

/// Which jobs there are, in a number that becomes another when an amended plan has others.
pub async fn jobs_version(store: &Store, sweep: SweepId) -> Result<(u64, i64), StoreError> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "jobs!: i64", coalesce(sum(id), 0) AS "ids!: i64" FROM jobs WHERE sweep = ? AND dropped = 0"#,
        sweep.0
    )
    .fetch_one(&store.readers)
    .await?;
    Ok((row.jobs as u64, row.ids))
}

/// What the succeeded attempts at a stage's jobs took.
#[derive(Debug, Clone, PartialEq)]
pub struct StageTime {
    pub stage: String,
    pub runs: i64,
    pub seconds: f64,
}

/// Of some thousand jobs at most, chosen without regard to what they are: the mean of so many is as good as that of all.
pub async fn times_of(store: &Store, sweep: SweepId, succeeded: u32) -> Result<Vec<StageTime>, StoreError> {
    const SOME: u32 = 2000;
    let every = i64::from((succeeded / SOME).max(1));
    let rows = sqlx::query_as!(
        StageTime,
        r#"SELECT s.stage AS "stage!: String", count(*) AS "runs!: i64", total(a.run_s) AS "seconds!: f64"
           FROM jobs j JOIN attempts a ON a.job = j.id
                JOIN job_specs s INDEXED BY job_specs_narrow ON s.job = j.id
           WHERE j.sweep = ?1 AND j.state = 'succeeded' AND j.dropped = 0 AND ((j.id * 2654435761) >> 8) % ?2 = 0
                 AND a.state = 'succeeded' AND a.run_s > 0
           GROUP BY s.stage"#,
        sweep.0,
        every
    )
    .fetch_all(&store.readers)
    .await?;
    Ok(rows)
}

/// Which points there are, in a number that becomes another when they change: points are published with the job's end, and never
/// change then.
pub async fn points_version(store: &Store, sweep: SweepId) -> Result<(u64, i64), StoreError> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "jobs!: i64", coalesce(sum(id), 0) AS "ids!: i64" FROM jobs
           WHERE sweep = ? AND state IN ('succeeded', 'stopped') AND dropped = 0"#,
        sweep.0
    )
    .fetch_one(&store.readers)
    .await?;
    Ok((row.jobs as u64, row.ids))
}
