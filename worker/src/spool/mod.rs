//! Reports that survive: written to disk, in order, before they are sent, and kept until the coordinator has committed
//! them.
//!
//! The space is allocated before work begins, so a full disk cannot lose the end of an attempt. A thread of its own
//! writes; whatever waits while one `fdatasync` runs shares the next. After a crash, [`Spool::open`] returns what was
//! durable and unacknowledged; a record that was torn had not been sent. What each record is and when it is sent is the
//! session's business (`session::delivery`).

mod log;
mod salvage;
mod segment;
#[cfg(test)]
mod tests;
mod writer;

use std::io;
use std::path::Path;

use sweep_shared::ids::ContentHash;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::report::Report;
use log::Log;
use writer::{Order, Writer};

pub use segment::MAX_PAYLOAD_BYTES;

/// A report as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub payload: Vec<u8>,
    /// What it names.
    pub blobs: Vec<ContentHash>,
}

impl Record {
    pub fn of(report: &Report) -> Self {
        Self { payload: report.encode(), blobs: report.blobs() }
    }
}

/// What the disk kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovered {
    /// The spool's name.
    pub spool: String,
    /// Of the coordinator's database that was last heard.
    pub generation: Option<String>,
    /// The last number known to be acknowledged.
    pub acked: u64,
    /// What the next report will bear.
    pub next_seq: u64,
    /// Not acknowledged, in order and without gaps.
    pub reports: Vec<(u64, Report)>,
}

/// The agent's side of the spool.
pub struct Spool {
    writer: Writer,
}

/// Of which spool every record up to which number is on disk.
pub type Durable = UnboundedReceiver<(String, u64)>;

impl Spool {
    /// Opens or makes the spool in this folder. The receiver tells what became durable from now on; what was recovered is
    /// durable already.
    pub fn open(folder: &Path) -> io::Result<(Self, Recovered, Durable)> {
        let (log, recovered) = Log::open(folder)?;
        let (durable, receiver) = unbounded_channel();
        Ok((Self { writer: Writer::start(log, durable)? }, recovered, receiver))
    }

    /// Queues the next record.
    pub fn append(&self, payload: Vec<u8>) {
        self.writer.order(Order::Append(payload));
    }

    /// Records up to this number are needed no more.
    pub fn acknowledged(&self, seq: u64) {
        self.writer.order(Order::Ack(seq));
    }

    /// Replaces the spool by one of this name that holds these records, in one step that no crash can halve; and then
    /// keeps the coordinator's generation.
    pub fn renew(&self, spool: String, generation: Option<String>, payloads: Vec<Vec<u8>>) {
        self.writer.order(Order::Renew { spool, generation, payloads });
    }

    /// Keeps the coordinator's generation for the next start.
    pub fn remember(&self, generation: String) {
        self.writer.order(Order::Remember(generation));
    }

    /// Whether the ends of new attempts are sure to find space.
    pub fn has_room(&self) -> bool {
        self.writer.has_room()
    }
}
