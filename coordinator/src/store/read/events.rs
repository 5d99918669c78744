//! The audit log, in the order in which it was written.

use super::super::{Store, StoreError, Target};

/// One row. 0 and the empty text stand for what it does not concern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    pub id: i64,
    pub at_ms: i64,
    pub actor: String,
    pub what: String,
    pub sweep: i64,
    pub job: i64,
    pub attempt: i64,
    pub detail: String,
}

/// The newest rows about the target (`None`: about anything), at most so many; the oldest of them first.
pub async fn newest_events(store: &Store, of: Option<Target>, limit: u32) -> Result<Vec<EventRow>, StoreError> {
    let (sweep, job) = numbers(of);
    // Each part walks an index of its own, and at most one has rows.
    let mut rows = sqlx::query_as!(
        EventRow,
        r#"SELECT id AS "id!: i64", at_ms AS "at_ms!: i64", actor AS "actor!: String", what AS "what!: String",
                  coalesce(sweep, 0) AS "sweep!: i64", coalesce(job, 0) AS "job!: i64",
                  coalesce(attempt, 0) AS "attempt!: i64", detail AS "detail!: String"
           FROM events WHERE ?1 IS NULL AND ?2 IS NULL
           UNION ALL
           SELECT id, at_ms, actor, what, coalesce(sweep, 0), coalesce(job, 0), coalesce(attempt, 0), detail
           FROM events WHERE sweep = ?1
           UNION ALL
           SELECT id, at_ms, actor, what, coalesce(sweep, 0), coalesce(job, 0), coalesce(attempt, 0), detail
           FROM events WHERE job = ?2
           ORDER BY 1 DESC LIMIT ?3"#,
        sweep,
        job,
        limit
    )
    .fetch_all(&store.readers)
    .await?;
    rows.reverse();
    Ok(rows)
}

/// The rows about the target behind this one, at most so many, the oldest first.
pub async fn events_after(
    store: &Store,
    of: Option<Target>,
    after: i64,
    limit: u32,
) -> Result<Vec<EventRow>, StoreError> {
    let (sweep, job) = numbers(of);
    let rows = sqlx::query_as!(
        EventRow,
        r#"SELECT id AS "id!: i64", at_ms AS "at_ms!: i64", actor AS "actor!: String", what AS "what!: String",
                  coalesce(sweep, 0) AS "sweep!: i64", coalesce(job, 0) AS "job!: i64",
                  coalesce(attempt, 0) AS "attempt!: i64", detail AS "detail!: String"
           FROM events
           WHERE id > ?3 AND (?1 IS NULL OR sweep = ?1) AND (?2 IS NULL OR job = ?2)
           ORDER BY id LIMIT ?4"#,
        sweep,
        job,
        after,
        limit
    )
    .fetch_all(&store.readers)
    .await?;
    Ok(rows)
}

/// The last row of all; 0 where there is none.
pub async fn last_event(store: &Store) -> Result<i64, StoreError> {
    let last = sqlx::query_scalar!(r#"SELECT coalesce(max(id), 0) AS "last!: i64" FROM events"#)
        .fetch_one(&store.readers)
        .await?;
    Ok(last)
}

/// What of the log somebody wants to see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventQuery {
    pub of: Option<Target>,
    /// The empty text: anything.
    pub what: String,
    pub actor: String,
    /// Rows before this one only; 0: from the newest on.
    pub before: i64,
    pub limit: u32,
}

/// The newest first.
pub async fn search_events(store: &Store, query: &EventQuery) -> Result<Vec<EventRow>, StoreError> {
    let (sweep, job) = numbers(query.of);
    let what = (!query.what.is_empty()).then_some(query.what.as_str());
    let before = if query.before > 0 { query.before } else { i64::MAX };
    // Each part walks an index of its own backwards, and at most one has rows.
    let rows = sqlx::query_as!(
        EventRow,
        r#"SELECT id AS "id!: i64", at_ms AS "at_ms!: i64", actor AS "actor!: String", what AS "what!: String",
                  coalesce(sweep, 0) AS "sweep!: i64", coalesce(job, 0) AS "job!: i64",
                  coalesce(attempt, 0) AS "attempt!: i64", detail AS "detail!: String"
           FROM events WHERE ?1 IS NULL AND ?2 IS NULL AND ?3 IS NULL AND id < ?5 AND (?4 = '' OR actor = ?4)
           UNION ALL
           SELECT id, at_ms, actor, what, coalesce(sweep, 0), coalesce(job, 0), coalesce(attempt, 0), detail
           FROM events WHERE ?1 IS NULL AND ?2 IS NULL AND what = ?3 AND id < ?5 AND (?4 = '' OR actor = ?4)
           UNION ALL
           SELECT id, at_ms, actor, what, coalesce(sweep, 0), coalesce(job, 0), coalesce(attempt, 0), detail
           FROM events WHERE sweep = ?1 AND id < ?5 AND (?3 IS NULL OR what = ?3) AND (?4 = '' OR actor = ?4)
           UNION ALL
           SELECT id, at_ms, actor, what, coalesce(sweep, 0), coalesce(job, 0), coalesce(attempt, 0), detail
           FROM events WHERE job = ?2 AND id < ?5 AND (?3 IS NULL OR what = ?3) AND (?4 = '' OR actor = ?4)
           ORDER BY 1 DESC LIMIT ?6"#,
        sweep,
        job,
        what,
        query.actor,
        before,
        query.limit
    )
    .fetch_all(&store.readers)
    .await?;
    Ok(rows)
}

/// The words for what has ever happened, by the alphabet. One look into the index for each.
pub async fn kinds_of_events(store: &Store) -> Result<Vec<String>, StoreError> {
    let kinds = sqlx::query_scalar!(
        r#"WITH RECURSIVE kinds (what) AS (
               SELECT min(what) FROM events
               UNION ALL
               SELECT (SELECT min(e.what) FROM events e WHERE e.what > kinds.what) FROM kinds WHERE kinds.what IS NOT NULL
           )
           SELECT what AS "what!: String" FROM kinds WHERE what IS NOT NULL"#
    )
    .fetch_all(&store.readers)
    .await?;
    Ok(kinds)
}

fn numbers(of: Option<Target>) -> (Option<i64>, Option<i64>) {
    match of {
        None => (None, None),
        Some(Target::Sweep(sweep)) => (Some(sweep.0), None),
        Some(Target::Job(job)) => (None, Some(job.0)),
    }
}
