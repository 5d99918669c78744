//! What is done now and then without being asked for: what the retention policy does not keep goes, and so do blobs that nothing
//! refers to, and the oldest logs where all together are too large.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::artifacts::{Artifacts, collect};
use crate::board::Board;
use crate::clock::Clock;
use crate::home::Home;
use crate::logs::Logs;
use crate::retention::{Order, Retention, carry_out};
use crate::store::{Store, StoreError};

const PAUSE: Duration = Duration::from_mins(10);

pub struct Tidy {
    pub home: Home,
    pub store: Store,
    pub artifacts: Artifacts,
    pub logs: Logs,
    pub board: Board,
    /// `None`: what is over stays.
    pub retention: Option<Retention>,
    pub clock: Arc<dyn Clock>,
}

impl Tidy {
    pub async fn always(self, stop: CancellationToken) {
        loop {
            // What cannot be recorded must not be deleted either.
            if self.store.halt().is_none() {
                if let Err(error) = self.retain().await {
                    tracing::warn!(%error, "what is not kept any more could not be deleted");
                }
                match collect(&self.artifacts, &self.store).await {
                    Ok(0) => {}
                    Ok(blobs) => tracing::info!(blobs, "unused blobs are deleted"),
                    Err(error) => tracing::warn!(%error, "unused blobs could not be deleted"),
                }
            }
            self.bound_logs().await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Logs of what runs are left alone.
    async fn bound_logs(&self) {
        let (logs, board) = (self.logs.clone(), self.board.clone());
        let looked = tokio::task::spawn_blocking(move || logs.make_room(|job| board.progress(job).is_some()));
        if let Ok(removed @ 1..) = looked.await {
            tracing::warn!(removed, "the oldest logs are removed: all together took more than 10 GiB");
        }
    }

    async fn retain(&self) -> Result<(), StoreError> {
        let Some(retention) = self.retention else { return Ok(()) };
        let order = Order { retention, sweep: None, dry_run: false, actor: "sweep".to_owned() };
        let done = carry_out(&self.store, &self.artifacts, &self.home, self.clock.unix_ms(), &order).await?;
        if !done.verdicts.is_empty() {
            let bytes: u64 = done.verdicts.iter().map(|verdict| verdict.bytes).sum();
            tracing::info!(bytes, things = done.verdicts.len(), "what is not kept any more is deleted");
        }
        Ok(())
    }
}
