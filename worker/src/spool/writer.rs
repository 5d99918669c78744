//! The thread that writes the spool.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::log::Log;

/// The thread, and how it is spoken to.
pub struct Writer {
    /// Taken only when the writer is dropped.
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
    has_room: Arc<AtomicBool>,
}

pub enum Order {
    Append(Vec<u8>),
    Ack(u64),
    Renew { spool: String, generation: Option<String>, payloads: Vec<Vec<u8>> },
    Remember(String),
}

/// How often space for the spare is looked for, where there was none.
const SPARE_AGAIN: Duration = Duration::from_secs(1);

impl Writer {
    pub fn start(mut log: Log, durable: UnboundedSender<(String, u64)>) -> io::Result<Self> {
        let (orders, inbox) = mpsc::channel();
        let has_room = Arc::new(AtomicBool::new(log.has_spare()));
        let room = Arc::clone(&has_room);
        let thread = std::thread::Builder::new().name("sweep-spool".to_owned()).spawn(move || {
            while let Ok(first) = next_order(&inbox, &mut log) {
                let batch = first.into_iter().chain(inbox.try_iter());
                if let Some(seq) = write_batch(&mut log, batch) {
                    // Nobody listens any more: the agent is leaving, and finds the record at its next start.
                    let _ = durable.send((log.id(), seq));
                }
                room.store(log.has_spare(), Ordering::Relaxed);
            }
        })?;
        Ok(Self { orders: Some(orders), thread: Some(thread), has_room })
    }

    pub fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // The thread ends only with this sender.
            let _ = orders.send(order);
        }
    }

    pub fn has_room(&self) -> bool {
        self.has_room.load(Ordering::Relaxed)
    }
}

impl Drop for Writer {
    /// Returns once everything that was ordered is on disk.
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there was reported when it happened.
            let _ = thread.join();
        }
    }
}

/// Waits for the next order; while the spare is missing only for a while, to try for it again. `None`: there is none yet.
fn next_order(inbox: &mpsc::Receiver<Order>, log: &mut Log) -> Result<Option<Order>, mpsc::RecvError> {
    if log.has_spare() {
        return inbox.recv().map(Some);
    }
    match inbox.recv_timeout(SPARE_AGAIN) {
        Ok(order) => Ok(Some(order)),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(mpsc::RecvError),
        Err(mpsc::RecvTimeoutError::Timeout) => {
            log.ensure_spare();
            Ok(None)
        }
    }
}

/// Carries out a batch with one sync; the last number that became durable.
fn write_batch(log: &mut Log, batch: impl Iterator<Item = Order>) -> Option<u64> {
    let mut last = None;
    for order in batch {
        match order {
            Order::Append(payload) => last = Some(persist(|| log.append(&payload))),
            Order::Ack(seq) => {
                // The note is a saving, not a promise.
                if let Err(error) = log.ack(seq) {
                    tracing::warn!(%error, "cannot note an acknowledgement in the spool");
                }
                log.ensure_spare();
            }
            Order::Renew { spool, generation, payloads } => {
                persist(|| log.renew(&spool, &payloads));
                if let Some(generation) = generation {
                    remember(log, &generation);
                }
                last = Some(payloads.len() as u64);
            }
            Order::Remember(generation) => remember(log, &generation),
        }
    }
    if last.is_some() {
        persist(|| log.sync());
    }
    last
}

/// Not knowing the generation after a restart only means that less is noticed.
fn remember(log: &Log, generation: &str) {
    if let Err(error) = log.remember(generation) {
        tracing::warn!(%error, "cannot note which database the coordinator has");
    }
}

/// A report that cannot be written is neither sent nor dropped: the disk has to come back.
fn persist<T>(mut write: impl FnMut() -> io::Result<T>) -> T {
    for tries in 0_u64.. {
        match write() {
            Ok(value) => return value,
            Err(error) => {
                if tries == 0 {
                    tracing::error!(%error, "cannot write the spool; trying again until it works");
                }
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    }
    unreachable!("it tries for ever")
}
