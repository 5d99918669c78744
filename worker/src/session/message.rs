//! What agent and coordinator say to each other, in our own types. [`super::wire`] turns them into protobuf.

use std::collections::BTreeMap;
use std::time::Duration;

use sweep_shared::event::{Epoch, FileRef};
use sweep_shared::ids::{ContentHash, Token};
use sweep_shared::labels::Labels;
use sweep_shared::resources::Device;
use sweep_shared::spec::JobSpec;

use crate::report::{Checkpoint, Report};
use crate::slots::DeviceKey;

/// From the coordinator.
#[derive(Debug, Clone, PartialEq)]
pub enum Inbound {
    Welcome {
        generation: String,
        acked: u64,
        keep: Vec<Token>,
        lease_ms: u64,
        /// Bytes of attempts' logs that the coordinator has.
        logs: BTreeMap<Token, u64>,
    },
    Assign(Box<Assign>),
    /// An assignment that this agent cannot read.
    BadAssign {
        token: Token,
        error: String,
    },
    Ack(u64),
    /// The report `seq` names blobs that the coordinator does not have.
    Missing {
        seq: u64,
        hashes: Vec<ContentHash>,
    },
    Cancel(Token),
    Interrupt(Token, String),
    Drain(String),
    Refused(String),
}

/// One attempt to make.
#[derive(Debug, Clone, PartialEq)]
pub struct Assign {
    pub token: Token,
    pub spec: JobSpec,
    /// Beside `spec.inputs`.
    pub inputs: Vec<Vec<FileRef>>,
    /// Newest first.
    pub checkpoints: Vec<Checkpoint>,
    pub device: DeviceKey,
    /// What is reserved for it; 0 where nothing is known.
    pub memory_bytes: u64,
    /// What it is predicted to write, beside inputs and checkpoints; 0 where nothing is known.
    pub disk_bytes: u64,
    pub exclusive: bool,
    /// Into how many parts each batch is split.
    pub micro_batches: u32,
    pub hang_after: HangAfter,
}

/// After how much silence a runner counts as hung.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HangAfter {
    /// As its own pace has it.
    #[default]
    Usual,
    Never,
    Silence(Duration),
}

/// To the coordinator.
#[derive(Debug, Clone, PartialEq)]
pub enum Outbound {
    Hello(Hello),
    Accept(Token),
    Refuse(Token, String),
    /// The processes are gone, the files are on their way.
    Finishing(Token),
    Progress(Token, Progress),
    Log {
        token: Token,
        offset: u64,
        data: Vec<u8>,
    },
    /// From the spool.
    Report(u64, Report),
    Heartbeat(Vec<Device>),
    Goodbye(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Hello {
    pub agent: String,
    pub host: String,
    pub boot: String,
    pub incarnation: u64,
    /// Counts this incarnation's sessions, from 1: what an older connection still brings is told from what is new.
    pub nth: u64,
    pub devices: Vec<Device>,
    pub attempts: Vec<Token>,
    pub slots: u32,
    pub labels: Labels,
    pub spool: String,
    /// The database that the agent last heard, if it ever heard one.
    pub generation: Option<String>,
    /// The last report of this spool that is known to be recorded there.
    pub acked: u64,
}

/// How far an attempt is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// Of the whole job, in 0..=1.
    pub fraction: f64,
    pub message: String,
    pub epochs: Vec<Epoch>,
    /// Epoch and step of the checkpoint that the runner continued from.
    pub resumed: Option<(u32, u64)>,
    /// How long the runner has said nothing, and until it is judged hung; where that is near.
    pub silence: Option<(Duration, Duration)>,
    /// Why the attempt's processes are still there although they were killed; empty: nothing of the kind.
    pub stuck: String,
}
