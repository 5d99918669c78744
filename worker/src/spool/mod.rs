//! Reports that survive: written to disk, in order, before they are sent, and kept until the coordinator has committed
//! them.
//!
//! The space is allocated before work begins, so a full disk cannot lose the end of an attempt. A thread of its own
//! writes; whatever waits while one `fdatasync` runs shares the next. After a crash, [`Spool::open`] returns what was
//! durable and unacknowledged; a record that was torn had not been sent.

mod log;
mod segment;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::report::{Body, End, Report};
use log::Log;
use sweep_shared::states::FailureClass;

/// The agent's side of the spool.
pub struct Spool {
    id: String,
    folder: PathBuf,
    writer: Writer,
    /// Not acknowledged, in order.
    unacked: VecDeque<(u64, Report)>,
    next_seq: u64,
}

/// The thread that writes, and how it is spoken to.
struct Writer {
    /// Taken only when the writer is dropped.
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
    has_room: Arc<AtomicBool>,
}

enum Order {
    Append(Vec<u8>),
    Ack(u64),
}

/// How often space for the spare is looked for, where there was none.
const SPARE_AGAIN: Duration = Duration::from_secs(1);

/// Every record up to this number is on disk.
pub type Durable = UnboundedReceiver<u64>;

impl Spool {
    /// Opens or makes the spool in this folder. The receiver tells what became durable from now on; what
    /// [`Self::unacked`] returns at first is durable already.
    pub fn open(folder: &Path) -> io::Result<(Self, Durable)> {
        let (log, records) = Log::open(folder)?;
        let mut unacked = VecDeque::new();
        for (seq, payload) in records {
            let report = serde_json::from_slice(&payload)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("spool record {seq}: {error}")))?;
            unacked.push_back((seq, report));
        }
        Self::start(folder, log, unacked)
    }

    fn start(folder: &Path, log: Log, unacked: VecDeque<(u64, Report)>) -> io::Result<(Self, Durable)> {
        let (id, next_seq) = (log.id(), log.next_seq());
        let (durable, receiver) = unbounded_channel();
        let writer = Writer::start(log, durable)?;
        Ok((Self { id, folder: folder.to_owned(), writer, unacked, next_seq }, receiver))
    }

    /// Becomes a new spool, with a new name, that holds what is still unacknowledged: after the coordinator's database
    /// was restored, or where its count does not fit ours. All of it is durable on return.
    pub fn renew(&mut self) -> io::Result<Durable> {
        // Waits until the old files are at rest.
        self.writer.close();
        let mut log = Log::create(&self.folder, log::new_id()?)?;
        for (seq, report) in &mut self.unacked {
            *seq = log.append(&encode(report))?;
        }
        log.sync()?;
        let unacked = std::mem::take(&mut self.unacked);
        let (renewed, durable) = Self::start(&self.folder, log, unacked)?;
        *self = renewed;
        Ok(durable)
    }

    /// The number of the last report.
    pub fn last_seq(&self) -> u64 {
        self.next_seq - 1
    }

    /// Replaces a report that can never be taken as it is by its attempt's failure. Only in memory: after a restart the
    /// same will be found out again.
    pub fn replace(&mut self, seq: u64, end: End) {
        if let Some((_, report)) = self.unacked.iter_mut().find(|(unacked, _)| *unacked == seq) {
            *report = Report::finished(report.token, end, 0.0);
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the ends of new attempts are sure to find space.
    pub fn has_room(&self) -> bool {
        self.writer.has_room.load(Ordering::Relaxed)
    }

    /// Queues a report. It may be sent once the durable receiver has told its number.
    pub fn push(&mut self, report: Report) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        let mut payload = encode(&report);
        let mut report = report;
        if payload.len() > segment::MAX_PAYLOAD_BYTES {
            report = too_large(report, payload.len());
            payload = encode(&report);
        }
        self.unacked.push_back((seq, report));
        self.writer.order(Order::Append(payload));
        seq
    }

    /// The coordinator has committed everything up to `seq`. Returns what is forgotten.
    pub fn ack(&mut self, seq: u64) -> Vec<Report> {
        let count = self.unacked.iter().take_while(|(unacked, _)| *unacked <= seq).count();
        if count > 0 {
            self.writer.order(Order::Ack(seq));
        }
        self.unacked.drain(..count).map(|(_, report)| report).collect()
    }

    /// Whether the coordinator's last committed number can be true of this spool.
    pub fn fits(&self, acked: u64) -> bool {
        let first = self.unacked.front().map_or(self.next_seq, |(seq, _)| *seq);
        acked < self.next_seq && acked + 1 >= first
    }

    /// In order.
    pub fn unacked(&self) -> impl Iterator<Item = &(u64, Report)> {
        self.unacked.iter()
    }
}

impl Writer {
    fn start(mut log: Log, durable: UnboundedSender<u64>) -> io::Result<Self> {
        let (orders, inbox) = mpsc::channel();
        let has_room = Arc::new(AtomicBool::new(log.has_spare()));
        let room = Arc::clone(&has_room);
        let thread = std::thread::Builder::new().name("sweep-spool".to_owned()).spawn(move || {
            while let Ok(first) = next_order(&inbox, &mut log) {
                let batch = first.into_iter().chain(inbox.try_iter());
                if let Some(seq) = write_batch(&mut log, batch) {
                    // Nobody listens any more: the agent is leaving, and finds the record at its next start.
                    let _ = durable.send(seq);
                }
                room.store(log.has_spare(), Ordering::Relaxed);
            }
        })?;
        Ok(Self { orders: Some(orders), thread: Some(thread), has_room })
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // The thread ends only with this sender.
            let _ = orders.send(order);
        }
    }
}

impl Writer {
    /// Returns once everything that was ordered is on disk.
    fn close(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there was reported when it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
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
        }
    }
    if last.is_some() {
        persist(|| log.sync());
    }
    last
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

fn encode(report: &Report) -> Vec<u8> {
    serde_json::to_vec(report).expect("our types serialise")
}

/// What stands for a report that is larger than the spool takes.
fn too_large(report: Report, bytes: usize) -> Report {
    let message = format!("the attempt's report has {bytes} bytes, more than an agent can deliver");
    let run_s = if let Body::Finished { run_s, .. } = report.body { run_s } else { 0.0 };
    Report::finished(report.token, End::failure(FailureClass::BadInput, message), run_s)
}
