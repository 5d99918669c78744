//! What can happen to a session, and what it then wants done.

use std::collections::BTreeMap;
use std::time::Duration;

use sweep_shared::ids::{ContentHash, Token};
use sweep_shared::resources::Device;

use super::message::{Assign, Inbound, Outbound};
use super::state::Stop;
use crate::attempt::News;
use crate::spool::Record;

/// Something happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A connection is being made: Hello goes first.
    Opened,
    Message(Inbound),
    /// The connection is gone, or was never made, for this reason.
    Closed(String),
    /// The coordinator does not accept our token.
    Denied(String),
    /// The coordinator does not accept our certificate any more.
    Expelled(String),
    /// An attempt's task tells something.
    News(Token, News),
    /// Every record of this spool up to this number is on disk.
    Durable {
        spool: String,
        seq: u64,
    },
    /// The blobs that a report names are there now, or one of them cannot be.
    Supplied {
        spool: String,
        seq: u64,
        missing: Option<ContentHash>,
    },
    /// The devices were probed.
    Devices(Vec<Device>),
    /// Whether the disk has room for more work.
    Room(bool),
    /// Time has passed. Comes several times a second.
    Tick,
    /// The first signal, with a reason.
    Drain(String),
    /// The second.
    Kill(String),
}

/// Something to do. A list of these is carried out in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// To the connection that is open.
    Send(Outbound),
    /// Send what is new of the attempt's log; all of it if the attempt is over.
    TellLog { token: Token, over: bool },
    /// The coordinator answered the greeting. Logs are told again from these lengths, those that are not named from the
    /// beginning; and heartbeats come often enough for this lease.
    Welcomed { logs: BTreeMap<Token, u64>, lease: Duration },
    /// Drop what connection there is, and make another after this time.
    Connect { after: Duration },
    /// Write a record under the spool's next number, then say so with [`Input::Durable`]. Its blobs stay in the cache.
    Append { seq: u64, record: Record },
    /// Records up to this number are needed no more, nor are their blobs.
    Acknowledged(u64),
    /// Replace the spool by one of this name, with these records from number 1 on, in one step that no crash can halve;
    /// then remember the generation. [`Input::Durable`] with the last number says that it is done.
    Renew { spool: String, generation: Option<String>, records: Vec<Record> },
    /// Keep the coordinator's generation for the next start.
    Remember { generation: String },
    /// Start an attempt's task.
    Start { assign: Box<Assign>, threads: u32 },
    /// Ask an attempt's task to stop.
    Stop(Token, Stop),
    /// The attempt's folder may go.
    Forget(Token),
    /// Upload these blobs, then say so with [`Input::Supplied`].
    Supply { spool: String, seq: u64, hashes: Vec<ContentHash> },
    /// End well, once what was sent has gone out.
    Leave,
    /// End: the coordinator will not have this agent.
    GiveUp(String),
}
