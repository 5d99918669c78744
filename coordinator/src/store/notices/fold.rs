//! Several notices become one.

use sqlx::SqliteConnection;
use sweep_shared::ids::SweepId;

use super::super::audit::json;
use super::super::{Command, StoreError, Tx};
use super::NoticeId;
use crate::notices::channels::Address;

/// What waits of this sweep for somebody who is told by `into`, is told by that alone.
pub async fn fold_sweep(
    conn: &mut SqliteConnection,
    now_ms: i64,
    sweep: SweepId,
    into: NoticeId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE notice_copies SET state = 'folded', into_notice = ?1, answer = '', changed_ms = ?3
         WHERE state = 'queued' AND notice <> ?1 AND notice IN (SELECT id FROM notices WHERE sweep = ?2)
           AND (channel, address) IN (SELECT channel, address FROM notice_copies WHERE notice = ?1)",
        into.0,
        sweep.0,
        now_ms
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What waits for an address, because there was too much for it, becomes one notice.
#[derive(Debug, Clone)]
pub struct FoldCopies {
    pub to: Address,
    pub notices: Vec<NoticeId>,
}

impl Command for FoldCopies {
    /// The new notice; `None` where nothing of it waits any more.
    type Reply = Option<NoticeId>;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<Option<NoticeId>, StoreError> {
        let (channel, address) = (self.to.channel(), self.to.name());
        let rows = json(&self.notices);
        let waiting = sqlx::query!(
            r#"SELECT count(*) AS "times!: i64", coalesce(min(n.first_event), 0) AS "first!: i64",
                      coalesce(max(n.last_event), 0) AS "last!: i64"
               FROM notice_copies c JOIN notices n ON n.id = c.notice
               WHERE c.state = 'queued' AND c.channel = ?2 AND c.address = ?3
                 AND c.notice IN (SELECT value FROM json_each(?1))"#,
            rows,
            channel,
            address
        )
        .fetch_one(&mut *tx.conn)
        .await?;
        if waiting.times == 0 {
            return Ok(None);
        }
        let id = sqlx::query!(
            "INSERT INTO notices (generation, occasion, first_event, last_event, times, at_ms, open_until_ms)
             SELECT name, 'several', ?1, ?2, ?3, ?4, ?4 FROM generation",
            waiting.first,
            waiting.last,
            waiting.times,
            tx.now_ms
        )
        .execute(&mut *tx.conn)
        .await?
        .last_insert_rowid();
        sqlx::query!(
            "UPDATE notice_copies SET state = 'folded', into_notice = ?4, answer = '', changed_ms = ?5
             WHERE state = 'queued' AND channel = ?2 AND address = ?3
               AND notice IN (SELECT value FROM json_each(?1))",
            rows,
            channel,
            address,
            id,
            tx.now_ms
        )
        .execute(&mut *tx.conn)
        .await?;
        sqlx::query!(
            "INSERT INTO notice_copies (notice, channel, address, state, not_before_ms, changed_ms)
             VALUES (?1, ?2, ?3, 'queued', ?4, ?4)",
            id,
            channel,
            address,
            tx.now_ms
        )
        .execute(&mut *tx.conn)
        .await?;
        tx.changes.notices = true;
        Ok(Some(NoticeId(id)))
    }
}
