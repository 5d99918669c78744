//! One step, carried out.

use std::time::Duration;

use super::super::channels::{Address, SendError};
use super::super::compose::compose;
use super::super::{Message, words};
use super::Post;
use super::steps::Step;
use crate::store::notices::{CopyId, Due, FoldCopies, Mark, NoticeId, Outcome, Worded};
use crate::store::{Command, StoreError};

/// Beyond this a channel's own limits have failed.
const LONGEST_TRY: Duration = Duration::from_mins(3);
/// Between two tries to write something down.
const AGAIN: Duration = Duration::from_secs(1);
/// Before what could not be put into words is tried once more.
const WORDLESS: Duration = Duration::from_secs(10);

impl Post {
    pub(super) async fn take(self, to: Address, step: Step) {
        let done = match step {
            Step::Send(due) => self.send(due).await,
            Step::Fold(notices) => self.fold(to, notices).await,
            Step::Wait { .. } => Ok(()),
        };
        match done {
            Ok(()) | Err(StoreError::Stopping) => {}
            Err(error) => {
                tracing::warn!(%error, "a notice could not be put into words; it waits");
                tokio::time::sleep(WORDLESS).await;
            }
        }
    }

    async fn send(&self, due: Due) -> Result<(), StoreError> {
        let message = self.message(due.copy.notice).await?;
        let (copy, tries) = (&due.copy, due.tries + 1);
        let answer = match tokio::time::timeout(LONGEST_TRY, self.courier.carry(&message, &copy.to)).await {
            Ok(answer) => answer,
            Err(_) => Err(SendError::Later { why: "no answer within 3 minutes".to_owned(), after: None }),
        };
        let outcome = match answer {
            Ok(sent) => Outcome::Sent { answer: sent.answer },
            Err(SendError::Never { why }) => Outcome::Failed { why },
            Err(SendError::Later { why, after }) => self.later(&due, tries, why, after),
        };
        Self::tell(copy, &message, &outcome);
        self.record(Mark { copy: copy.clone(), outcome }).await?;
        Ok(())
    }

    /// Another try, unless it is too old.
    fn later(&self, due: &Due, tries: u32, why: String, after: Option<Duration>) -> Outcome {
        let now_ms = self.clock.unix_ms();
        let wait = self.retries.wait(tries, after, self.luck.fraction());
        let not_before_ms = now_ms + wait.as_millis() as i64;
        if not_before_ms - due.at_ms > self.retries.give_up.as_millis() as i64 {
            let since = words::moment(due.at_ms);
            return Outcome::Failed {
                why: format!("given up after {tries} tries since {since}; at the last one: {why}"),
            };
        }
        Outcome::Later { why, not_before_ms }
    }

    fn tell(copy: &CopyId, message: &Message, outcome: &Outcome) {
        let (id, to) = (&message.id, &copy.to);
        match outcome {
            Outcome::Sent { answer } => tracing::info!(id, %to, answer, "a notice went out: {}", message.title),
            Outcome::Later { why, .. } => tracing::warn!(id, %to, why, "a notice did not go out, and is tried again"),
            Outcome::Failed { why } => tracing::error!(id, %to, why, "a notice will not go out: {}", message.title),
        }
    }

    async fn fold(&self, to: Address, notices: Vec<NoticeId>) -> Result<(), StoreError> {
        // Each is told in one line there, which it must have.
        for notice in &notices {
            self.message(*notice).await?;
        }
        let held = notices.len();
        self.record(FoldCopies { to: to.clone(), notices }).await?;
        tracing::warn!(%to, notices = held, "too many notices for an address: they go out as one");
        Ok(())
    }

    /// The notice in words: those it has, or else new ones, which it keeps.
    async fn message(&self, id: NoticeId) -> Result<Message, StoreError> {
        loop {
            let notice = self.store.notice(id).await?;
            if let Some(text) = &notice.message_json {
                return serde_json::from_str(text).map_err(|error| {
                    StoreError::Refused(format!("the words of notice {} are unreadable: {error}", id.0))
                });
            }
            let message = compose(&self.store, &self.page, &notice).await?;
            let message_json = serde_json::to_string(&message).expect("a message has text keys");
            let worded = Worded { notice: id, times: notice.times, title: message.title.clone(), message_json };
            // More may have joined it meanwhile.
            if self.record(worded).await? {
                return Ok(message);
            }
        }
    }

    /// Writes it down, however long that takes: what was sent and is not marked would be sent again.
    async fn record<C: Command + Clone>(&self, command: C) -> Result<C::Reply, StoreError> {
        loop {
            match self.store.write(command.clone()).await {
                Err(error @ (StoreError::Unwritable(_) | StoreError::Database(_))) => {
                    tracing::warn!(%error, "what became of a notice is not written down yet");
                    tokio::time::sleep(AGAIN).await;
                }
                done => return done,
            }
        }
    }
}
