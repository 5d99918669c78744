//! Agents get certificates.

use super::super::{Command, StoreError, Tx};
use crate::tls::Issued;

/// An agent joins: the token is used once more, and the certificate recorded.
#[derive(Debug, Clone)]
pub struct Enrol {
    /// The join token.
    pub token: i64,
    pub agent: String,
    pub host: String,
    pub issued: Issued,
}

impl Command for Enrol {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let others = sqlx::query_scalar!(
            r#"SELECT count(*) AS "n!: i64" FROM certificates
               WHERE agent = ? AND revoked_ms IS NULL AND expires_ms > ? AND public_key <> ?"#,
            self.agent,
            tx.now_ms,
            self.issued.public_key
        )
        .fetch_one(&mut *tx.conn)
        .await?;
        if others > 0 {
            return Err(StoreError::Refused(format!(
                "agent {} has a certificate already, for another key. If its files were lost, `sweep agents revoke {}` first; \
                 if this is another machine, its agent's folder was copied: remove it there",
                self.agent, self.agent
            )));
        }
        // An agent that did not get its answer asks again with the same key: that is one use of the token, not two.
        let again = sqlx::query_scalar!(
            r#"SELECT count(*) AS "n!: i64" FROM certificates WHERE agent = ? AND public_key = ? AND revoked_ms IS NULL"#,
            self.agent,
            self.issued.public_key
        )
        .fetch_one(&mut *tx.conn)
        .await?;
        if again == 0 {
            let used = sqlx::query!(
                "UPDATE tokens SET uses_left = uses_left - 1, used_ms = ?
                 WHERE id = ? AND kind = 'join' AND revoked_ms IS NULL AND (uses_left IS NULL OR uses_left > 0)",
                tx.now_ms,
                self.token
            )
            .execute(&mut *tx.conn)
            .await?;
            if used.rows_affected() == 0 {
                return Err(StoreError::Refused(format!(
                    "join token {} was used as often as it may be; make another with `sweep agents invite`",
                    self.token
                )));
            }
        }
        insert(tx, &self.agent, &self.host, &self.issued).await?;
        tx.note_world(
            &self.agent,
            "agent_enrolled",
            format!("{} on {}, by join token {}", self.agent, self.host, self.token),
        );
        Ok(())
    }
}

/// An agent renews its certificate; the one before counts until it expires.
#[derive(Debug, Clone)]
pub struct Renewed {
    pub agent: String,
    pub issued: Issued,
}

impl Command for Renewed {
    type Reply = ();

    async fn apply(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let host = sqlx::query_scalar!(
            "SELECT host FROM certificates WHERE agent = ? ORDER BY issued_ms DESC LIMIT 1",
            self.agent
        )
        .fetch_optional(&mut *tx.conn)
        .await?;
        insert(tx, &self.agent, &host.unwrap_or_default(), &self.issued).await?;
        tx.note_world(&self.agent, "certificate_renewed", self.agent.clone());
        Ok(())
    }
}

/// Whether the certificate counts no more.
pub async fn is_revoked(tx: &mut Tx<'_>, serial: &str) -> Result<bool, StoreError> {
    let revoked = sqlx::query_scalar!(
        r#"SELECT revoked_ms IS NOT NULL AS "revoked!: bool" FROM certificates WHERE serial = ?"#,
        serial
    )
    .fetch_optional(&mut *tx.conn)
    .await?;
    Ok(revoked.unwrap_or(false))
}

async fn insert(tx: &mut Tx<'_>, agent: &str, host: &str, issued: &Issued) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO certificates (serial, agent, host, public_key, issued_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?)",
        issued.serial,
        agent,
        host,
        issued.public_key,
        issued.issued_ms,
        issued.expires_ms
    )
    .execute(&mut *tx.conn)
    .await?;
    // What expired long ago says nothing any more. Revoked ones stay: their agents must not come back unseen.
    let long_ago = tx.now_ms - 90 * 86_400_000;
    sqlx::query!("DELETE FROM certificates WHERE expires_ms < ? AND revoked_ms IS NULL", long_ago)
        .execute(&mut *tx.conn)
        .await?;
    tx.changes.access = true;
    Ok(())
}
