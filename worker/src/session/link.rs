//! The connection: made, lost, made again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{FutureExt, Stream, StreamExt};
use sweep_shared::wire::v1::agents_client::AgentsClient;
use sweep_shared::wire::{MAX_MESSAGE_BYTES, v1};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use super::message::{Inbound, Outbound};
use super::wire;
use crate::transfer::{Backoff, Bearer};

/// What the link tells the loop.
pub enum LinkEvent {
    /// A stream is being opened: Hello goes first.
    Opened(Outgoing),
    Message(Inbound),
    /// The stream ended, for this reason.
    Closed(String),
    /// The coordinator does not accept our token.
    Denied(String),
}

/// Where messages go while a stream is open.
pub struct Outgoing {
    messages: UnboundedSender<(usize, v1::AgentMessage)>,
    queued_bytes: Arc<AtomicUsize>,
}

impl Outgoing {
    fn new() -> (Self, impl Stream<Item = v1::AgentMessage> + Send + 'static) {
        let (messages, receiver) = unbounded_channel::<(usize, v1::AgentMessage)>();
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&queued_bytes);
        let stream = UnboundedReceiverStream::new(receiver).map(move |(bytes, message)| {
            counter.fetch_sub(bytes, Ordering::Relaxed);
            message
        });
        (Self { messages, queued_bytes }, stream)
    }

    /// Queues a message. On a stream that has broken it is lost, as all that was still queued.
    pub fn send(&self, message: Outbound) {
        let bytes = if let Outbound::Log { data, .. } = &message { data.len() } else { 0 };
        self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        // The loop hears of the end of the stream from the link.
        let _ = self.messages.send((bytes, wire::outbound(message)));
    }

    /// Whether logs should wait until the network has taken more.
    pub fn is_congested(&self) -> bool {
        const ENOUGH_BYTES: usize = 1 << 20;
        self.queued_bytes.load(Ordering::Relaxed) > ENOUGH_BYTES
    }
}

/// A connection that is made when first used, noticed when it is dead, and made again.
pub fn channel(address: &str) -> Result<Channel, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(address.to_owned())?
        .connect_timeout(Duration::from_secs(5))
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true)
        .tcp_nodelay(true);
    Ok(endpoint.connect_lazy())
}

/// Holds a session open until the loop is gone.
pub struct Link {
    client: AgentsClient<InterceptedService<Channel, Bearer>>,
    events: UnboundedSender<LinkEvent>,
    /// The loop wants a new session.
    reopen: Arc<Notify>,
    backoff: Backoff,
}

impl Link {
    pub fn new(
        channel: Channel,
        auth: Bearer,
        backoff: (Duration, Duration),
    ) -> (Self, UnboundedReceiver<LinkEvent>, Arc<Notify>) {
        let (events, receiver) = unbounded_channel();
        let reopen = Arc::new(Notify::new());
        let client = AgentsClient::with_interceptor(channel, auth).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let link = Self { client, events, reopen: Arc::clone(&reopen), backoff: Backoff::new(backoff) };
        (link, receiver, reopen)
    }

    pub async fn run(mut self) {
        loop {
            let (outgoing, stream) = Outgoing::new();
            if self.events.send(LinkEvent::Opened(outgoing)).is_err() {
                return;
            }
            let event = match self.session(stream).await {
                Ok(reason) => LinkEvent::Closed(reason),
                Err(status) if matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied) => {
                    LinkEvent::Denied(status.message().to_owned())
                }
                Err(status) => LinkEvent::Closed(describe(&status)),
            };
            if self.events.send(event).is_err() {
                return;
            }
            self.backoff.wait().await;
        }
    }

    /// One session, from Hello to its end.
    async fn session(
        &mut self,
        outgoing: impl Stream<Item = v1::AgentMessage> + Send + 'static,
    ) -> Result<String, Status> {
        // A wish that came while the last session was ending is fulfilled by this one.
        let _wished = self.reopen.notified().now_or_never();
        let mut incoming = self.client.session(outgoing).await?.into_inner();
        loop {
            let message = tokio::select! {
                message = incoming.message() => message?,
                () = self.reopen.notified() => return Ok("a new session is needed".to_owned()),
            };
            let Some(message) = message else { return Ok("the coordinator closed the session".to_owned()) };
            match wire::inbound(message) {
                Ok(message) => {
                    if matches!(message, Inbound::Welcome { .. }) {
                        self.backoff.reset();
                    }
                    let _loop_is_gone = self.events.send(LinkEvent::Message(message));
                }
                Err(error) => tracing::warn!(%error, "the coordinator said something unreadable"),
            }
        }
    }
}

/// tonic hides what went wrong in the chain of causes.
fn describe(status: &Status) -> String {
    let mut text = status.message().to_owned();
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
