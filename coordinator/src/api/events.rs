//! The audit log, and what is added to it.

use std::sync::Arc;

use sweep_shared::wire::v1;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::changes::target;
use super::{Answers, Api, rows};
use crate::store::read::{self, EventRow};
use crate::store::{Changes, StoreError, Target};

/// Rows that may wait for a slow reader; then the log waits for it.
const AHEAD: usize = 64;
/// Rows that are read at once.
const PAGE: u32 = 1000;
/// What is sent of the past, however much is asked for.
const MOST: u32 = 100_000;

pub async fn events(api: Api, request: v1::EventsRequest) -> Result<Answers<v1::EventRow>, Status> {
    let of = match (request.sweep, request.job) {
        (0, 0) => None,
        (sweep, job) => Some(target(sweep, job)?),
    };
    exists(&api, of).await?;
    // Registered before anything is read, so that nothing falls between.
    let commits = api.store.watch();
    let (rows, stream) = mpsc::channel(AHEAD);
    let stop = api.stop.clone();
    let teller = Teller { api, of, rows };
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = teller.run(request, commits) => {}
        }
    });
    Ok(Box::pin(ReceiverStream::new(stream)))
}

/// An id that is nobody's is refused rather than followed in vain.
async fn exists(api: &Api, of: Option<Target>) -> Result<(), Status> {
    match of {
        None => {}
        Some(Target::Sweep(sweep)) => drop(api.store.sweep(sweep).await?),
        Some(Target::Job(job)) => drop(read::sweep_of_job(&api.store, job).await?),
    }
    Ok(())
}

struct Teller {
    api: Api,
    of: Option<Target>,
    rows: mpsc::Sender<Result<v1::EventRow, Status>>,
}

/// The reader has gone, or was told of a failure.
struct Done;

impl Teller {
    async fn run(self, request: v1::EventsRequest, commits: broadcast::Receiver<Arc<Changes>>) {
        let limit = if request.limit == 0 { MOST } else { request.limit.min(MOST) };
        let told = match request.after {
            0 => self.newest(limit).await,
            after if request.follow => Ok(after),
            after => self.page(after, limit).await.map(|(last, _)| last),
        };
        if let (Ok(last), true) = (told, request.follow) {
            // It ends with the reader or with the coordinator.
            let _ = self.follow(last, commits).await;
        }
    }

    /// The past; answers up to where the log was told.
    async fn newest(&self, limit: u32) -> Result<i64, Done> {
        let last = self.read(read::last_event(&self.api.store).await).await?;
        let rows = self.read(read::newest_events(&self.api.store, self.of, limit).await).await?;
        let told = rows.last().map_or(last, |row| row.id.max(last));
        self.send(rows).await?;
        Ok(told)
    }

    async fn follow(&self, mut last: i64, mut commits: broadcast::Receiver<Arc<Changes>>) -> Result<(), Done> {
        loop {
            let full;
            (last, full) = self.page(last, PAGE).await?;
            if full {
                continue;
            }
            loop {
                tokio::select! {
                    commit = commits.recv() => match commit {
                        Ok(changes) if changes.events == 0 => {}
                        Ok(_) | Err(RecvError::Lagged(_)) => break,
                        Err(RecvError::Closed) => return Ok(()),
                    },
                    () = self.rows.closed() => return Err(Done),
                }
            }
        }
    }

    /// Sends what is behind a row; answers where that ends, and whether there may be more.
    async fn page(&self, after: i64, limit: u32) -> Result<(i64, bool), Done> {
        let rows = self.read(read::events_after(&self.api.store, self.of, after, limit).await).await?;
        let (last, full) = (rows.last().map_or(after, |row| row.id), rows.len() as u32 >= limit);
        self.send(rows).await?;
        Ok((last, full))
    }

    async fn send(&self, rows: Vec<EventRow>) -> Result<(), Done> {
        for row in rows {
            self.rows.send(Ok(rows::event(row))).await.map_err(|_| Done)?;
        }
        Ok(())
    }

    async fn read<T>(&self, read: Result<T, StoreError>) -> Result<T, Done> {
        match read {
            Ok(read) => Ok(read),
            Err(error) => {
                // The reader may have gone as well.
                let _ = self.rows.send(Err(error.into())).await;
                Err(Done)
            }
        }
    }
}
