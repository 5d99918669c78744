//! From what a commit adds to the audit log to what is to be told of it.

use sqlx::SqliteConnection;
use sweep_shared::ids::SweepId;
use sweep_shared::notices::{Notify, Occasion};

use super::super::StoreError;
use super::super::audit::{Event, json};
use super::NoticeId;
use super::fold::fold_sweep;
use crate::notices::rules::{Decision, Happened, Rules, decide};

/// Jobs of one sweep that go on failing are told of at first soon, then rarely.
const RECENTLY_MS: i64 = 60 * 60_000;
const RARELY_MS: i64 = 30 * 60_000;

/// What of a commit is told together.
struct Group<'a> {
    happened: Happened<'a>,
    occasion: Occasion,
    sweep: Option<SweepId>,
    first: i64,
    last: i64,
    times: i64,
}

/// Writes the notices of these rows, the last of which is `last` in the audit log. Whether there were any.
pub async fn record(
    conn: &mut SqliteConnection,
    now_ms: i64,
    (events, last): (&[Event], i64),
    rules: &Rules,
) -> Result<bool, StoreError> {
    let mut any = false;
    for group in groups(events, last) {
        let plan = match group.sweep {
            Some(sweep) => Some(notify_of(conn, sweep).await?),
            None => None,
        };
        let Some(decision) = decide(group.happened, rules, plan.as_ref()) else { continue };
        let notice = match open(conn, now_ms, &group).await? {
            Some(notice) => join(conn, notice, &group).await?,
            None => begin(conn, now_ms, &group, &decision).await?,
        };
        copies(conn, now_ms, notice, &decision).await?;
        if let (true, Some(sweep)) = (decision.closes, group.sweep) {
            fold_sweep(conn, now_ms, sweep, notice).await?;
        }
        any = true;
    }
    Ok(any)
}

/// The ends of sweeps last: what happened before them is told with them.
fn groups(events: &[Event], last: i64) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let happened = Happened { what: &event.what, of_sweep: event.sweep.is_some(), of_job: event.job.is_some() };
        let Some(occasion) = happened.occasion() else { continue };
        let id = last - (events.len() - 1 - at) as i64;
        match groups.iter_mut().find(|group| (group.occasion, group.sweep) == (occasion, event.sweep)) {
            Some(group) => {
                group.last = id;
                group.times += 1;
            }
            None => groups.push(Group { happened, occasion, sweep: event.sweep, first: id, last: id, times: 1 }),
        }
    }
    groups.sort_by_key(|group| !matches!(group.occasion, Occasion::JobFailed | Occasion::Paused));
    groups
}

async fn notify_of(conn: &mut SqliteConnection, sweep: SweepId) -> Result<Notify, StoreError> {
    let text = sqlx::query_scalar!("SELECT notify_json FROM sweeps WHERE id = ?", sweep.0)
        .fetch_optional(conn)
        .await?
        .unwrap_or_default();
    // Written by us; of a version that said more, what is understood holds.
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

/// The notice that more of the same still joins: nobody was told of it yet, by itself or within another.
async fn open(conn: &mut SqliteConnection, now_ms: i64, group: &Group<'_>) -> Result<Option<NoticeId>, StoreError> {
    let (occasion, sweep) = (group.occasion.as_str(), group.sweep.map(|sweep| sweep.0));
    let id = sqlx::query_scalar!(
        r#"SELECT id AS "id!: i64" FROM notices
           WHERE occasion = ?1 AND sweep IS ?2 AND title = '' AND open_until_ms > ?3
             AND NOT EXISTS (SELECT 1 FROM notice_copies c
                             WHERE c.notice = notices.id AND (c.state <> 'queued' OR c.tries > 0))
           ORDER BY id DESC LIMIT 1"#,
        occasion,
        sweep,
        now_ms
    )
    .fetch_optional(conn)
    .await?;
    Ok(id.map(NoticeId))
}

async fn join(conn: &mut SqliteConnection, notice: NoticeId, group: &Group<'_>) -> Result<NoticeId, StoreError> {
    sqlx::query!(
        "UPDATE notices SET last_event = ?, times = times + ? WHERE id = ?",
        group.last,
        group.times,
        notice.0
    )
    .execute(conn)
    .await?;
    Ok(notice)
}

async fn begin(
    conn: &mut SqliteConnection,
    now_ms: i64,
    group: &Group<'_>,
    decision: &Decision,
) -> Result<NoticeId, StoreError> {
    let (occasion, sweep) = (group.occasion.as_str(), group.sweep.map(|sweep| sweep.0));
    let mut gather_ms = decision.gather.as_millis() as i64;
    if group.occasion == Occasion::JobFailed {
        let since = now_ms - RECENTLY_MS;
        let told = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT 1 FROM notices WHERE sweep = ? AND occasion = 'job_failed' AND at_ms > ?)
               AS "told!: bool""#,
            sweep,
            since
        )
        .fetch_one(&mut *conn)
        .await?;
        gather_ms = if told { RARELY_MS } else { gather_ms };
    }
    let until_ms = now_ms + gather_ms;
    let id = sqlx::query!(
        "INSERT INTO notices (generation, occasion, sweep, first_event, last_event, times, at_ms, open_until_ms)
         SELECT name, ?1, ?2, ?3, ?4, ?5, ?6, ?7 FROM generation",
        occasion,
        sweep,
        group.first,
        group.last,
        group.times,
        now_ms,
        until_ms
    )
    .execute(conn)
    .await?
    .last_insert_rowid();
    Ok(NoticeId(id))
}

/// One for each address; whoever has one already keeps it.
async fn copies(
    conn: &mut SqliteConnection,
    now_ms: i64,
    notice: NoticeId,
    decision: &Decision,
) -> Result<(), StoreError> {
    let rows: Vec<_> = decision.to.iter().map(|to| (to.channel(), to.name())).collect();
    let rows = json(&rows);
    sqlx::query!(
        "INSERT INTO notice_copies (notice, channel, address, state, not_before_ms, changed_ms)
         SELECT n.id, t.value ->> 0, t.value ->> 1, 'queued', n.open_until_ms, ?3
         FROM json_each(?1) t, notices n WHERE n.id = ?2
         ON CONFLICT DO NOTHING",
        rows,
        notice.0,
        now_ms
    )
    .execute(conn)
    .await?;
    Ok(())
}
