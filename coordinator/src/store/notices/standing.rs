//! How the coordinator itself is, and who it waits for.

use super::super::audit::{SWEEP, json};
use super::super::{Command, StoreError, Tx};
use crate::notices::words;

/// The coordinator is here, and stays until it is told to stop.
#[derive(Debug, Clone, Copy)]
pub struct Arrive;

impl Command for Arrive {
    /// Whether the one before was not stopped, but died.
    type Reply = bool;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let before = sqlx::query!(r#"SELECT started_ms, stopped AS "stopped!: bool" FROM coordinator"#)
            .fetch_optional(&mut *tx.conn)
            .await?;
        sqlx::query!(
            "INSERT INTO coordinator (id, started_ms, stopped) VALUES (1, ?, 0)
             ON CONFLICT DO UPDATE SET started_ms = excluded.started_ms, stopped = 0",
            tx.now_ms
        )
        .execute(&mut *tx.conn)
        .await?;
        let Some(before) = before.filter(|before| !before.stopped) else { return Ok(false) };
        let last_ms = sqlx::query_scalar!("SELECT at_ms FROM events ORDER BY id DESC LIMIT 1")
            .fetch_optional(&mut *tx.conn)
            .await?;
        let last_ms = last_ms.unwrap_or(before.started_ms).max(before.started_ms);
        let detail = format!(
            "it had not been stopped: the process or its machine ended at some time after {}, the last that it recorded",
            words::moment(last_ms)
        );
        tx.note_world(SWEEP, "back_after_crash", detail);
        Ok(true)
    }
}

/// The coordinator stops because it was told to.
#[derive(Debug, Clone, Copy)]
pub struct Leave;

impl Command for Leave {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        sqlx::query!("UPDATE coordinator SET stopped = 1").execute(&mut *tx.conn).await?;
        Ok(())
    }
}

/// The disk of the home was looked at.
#[derive(Debug, Clone)]
pub struct DiskRoom {
    pub low: bool,
    /// What there is to say of it.
    pub detail: String,
}

impl Command for DiskRoom {
    /// Whether that is news.
    type Reply = bool;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let done = sqlx::query!("UPDATE coordinator SET disk_low = ?1 WHERE disk_low <> ?1", self.low)
            .execute(&mut *tx.conn)
            .await?;
        let news = done.rows_affected() == 1;
        if news {
            tx.note_world(SWEEP, if self.low { "disk_low" } else { "disk_has_room" }, self.detail);
        }
        Ok(news)
    }
}

/// These agents have been away for longer than their lease, without a word.
#[derive(Debug, Clone)]
pub struct NoteLost {
    pub agents: Vec<String>,
}

impl Command for NoteLost {
    /// Those that are known.
    type Reply = Vec<String>;

    async fn apply(self, tx: &mut Tx<'_>) -> Result<Vec<String>, StoreError> {
        let rows = json(&self.agents);
        let lost = sqlx::query!(
            r#"SELECT a.id AS "id!: String", a.host AS "host!: String",
                      (SELECT count(*) FROM attempts t WHERE t.agent = a.id AND t.finished_ms IS NULL) AS "live!: i64"
               FROM agents a WHERE a.id IN (SELECT value FROM json_each(?)) ORDER BY a.id"#,
            rows
        )
        .fetch_all(&mut *tx.conn)
        .await?;
        sqlx::query!("UPDATE agents SET expected = 0 WHERE id IN (SELECT value FROM json_each(?))", rows)
            .execute(&mut *tx.conn)
            .await?;
        for agent in &lost {
            let ran = match agent.live {
                0 => "it ran nothing".to_owned(),
                1 => "it ran 1 job".to_owned(),
                n => format!("it ran {n} jobs"),
            };
            tx.note_world(SWEEP, "agent_lost", format!("{} on {}; {ran}", agent.id, agent.host));
        }
        Ok(lost.into_iter().map(|agent| agent.id).collect())
    }
}
