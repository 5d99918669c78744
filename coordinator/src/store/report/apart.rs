//! A report that the database refuses, by a mistake in this program or the agent's, must not come again for ever and keep
//! those behind it back. When a batch cannot be recorded, each report of it is tried alone; one that fails alone is
//! acknowledged all the same, and its attempt failed, so that a person sees it.

use sqlx::Connection;

use super::super::command::Changes;
use super::super::ledger::{Detail, Ledger};
use super::{Recorded, Report, StoreError, Terms, Tx, together};
use crate::transition::{AttemptEvent, JobEvent};
use sweep_shared::ids::Token;
use sweep_shared::states::FailureClass;

pub async fn record(tx: &mut Tx<'_>, reports: Vec<Report>, terms: Terms) -> Result<Vec<Recorded>, StoreError> {
    match whole(tx, async |tx| together(tx, reports.clone(), &terms).await).await {
        Err(error) if !error.is_of_files() => {
            tracing::warn!(%error, reports = reports.len(), "reports cannot be recorded together; each is tried alone");
        }
        done => return done,
    }
    let mut answers = Vec::with_capacity(reports.len());
    for report in reports {
        let token = report.token;
        match whole(tx, async |tx| together(tx, vec![report], &terms).await).await {
            Ok(mut answer) => answers.append(&mut answer),
            Err(error) if error.is_of_files() => return Err(error),
            Err(error) => {
                give_up(tx, token, &error).await?;
                answers.push(Recorded::Stale);
            }
        }
    }
    Ok(answers)
}

/// All that is done in between, or nothing.
async fn whole<T>(
    tx: &mut Tx<'_>,
    work: impl AsyncFnOnce(&mut Tx<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let now_ms = tx.now_ms;
    let mut savepoint = tx.conn.begin().await?;
    let mut inner = Tx { conn: &mut savepoint, now_ms, changes: Changes::default(), events: Vec::new() };
    let done = work(&mut inner).await;
    let (changes, mut events) = (inner.changes, inner.events);
    if done.is_ok() {
        savepoint.commit().await?;
        tx.changes.absorb(changes);
        tx.events.append(&mut events);
    } else {
        savepoint.rollback().await?;
    }
    done
}

/// Fails the attempt of a report that cannot be recorded, where even that is possible.
async fn give_up(tx: &mut Tx<'_>, token: Token, cause: &StoreError) -> Result<(), StoreError> {
    tracing::error!(%token, error = %cause, "a report cannot be recorded; its attempt is failed");
    let message = format!("its report could not be recorded: {cause}");
    let failed = whole(tx, async |tx| {
        let mut ledger = Ledger::load(tx, [token]).await?;
        let Some(entry) = ledger.live(token) else { return Ok(()) };
        let class = FailureClass::Internal;
        let detail = Detail { class: Some(class), message: message.clone(), ..Detail::default() };
        entry.end(AttemptEvent::Failed, JobEvent::Failed(class), detail, tx.now_ms)?;
        ledger.save(tx).await
    });
    match failed.await {
        Err(error) if error.is_of_files() => return Err(error),
        Err(error) => tracing::error!(%token, %error, "its attempt cannot be failed either"),
        Ok(()) => {}
    }
    tx.note_world(super::super::audit::SWEEP, "report_refused", format!("of attempt {token}: {cause}"));
    Ok(())
}
