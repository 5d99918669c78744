//! A future and the writer it waits for, taken forward by turns until the future is done or the process dies.

use std::future::Future;
use std::pin::pin;

use crate::store::{Batch, Writer};

/// When the process dies within a step. Commits are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    Never,
    /// The commit and all after it never happen.
    Before(u32),
    /// The commit is on disk, and nobody has been told.
    After(u32),
}

/// The process died; only its files are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crashed;

/// Counts a step's commits.
pub(super) struct Countdown {
    crash: Crash,
    pub commits: u32,
}

impl Countdown {
    pub fn new(crash: Crash) -> Self {
        Self { crash, commits: 0 }
    }

    fn before(&mut self) -> Result<(), Crashed> {
        self.commits += 1;
        if self.crash == Crash::Before(self.commits) { Err(Crashed) } else { Ok(()) }
    }

    fn after(&self) -> Result<(), Crashed> {
        if self.crash == Crash::After(self.commits) { Err(Crashed) } else { Ok(()) }
    }

    /// Carries out what the writer has taken.
    pub async fn commit(&mut self, writer: &mut Writer, mut batch: Batch) -> Result<(), Crashed> {
        self.before()?;
        let committed = writer.commit(&mut batch).await;
        self.after()?;
        writer.answer(batch, committed);
        Ok(())
    }
}

/// Takes `future` to its end. It goes first: the writer gets what has been queued once the future can go no further, so that
/// which commands share a commit does not hang on the timing of threads.
pub(super) async fn drive<F: Future>(
    writer: &mut Writer,
    countdown: &mut Countdown,
    future: F,
) -> Result<F::Output, Crashed> {
    let mut future = pin!(future);
    let together = async {
        loop {
            let mut batch = Batch::default();
            tokio::select! {
                biased;
                done = &mut future => return Ok(done),
                _ = writer.take(&mut batch) => {}
            }
            countdown.commit(writer, batch).await?;
        }
    };
    // Without tokio's budget, which would make a future yield in the middle of what it queues.
    tokio::task::unconstrained(together).await
}
