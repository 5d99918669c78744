//! The outbox: what people are to be told.
//!
//! [`record`] writes a notice, and a copy of it for each address, in the very commit that writes what happened: neither is ever
//! there without the other. Jobs that fail together, and agents that are lost together, gather in one notice while it is open;
//! when their sweep ends, what still waits of it is folded into the one message of its end. Whoever delivers reads what is due
//! ([`read`]), puts a notice into words once ([`Worded`]), and writes down what became of each copy ([`Mark`]). `standing` is
//! what the coordinator knows of its own starts and ends.

mod fold;
mod mark;
mod read;
mod record;
mod standing;
#[cfg(test)]
mod tests;

pub use fold::FoldCopies;
pub use mark::{Forget, Mark, Outcome, Worded};
pub use read::{CopyCount, CopyRow, Due, FailedJob, NoticeRow};
pub(super) use record::record;
pub use standing::{Arrive, DiskRoom, Leave, NoteLost};

use crate::notices::channels::Address;

/// A notice's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct NoticeId(pub i64);

/// One copy of a notice.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CopyId {
    pub notice: NoticeId,
    pub to: Address,
}
