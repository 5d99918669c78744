//! Pages of a sweep's jobs, filtered and sorted here, so that a page costs what it shows and a walk over narrow indexes.

use sweep_shared::ids::{JobId, SweepId};

use super::super::{Store, StoreError};

/// Which jobs, in which order.
#[derive(Debug, Clone, Default)]
pub struct Listing<'a> {
    /// Of this stage only.
    pub stage: Option<&'a str>,
    pub state: Option<&'a str>,
    /// In the stage with the label, or in the message; upper and lower case are alike. Empty: any.
    pub text: &'a str,
    /// This job only.
    pub job: Option<JobId>,
    pub order: Order,
    /// From the end.
    pub reverse: bool,
    pub offset: u32,
    pub limit: u32,
}

/// Equal ones stand in the plan's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    #[default]
    Plan,
    Stage,
    Label,
    Seed,
    State,
    Changed,
}

impl Order {
    const ALL: [Self; 6] = [Self::Plan, Self::Stage, Self::Label, Self::Seed, Self::State, Self::Changed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Stage => "stage",
            Self::Label => "label",
            Self::Seed => "seed",
            Self::State => "state",
            Self::Changed => "changed",
        }
    }

    /// Of a column that can be asked for. The plan's order has no name there: it is what holds where none is named.
    pub fn by(column: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|order| *order != Self::Plan && order.as_str() == column)
    }
}

/// One page of them, and how many there are in all. One walk finds both.
pub async fn list_jobs(store: &Store, sweep: SweepId, of: &Listing<'_>) -> Result<(Vec<JobId>, u64), StoreError> {
    let pattern = if of.text.is_empty() { String::new() } else { format!("%{}%", literal(of.text)) };
    let (stage, state, job) = (of.stage, of.state, of.job.map(|job| job.0));
    let order = of.order.as_str();
    let rows = sqlx::query!(
        r#"WITH hits AS MATERIALIZED (
             SELECT j.id, CASE ?6 WHEN 'stage' THEN s.stage WHEN 'label' THEN s.label WHEN 'seed' THEN s.seed
                                  WHEN 'state' THEN j.state WHEN 'changed' THEN j.changed_ms END AS key
             FROM jobs j JOIN job_specs s INDEXED BY job_specs_narrow ON s.job = j.id
             WHERE j.sweep = ?1 AND j.dropped = 0 AND (?2 IS NULL OR s.stage = ?2) AND (?3 IS NULL OR j.state = ?3)
                   AND (?4 IS NULL OR j.id = ?4)
                   AND (?5 = '' OR s.stage || ' ' || s.label LIKE ?5 ESCAPE '\'
                        OR (j.message <> '' AND j.message LIKE ?5 ESCAPE '\')))
           SELECT id AS "id!: i64", (SELECT count(*) FROM hits) AS "total!: i64" FROM hits
           ORDER BY CASE WHEN ?7 THEN NULL ELSE key END, CASE WHEN ?7 THEN key END DESC,
                    CASE WHEN ?7 AND ?6 = 'plan' THEN -id ELSE id END
           LIMIT ?8 OFFSET ?9"#,
        sweep.0,
        stage,
        state,
        job,
        pattern,
        order,
        of.reverse,
        of.limit,
        of.offset
    )
    .fetch_all(&store.readers)
    .await?;
    let total = rows.first().map_or(0, |row| row.total as u64);
    Ok((rows.into_iter().map(|row| JobId(row.id)).collect(), total))
}

/// Of what `LIKE` takes for wildcards, what they are.
fn literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// The sweep's running jobs, in the plan's order.
pub async fn running_jobs(store: &Store, sweep: SweepId) -> Result<Vec<JobId>, StoreError> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM jobs WHERE sweep = ? AND state = 'running' AND dropped = 0 ORDER BY id",
        sweep.0
    )
    .fetch_all(&store.readers)
    .await?;
    Ok(ids.into_iter().map(JobId).collect())
}
