//! One agent's stream: its messages go to the dispatcher in order; logs go straight to disk on the way.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::Stream;
use sweep_shared::ids::Token;
use sweep_shared::wire::v1;
use sweep_shared::wire::v1::agent_message::Body;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::fleet::SessionId;
use super::handle::{DispatchHandle, Input};
use super::outbox::Line;
use crate::access::{Credential, Principal, Standing};
use crate::board::Board;
use crate::logs::Logs;

pub struct AgentService {
    dispatch: DispatchHandle,
    board: Board,
    logs: Logs,
    next: AtomicU64,
}

impl AgentService {
    pub fn new(dispatch: DispatchHandle, board: Board, logs: Logs) -> Self {
        Self { dispatch, board, logs, next: AtomicU64::new(1) }
    }
}

#[tonic::async_trait]
impl v1::agents_server::Agents for AgentService {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<v1::CoordinatorMessage, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<v1::AgentMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let caller = request.extensions().get::<Principal>();
        let bound = caller.filter(|caller| caller.standing == Standing::Agent).map(|caller| caller.name.clone());
        let certificate = match caller.map(|caller| &caller.credential) {
            Some(Credential::Certificate { serial, .. }) => Some(serial.clone()),
            _ => None,
        };
        let session = SessionId(self.next.fetch_add(1, Ordering::Relaxed));
        let (outbox, messages) = mpsc::unbounded_channel();
        let reader = Reader {
            session,
            bound,
            certificate,
            messages: request.into_inner(),
            dispatch: self.dispatch.clone(),
            board: self.board.clone(),
            logs: self.logs.clone(),
        };
        // The answer must not wait for Hello: a client may want its headers first.
        tokio::spawn(reader.run(outbox));
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(messages))))
    }
}

struct Reader {
    session: SessionId,
    /// The only agent whose session it may be: the one that the certificate names.
    bound: Option<String>,
    /// Its serial.
    certificate: Option<String>,
    messages: Streaming<v1::AgentMessage>,
    dispatch: DispatchHandle,
    board: Board,
    logs: Logs,
}

impl Reader {
    async fn run(mut self, outbox: mpsc::UnboundedSender<Result<v1::CoordinatorMessage, Status>>) {
        let hello = match self.messages.message().await {
            Ok(Some(v1::AgentMessage { body: Some(Body::Hello(hello)), .. })) => hello,
            Ok(_) => {
                let _ = outbox.send(Err(Status::invalid_argument("the first message of a session must be Hello")));
                return;
            }
            Err(status) => {
                // Too long, or malformed; nobody hears it where the connection is gone.
                let _ = outbox.send(Err(status));
                return;
            }
        };
        if let Some(bound) = self.bound.as_ref().filter(|bound| **bound != hello.agent_id) {
            let text = format!(
                "the agent says it is {:?}, but its certificate is {bound:?}'s; its folder was put together from two agents': \
                 remove its tls folder, and let it join anew",
                hello.agent_id
            );
            let _ = outbox.send(Err(Status::permission_denied(text)));
            return;
        }
        let session = self.session;
        let gone = CancellationToken::new();
        let line = Line::new(outbox, self.certificate.take(), &gone);
        if self.dispatch.send(Input::Hello { session, hello, line }).await.is_err() {
            return;
        }
        loop {
            let message = tokio::select! {
                () = gone.cancelled() => return,
                message = self.messages.message() => message,
            };
            match message {
                Ok(Some(message)) => {
                    if self.forward(message).await.is_err() {
                        return;
                    }
                }
                // Also where the keep-alive was not answered: the server ends such a connection without an error.
                Ok(None) => {
                    tracing::debug!(session = session.0, "an agent's stream ended");
                    break;
                }
                Err(status) => {
                    tracing::debug!(session = session.0, %status, "an agent's stream ended");
                    break;
                }
            }
        }
        // If the dispatcher is gone there is nobody to tell.
        let _ = self.dispatch.send(Input::Closed { session }).await;
    }

    async fn forward(&self, message: v1::AgentMessage) -> Result<(), Status> {
        match message.body {
            Some(Body::Log(chunk)) => self.keep(chunk).await,
            Some(_) => return self.dispatch.send(Input::Message { session: self.session, message }).await,
            None => tracing::warn!(session = self.session.0, "an agent sent a message of an unknown kind"),
        }
        Ok(())
    }

    /// Logs of live attempts only: what others send would never be shown.
    async fn keep(&self, chunk: v1::LogChunk) {
        let Some(token) = chunk.token.map(Token::from).filter(|token| self.board.is_live(*token)) else { return };
        let logs = self.logs.clone();
        let write = move || logs.write(token.job, token.attempt, chunk.offset, &chunk.data);
        let written = tokio::task::spawn_blocking(write).await;
        let Ok(Err(error)) = written else { return };
        use std::io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        if matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem) {
            // The user is told of the disk elsewhere, and once.
            tracing::debug!(%token, %error, "a piece of a log is lost");
        } else {
            tracing::warn!(%token, %error, "a log could not be written");
        }
    }
}
