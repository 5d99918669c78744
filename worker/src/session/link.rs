//! The connection: made, lost, made again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use sweep_shared::wire::v1::agents_client::AgentsClient;
use sweep_shared::wire::{MAX_MESSAGE_BYTES, v1};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use super::message::{Inbound, Outbound};
use super::wire;
use crate::transfer::Bearer;

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
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true)
        .tcp_nodelay(true);
    Ok(endpoint.connect_lazy())
}

/// With the longest wait between two tries this bounds how long an agent takes to be back.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Makes connections when it is told to, one at a time.
pub struct Link {
    address: String,
    auth: Bearer,
    events: UnboundedSender<LinkEvent>,
    /// Wants another connection, after a while.
    orders: UnboundedReceiver<Duration>,
}

impl Link {
    pub fn new(address: String, auth: Bearer) -> (Self, UnboundedReceiver<LinkEvent>, UnboundedSender<Duration>) {
        let (events, receiver) = unbounded_channel();
        let (connect, orders) = unbounded_channel();
        (Self { address, auth, events, orders }, receiver, connect)
    }

    /// Until the loop is gone.
    pub async fn run(mut self) {
        let mut order = self.orders.recv().await;
        while let Some(after) = order {
            let connection = connection(&self.address, self.auth.clone(), &self.events, after);
            order = tokio::select! {
                // Dropping a connection closes it; nothing more is heard of it.
                newer = self.orders.recv() => newer,
                () = connection => self.orders.recv().await,
            };
        }
    }
}

/// One connection, from its wait to its end. It shares nothing with the one before, which may hang in a network that is
/// gone without anybody having noticed.
async fn connection(address: &str, auth: Bearer, events: &UnboundedSender<LinkEvent>, after: Duration) {
    tokio::time::sleep(after).await;
    let (outgoing, stream) = Outgoing::new();
    if events.send(LinkEvent::Opened(outgoing)).is_err() {
        return;
    }
    let event = match talk(address, auth, events, stream).await {
        Ok(reason) => LinkEvent::Closed(reason),
        Err(status) if matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied) => {
            LinkEvent::Denied(status.message().to_owned())
        }
        Err(status) => LinkEvent::Closed(describe(&status)),
    };
    let _loop_is_gone = events.send(event);
}

async fn talk(
    address: &str,
    auth: Bearer,
    events: &UnboundedSender<LinkEvent>,
    outgoing: impl Stream<Item = v1::AgentMessage> + Send + 'static,
) -> Result<String, Status> {
    let channel = channel(address).map_err(|error| Status::invalid_argument(error.to_string()))?;
    let mut client = AgentsClient::with_interceptor(channel, auth).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let mut incoming = client.session(outgoing).await?.into_inner();
    while let Some(message) = incoming.message().await? {
        match wire::inbound(message) {
            Ok(message) => {
                let _loop_is_gone = events.send(LinkEvent::Message(message));
            }
            Err(error) => tracing::warn!(%error, "the coordinator said something unreadable"),
        }
    }
    Ok("the coordinator closed the session".to_owned())
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
