//! What becomes of notices on their way.

use super::super::{Command, StoreError, Tx};
use super::{CopyId, NoticeId};

/// A notice is put into words: each try and each copy says the same from now on.
#[derive(Debug, Clone)]
pub struct Worded {
    pub notice: NoticeId,
    /// How many were told together when it was read.
    pub times: i64,
    pub title: String,
    pub message_json: String,
}

impl Command for Worded {
    /// False where more has joined it since, or it has its words.
    type Reply = bool;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "UPDATE notices SET message_json = ?3, title = ?4 WHERE id = ?1 AND times = ?2 AND message_json IS NULL",
            self.notice.0,
            self.times,
            self.message_json,
            self.title
        )
        .execute(&mut *tx.conn)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}

/// How a try went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Sent {
        answer: String,
    },
    /// Another try may help, not before this time.
    Later {
        why: String,
        not_before_ms: i64,
    },
    Failed {
        why: String,
    },
}

/// A copy was tried.
#[derive(Debug, Clone)]
pub struct Mark {
    pub copy: CopyId,
    pub outcome: Outcome,
}

impl Command for Mark {
    /// False where it waited no more: what it told was folded into another notice meanwhile.
    type Reply = bool;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let CopyId { notice, to } = &self.copy;
        let (channel, address) = (to.channel(), to.name());
        let (state, answer, not_before_ms) = match self.outcome {
            Outcome::Sent { answer } => ("sent", answer, None),
            Outcome::Later { why, not_before_ms } => ("queued", why, Some(not_before_ms)),
            Outcome::Failed { why } => ("failed", why, None),
        };
        let done = sqlx::query!(
            "UPDATE notice_copies SET state = ?4, answer = ?5, tries = tries + 1,
                    not_before_ms = coalesce(?6, not_before_ms), changed_ms = ?7
             WHERE notice = ?1 AND channel = ?2 AND address = ?3
               AND (state = 'queued' OR state = 'folded' AND ?4 = 'sent')",
            notice.0,
            channel,
            address,
            state,
            answer,
            not_before_ms,
            tx.now_ms
        )
        .execute(&mut *tx.conn)
        .await?;
        // The words, and the picture among them, are needed no more.
        sqlx::query!(
            "UPDATE notices SET message_json = NULL WHERE id = ?1 AND message_json IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM notice_copies WHERE notice = ?1 AND state = 'queued')",
            notice.0
        )
        .execute(&mut *tx.conn)
        .await?;
        tx.changes.notices = true;
        Ok(done.rows_affected() == 1)
    }
}

/// Notices of which nothing waits go when they are old.
#[derive(Debug, Clone, Copy)]
pub struct Forget {
    pub before_ms: i64,
}

impl Command for Forget {
    type Reply = u64;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "DELETE FROM notices WHERE at_ms < ?
             AND NOT EXISTS (SELECT 1 FROM notice_copies c WHERE c.notice = notices.id AND c.state = 'queued')",
            self.before_ms
        )
        .execute(&mut *tx.conn)
        .await?;
        Ok(done.rows_affected())
    }
}
