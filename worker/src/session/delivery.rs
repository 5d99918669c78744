//! Which report goes when: the spool as the session knows it. Bytes and files are elsewhere.
//!
//! A report is numbered, written to disk, sent once it is durable, and kept until it is acknowledged. After a reconnect
//! everything unacknowledged goes again, in order. Numbers have no gaps; where some reports have become pointless the
//! whole spool is renewed, under a new name and counting from 1.

use std::collections::{BTreeMap, VecDeque};

use sweep_shared::ids::{ContentHash, Token};
use sweep_shared::states::FailureClass;

use crate::report::{End, Report};
use crate::spool::{MAX_PAYLOAD_BYTES, Record, Recovered};

/// The unacknowledged reports, and how far they are.
pub struct Delivery {
    spool: String,
    /// In order and without gaps.
    unacked: VecDeque<(u64, Report)>,
    next_seq: u64,
    /// The last report handed to this connection.
    sent: u64,
    /// The last report that is on disk.
    durable: u64,
    /// The last report that the coordinator is known to have recorded.
    acked: u64,
}

impl Delivery {
    pub fn new(recovered: Recovered) -> Self {
        let Recovered { spool, reports, next_seq, acked, .. } = recovered;
        Self { spool, unacked: reports.into(), next_seq, sent: 0, durable: next_seq - 1, acked }
    }

    /// The spool's name.
    pub fn spool(&self) -> &str {
        &self.spool
    }

    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// Takes a report in; what has to be written. One that is larger than the spool takes becomes a failure that says so.
    pub fn push(&mut self, mut report: Report) -> (u64, Record) {
        let seq = self.next_seq;
        self.next_seq += 1;
        let bytes = report.encode().len();
        if bytes > MAX_PAYLOAD_BYTES {
            report = too_large(report, bytes);
        }
        let record = record(&report);
        self.unacked.push_back((seq, report));
        (seq, record)
    }

    /// Every report up to this one is on disk.
    pub fn durable(&mut self, seq: u64) {
        self.durable = self.durable.max(seq);
    }

    /// The coordinator has committed everything up to `seq`. Returns what is forgotten.
    pub fn ack(&mut self, seq: u64) -> Vec<Report> {
        self.acked = self.acked.max(seq.min(self.next_seq - 1));
        let count = self.unacked.iter().take_while(|(unacked, _)| *unacked <= seq).count();
        self.unacked.drain(..count).map(|(_, report)| report).collect()
    }

    /// Whether the coordinator's last committed number can be true of this spool.
    pub fn fits(&self, acked: u64) -> bool {
        acked < self.next_seq && acked + 1 >= self.first()
    }

    /// From here on everything is sent again.
    pub fn rewind(&mut self, to: u64) {
        self.sent = to;
    }

    /// The next report that is durable and was not sent to this connection. It counts as sent.
    pub fn next_due(&mut self) -> Option<(u64, &Report)> {
        let seq = (self.sent + 1).max(self.first());
        let (_, report) = self.unacked.get((seq - self.first()) as usize).filter(|_| seq <= self.durable)?;
        self.sent = seq;
        Some((seq, report))
    }

    pub fn get(&self, seq: u64) -> Option<&Report> {
        self.unacked.get(seq.checked_sub(self.first())? as usize).map(|(_, report)| report)
    }

    /// Replaces the end of an attempt that can never be taken as it is by a failure. Only in memory: after a restart the
    /// same will be found out again.
    pub fn replace(&mut self, seq: u64, message: String) {
        let first = self.first();
        let report = seq.checked_sub(first).and_then(|at| self.unacked.get_mut(at as usize));
        if let Some((_, report)) = report {
            *report = Report::finished(report.token, End::failure(FailureClass::Internal, message), report.usage());
        }
    }

    /// Forgets a report for which there is no use any more. The gap that it leaves has to be closed by [`Self::renew`].
    pub fn discard(&mut self, seq: u64) {
        self.unacked.retain(|(unacked, _)| *unacked != seq);
    }

    /// How many checkpoints wait although a newer one of the same attempt waits, too.
    pub fn superseded(&self) -> usize {
        let newest = self.newest_checkpoints();
        let is_old = |(seq, report): &&(u64, Report)| !report.is_final() && newest[&report.token] != *seq;
        self.unacked.iter().filter(is_old).count()
    }

    /// How many reports wait.
    pub fn waiting(&self) -> usize {
        self.unacked.len()
    }

    /// Becomes a spool of another name: after the coordinator's database was restored, where its count does not fit ours,
    /// or to get rid of superseded checkpoints. What has to be written, all before anything of it is sent.
    pub fn renew(&mut self, spool: String) -> Vec<Record> {
        let newest = self.newest_checkpoints();
        self.unacked.retain(|(seq, report)| report.is_final() || newest[&report.token] == *seq);
        for (seq, (old, _)) in (1..).zip(&mut self.unacked) {
            *old = seq;
        }
        self.spool = spool;
        self.next_seq = self.unacked.len() as u64 + 1;
        (self.sent, self.durable, self.acked) = (0, 0, 0);
        self.unacked.iter().map(|(_, report)| record(report)).collect()
    }

    fn newest_checkpoints(&self) -> BTreeMap<Token, u64> {
        let checkpoints = self.unacked.iter().filter(|(_, report)| !report.is_final());
        checkpoints.map(|(seq, report)| (report.token, *seq)).collect()
    }

    /// The number of the oldest report that waits, or of the next.
    fn first(&self) -> u64 {
        self.unacked.front().map_or(self.next_seq, |(seq, _)| *seq)
    }
}

fn record(report: &Report) -> Record {
    let blobs: Vec<ContentHash> = report.blobs();
    Record { payload: report.encode(), blobs }
}

/// What stands for a report that is larger than the spool takes.
fn too_large(report: Report, bytes: usize) -> Report {
    let message = format!("the attempt's report has {bytes} bytes, more than an agent can deliver");
    Report::finished(report.token, End::failure(FailureClass::BadInput, message), report.usage())
}
