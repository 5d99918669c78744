//! The connection: made, lost, made again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use sweep_link::{Bearer, LinkError, cause, words};
use sweep_shared::wire::v1::agents_client::AgentsClient;
use sweep_shared::wire::{MAX_MESSAGE_BYTES, v1};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Status};

use super::message::{Inbound, Outbound};
use super::wire;

/// What the link tells the loop.
pub enum LinkEvent {
    /// A stream is being opened: Hello goes first.
    Opened(Outgoing),
    Message(Inbound),
    /// The stream ended, for this reason.
    Closed(String),
    /// The coordinator does not accept our token, or somebody else answers in its place.
    Denied(String),
    /// The coordinator does not accept our certificate any more.
    Expelled(String),
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

/// Makes connections when it is told to, one at a time.
pub struct Link {
    to: sweep_link::Link,
    auth: Bearer,
    events: UnboundedSender<LinkEvent>,
    /// Wants another connection, after a while.
    orders: UnboundedReceiver<Duration>,
}

impl Link {
    pub fn new(to: sweep_link::Link, auth: Bearer) -> (Self, UnboundedReceiver<LinkEvent>, UnboundedSender<Duration>) {
        let (events, receiver) = unbounded_channel();
        let (connect, orders) = unbounded_channel();
        (Self { to, auth, events, orders }, receiver, connect)
    }

    /// Until the loop is gone.
    pub async fn run(mut self) {
        let mut order = self.orders.recv().await;
        while let Some(after) = order {
            let connection = connection(&self.to, self.auth.clone(), &self.events, after);
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
async fn connection(to: &sweep_link::Link, auth: Bearer, events: &UnboundedSender<LinkEvent>, after: Duration) {
    tokio::time::sleep(after).await;
    let (outgoing, stream) = Outgoing::new();
    if events.send(LinkEvent::Opened(outgoing)).is_err() {
        return;
    }
    let identity = to.generation();
    let event = match talk(to, auth, events, stream).await {
        Ok(reason) => LinkEvent::Closed(reason),
        // It was that of an older certificate.
        Err(status) if to.generation() != identity => LinkEvent::Closed(words(&status)),
        Err(status) => ended(&status, to.is_tls()),
    };
    let _loop_is_gone = events.send(event);
}

/// What the end of a connection means.
fn ended(status: &Status, tls: bool) -> LinkEvent {
    match (cause(status), status.code()) {
        (Some(LinkError::CertificateRefused { why, .. }), _) => LinkEvent::Expelled(why.clone()),
        (Some(fault), _) if fault.is_lasting() => LinkEvent::Denied(format!("{fault}; {}", fault.hint())),
        (Some(fault), _) => LinkEvent::Closed(fault.to_string()),
        (None, Code::Unauthenticated) if tls => LinkEvent::Expelled(status.message().to_owned()),
        (None, Code::Unauthenticated | Code::PermissionDenied) => LinkEvent::Denied(status.message().to_owned()),
        (None, _) => LinkEvent::Closed(words(status)),
    }
}

async fn talk(
    to: &sweep_link::Link,
    auth: Bearer,
    events: &UnboundedSender<LinkEvent>,
    outgoing: impl Stream<Item = v1::AgentMessage> + Send + 'static,
) -> Result<String, Status> {
    let mut client = AgentsClient::with_interceptor(to.channel(), auth).max_decoding_message_size(MAX_MESSAGE_BYTES);
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
