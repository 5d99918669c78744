//! What is kept of work that is over, and for how long.
//!
//! [`decide`] is the policy: from what is there ([`Facts`]) and the settings ([`Retention`]) to what goes and why. `sweep gc` shows
//! it or has it carried out (`carry_out`), and the coordinator does the same by itself now and then. Nothing that may still be
//! wanted goes: of work that is not over, of jobs whose attempt still lives, and of networks that another job has yet to read,
//! everything stays. Bytes are freed where nobody names a file any more; that, and what uploads leave, is `artifacts::collect`'s.

mod carry_out;
mod policy;
#[cfg(test)]
mod tests;

pub use carry_out::{Order, carry_out};
pub use policy::{Checkpoint, Facts, FileFacts, JobFacts, Log, Point, Retention, Thing, Verdict, decide};
