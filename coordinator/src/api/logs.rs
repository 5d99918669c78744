//! What runners wrote, followed while they write.

use sweep_shared::ids::JobId;
use sweep_shared::wire::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{Answers, Api};
use crate::board::{Heard, News};
use crate::store::read;

/// Pieces that may wait for a slow reader.
const AHEAD: usize = 4;

pub async fn logs(api: Api, request: v1::LogsRequest) -> Result<Answers<v1::LogsReply>, Status> {
    let job = JobId(request.job);
    // Refuses a job that does not exist.
    read::newest_attempt(&api.store, job).await?;
    let (pieces, stream) = mpsc::channel(AHEAD);
    let stop = api.stop.clone();
    let reader = Reader { api, job, fixed: request.attempt, follow: request.follow, pieces };
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            ended = reader.run() => if let Err(Ended::Failed(status, pieces)) = ended {
                // The reader may have gone as well.
                let _ = pieces.send(Err(status)).await;
            }
        }
    });
    Ok(Box::pin(ReceiverStream::new(stream)))
}

struct Reader {
    api: Api,
    job: JobId,
    /// 0: the newest, and the next one when that begins.
    fixed: u32,
    follow: bool,
    pieces: mpsc::Sender<Result<v1::LogsReply, Status>>,
}

enum Ended {
    ReaderGone,
    Failed(Status, mpsc::Sender<Result<v1::LogsReply, Status>>),
}

impl Reader {
    async fn run(self) -> Result<(), Ended> {
        let sweep = read::sweep_of_job(&self.api.store, self.job).await.map_err(|e| self.failed(e.into()))?;
        let (mut attempt, mut offset) = (0, 0);
        loop {
            // Registered before reading, so that nothing falls between.
            let mut written = self.api.logs.watch();
            let mut news = News::new(&self.api.store, &self.api.board);
            let (of, newest, over) =
                read::newest_attempt(&self.api.store, self.job).await.map_err(|e| self.failed(e.into()))?;
            let wanted = if self.fixed > 0 { self.fixed } else { newest };
            if wanted != attempt {
                (attempt, offset) = (wanted, 0);
            }
            offset = self.send_from(of, attempt, offset).await?;
            // A fixed attempt may still write although the job is over only while it is being killed; that is not waited for.
            let ended = over || (self.fixed > 0 && self.fixed < newest);
            if !self.follow || ended {
                return Ok(());
            }
            tokio::select! {
                _ = written.changed() => {}
                heard = news.of(sweep) => if heard == Heard::End { return Ok(()) },
                () = self.pieces.closed() => return Err(Ended::ReaderGone),
            }
        }
    }

    /// Sends what there is from the offset, and answers where that ends.
    async fn send_from(&self, job: JobId, attempt: u32, mut offset: u64) -> Result<u64, Ended> {
        loop {
            let logs = self.api.logs.clone();
            let read = tokio::task::spawn_blocking(move || logs.read(job, attempt, offset)).await;
            let data = match read {
                Ok(Ok(data)) => data,
                Ok(Err(error)) => return Err(self.failed(Status::internal(format!("the log cannot be read: {error}")))),
                Err(error) => return Err(self.failed(Status::internal(error.to_string()))),
            };
            if data.is_empty() {
                return Ok(offset);
            }
            offset += data.len() as u64;
            let piece = v1::LogsReply { data, attempt };
            self.pieces.send(Ok(piece)).await.map_err(|_| Ended::ReaderGone)?;
        }
    }

    fn failed(&self, status: Status) -> Ended {
        Ended::Failed(status, self.pieces.clone())
    }
}
