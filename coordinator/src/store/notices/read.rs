//! The outbox as it is.

use sweep_shared::ids::{JobId, SweepId};

use super::super::audit::json;
use super::super::read::EventRow;
use super::super::{Store, StoreError};
use super::{CopyId, NoticeId};
use crate::notices::channels::Address;

/// A copy whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub copy: CopyId,
    pub tries: u32,
    pub not_before_ms: i64,
    /// When what it tells happened.
    pub at_ms: i64,
}

/// A notice, without its copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRow {
    pub id: NoticeId,
    pub generation: String,
    pub occasion: String,
    pub sweep: Option<SweepId>,
    pub first_event: i64,
    pub last_event: i64,
    pub times: i64,
    pub at_ms: i64,
    pub title: String,
    pub message_json: Option<String>,
}

/// A copy, as the outbox is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyRow {
    pub copy: CopyId,
    pub generation: String,
    pub occasion: String,
    pub title: String,
    pub sweep: Option<SweepId>,
    pub at_ms: i64,
    /// `queued`, `sent`, `failed`, `folded`.
    pub state: String,
    pub tries: u32,
    pub not_before_ms: i64,
    pub changed_ms: i64,
    pub answer: String,
    pub into: Option<NoticeId>,
}

/// A job that failed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedJob {
    pub job: i64,
    pub stage: String,
    pub label: String,
    pub seed: i64,
    pub class: String,
    pub message: String,
}

impl CopyRow {
    /// As receivers know the notice.
    pub fn id(&self) -> String {
        format!("n{}@{}", self.copy.notice.0, self.generation)
    }
}

/// How many copies of a channel are in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyCount {
    pub channel: String,
    pub state: String,
    pub copies: i64,
}

/// Copies that are looked at in one go; the rest is due a moment later.
const MOST: i64 = 10_000;

fn address(channel: &str, address: String) -> Result<Address, StoreError> {
    Address::new(channel, address).ok_or_else(|| StoreError::Refused(format!("{channel:?} is no channel")))
}

impl Store {
    /// Those whose time has come, the oldest first.
    pub async fn due_copies(&self, now_ms: i64) -> Result<Vec<Due>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT c.notice AS "notice!: i64", c.channel AS "channel!: String", c.address AS "address!: String",
                      c.tries AS "tries!: i64", c.not_before_ms AS "not_before_ms!: i64", n.at_ms AS "at_ms!: i64"
               FROM notice_copies c JOIN notices n ON n.id = c.notice
               WHERE c.state = 'queued' AND c.not_before_ms <= ?1 ORDER BY c.notice LIMIT ?2"#,
            now_ms,
            MOST
        )
        .fetch_all(&self.readers)
        .await?;
        let due = rows.into_iter().map(|row| {
            let copy = CopyId { notice: NoticeId(row.notice), to: address(&row.channel, row.address)? };
            Ok(Due { copy, tries: row.tries as u32, not_before_ms: row.not_before_ms, at_ms: row.at_ms })
        });
        due.collect()
    }

    /// When the next will be due after this.
    pub async fn next_copy_ms(&self, now_ms: i64) -> Result<Option<i64>, StoreError> {
        let next = sqlx::query_scalar!(
            r#"SELECT min(not_before_ms) AS "next?: i64" FROM notice_copies WHERE state = 'queued' AND not_before_ms > ?"#,
            now_ms
        )
        .fetch_one(&self.readers)
        .await?;
        Ok(next)
    }

    pub async fn notice(&self, id: NoticeId) -> Result<NoticeRow, StoreError> {
        let row = sqlx::query!(
            "SELECT generation, occasion, sweep, first_event, last_event, times, at_ms, title, message_json
             FROM notices WHERE id = ?",
            id.0
        )
        .fetch_optional(&self.readers)
        .await?
        .ok_or_else(|| StoreError::Unknown(format!("notice {}", id.0)))?;
        Ok(NoticeRow {
            id,
            generation: row.generation,
            occasion: row.occasion,
            sweep: row.sweep.map(SweepId),
            first_event: row.first_event,
            last_event: row.last_event,
            times: row.times,
            at_ms: row.at_ms,
            title: row.title,
            message_json: row.message_json,
        })
    }

    /// The rows of the audit log that a notice tells of, at most so many.
    pub async fn told_events(&self, notice: &NoticeRow, what: &str, most: u32) -> Result<Vec<EventRow>, StoreError> {
        let sweep = notice.sweep.map(|sweep| sweep.0);
        let rows = sqlx::query_as!(
            EventRow,
            r#"SELECT id AS "id!: i64", at_ms AS "at_ms!: i64", actor AS "actor!: String", what AS "what!: String",
                      coalesce(sweep, 0) AS "sweep!: i64", coalesce(job, 0) AS "job!: i64",
                      coalesce(attempt, 0) AS "attempt!: i64", detail AS "detail!: String"
               FROM events WHERE id BETWEEN ?1 AND ?2 AND what = ?3 AND sweep IS ?4 ORDER BY id LIMIT ?5"#,
            notice.first_event,
            notice.last_event,
            what,
            sweep,
            most
        )
        .fetch_all(&self.readers)
        .await?;
        Ok(rows)
    }

    /// The failed jobs of a sweep (`among`: only these), at most so many; and how many there are of each class, the most frequent
    /// first.
    pub async fn failed_jobs(
        &self,
        sweep: SweepId,
        among: Option<&[JobId]>,
        most: u32,
    ) -> Result<(Vec<FailedJob>, Vec<(String, i64)>), StoreError> {
        let among = among.map(|jobs| json(&jobs));
        let jobs = sqlx::query_as!(
            FailedJob,
            r#"SELECT j.id AS "job!: i64", s.stage AS "stage!: String", s.label AS "label!: String", s.seed AS "seed!: i64",
                      j.failure_class AS "class!: String", j.message AS "message!: String"
               FROM jobs j JOIN job_specs s ON s.job = j.id
               WHERE j.sweep = ?1 AND j.dropped = 0 AND j.state = 'failed'
                 AND (?2 IS NULL OR j.id IN (SELECT value FROM json_each(?2)))
               ORDER BY j.id LIMIT ?3"#,
            sweep.0,
            among,
            most
        )
        .fetch_all(&self.readers)
        .await?;
        let classes = sqlx::query!(
            r#"SELECT failure_class AS "class!: String", count(*) AS "jobs!: i64" FROM jobs
               WHERE sweep = ?1 AND dropped = 0 AND state = 'failed'
                 AND (?2 IS NULL OR id IN (SELECT value FROM json_each(?2)))
               GROUP BY failure_class ORDER BY 2 DESC, 1"#,
            sweep.0,
            among
        )
        .fetch_all(&self.readers)
        .await?;
        Ok((jobs, classes.into_iter().map(|row| (row.class, row.jobs)).collect()))
    }

    /// Those that this one took in: when, and in one line what.
    pub async fn folded_into(&self, notice: NoticeId, most: u32) -> Result<Vec<(i64, String)>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT n.at_ms AS "at_ms!: i64", n.title AS "title!: String" FROM notice_copies c
               JOIN notices n ON n.id = c.notice WHERE c.into_notice = ? ORDER BY n.id LIMIT ?"#,
            notice.0,
            most
        )
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.into_iter().map(|row| (row.at_ms, row.title)).collect())
    }

    /// When copies went out to this address since then, in order.
    pub async fn sent_to(&self, to: &Address, since_ms: i64) -> Result<Vec<i64>, StoreError> {
        let (channel, address) = (to.channel(), to.name());
        let times = sqlx::query_scalar!(
            "SELECT changed_ms FROM notice_copies
             WHERE channel = ? AND address = ? AND state = 'sent' AND changed_ms > ? ORDER BY changed_ms",
            channel,
            address,
            since_ms
        )
        .fetch_all(&self.readers)
        .await?;
        Ok(times)
    }

    /// The newest copies first; `waiting`: only those that still wait.
    pub async fn copies(&self, waiting: bool, most: u32) -> Result<Vec<CopyRow>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT c.notice AS "notice!: i64", c.channel AS "channel!: String", c.address AS "address!: String",
                      n.generation AS "generation!: String", n.occasion AS "occasion!: String", n.title AS "title!: String", n.sweep AS "sweep?: i64",
                      n.at_ms AS "at_ms!: i64", c.state AS "state!: String", c.tries AS "tries!: i64",
                      c.not_before_ms AS "not_before_ms!: i64", c.changed_ms AS "changed_ms!: i64",
                      c.answer AS "answer!: String", c.into_notice AS "into?: i64"
               FROM notice_copies c JOIN notices n ON n.id = c.notice
               WHERE ?1 = 0 OR c.state = 'queued'
               ORDER BY c.notice DESC, c.channel, c.address LIMIT ?2"#,
            waiting,
            most
        )
        .fetch_all(&self.readers)
        .await?;
        let copies = rows.into_iter().map(|row| {
            Ok(CopyRow {
                copy: CopyId { notice: NoticeId(row.notice), to: address(&row.channel, row.address)? },
                generation: row.generation,
                occasion: row.occasion,
                title: row.title,
                sweep: row.sweep.map(SweepId),
                at_ms: row.at_ms,
                state: row.state,
                tries: row.tries as u32,
                not_before_ms: row.not_before_ms,
                changed_ms: row.changed_ms,
                answer: row.answer,
                into: row.into.map(NoticeId),
            })
        });
        copies.collect()
    }

    /// Copies by channel and state, for metrics.
    pub async fn copy_counts(&self) -> Result<Vec<CopyCount>, StoreError> {
        let rows = sqlx::query_as!(
            CopyCount,
            r#"SELECT channel AS "channel!: String", state AS "state!: String", count(*) AS "copies!: i64"
               FROM notice_copies GROUP BY channel, state ORDER BY channel, state"#
        )
        .fetch_all(&self.readers)
        .await?;
        Ok(rows)
    }

    /// Agents that said hello and have not taken their leave.
    pub async fn expected_agents(&self) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar!("SELECT id FROM agents WHERE expected = 1 ORDER BY id").fetch_all(&self.readers).await?)
    }
}
