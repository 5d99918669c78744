//! Mistakes that the simulation's tests plant into this very code, to see that its rules would find them. Without the
//! feature `simulation` there are none, and the compiler drops the branches.

/// A mistake that a coordinator could be built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Reports count by their job alone, whichever attempt they are of.
    #[cfg_attr(
        not(feature = "simulation"),
        expect(dead_code, reason = "what it does is compiled for the simulation only")
    )]
    NoFence,
    /// Reports are acknowledged when they arrive.
    AcknowledgeBeforeCommit,
    /// An attempt whose lease is over is lost, though nobody else has begun.
    LeaseVoidAtExpiry,
    /// A report that was recorded already is recorded again.
    ReplayWithoutDedup,
    /// An agent that was away during a cancel goes on.
    CancelDroppedWhileDisconnected,
    /// Nobody looks whether the blobs that a report names are here.
    ArtifactCommittedBeforeUpload,
}

#[cfg(feature = "simulation")]
mod switch {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Makes this thread's coordinators have the mistake, or none.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
    }

    pub(crate) fn is(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }
}

#[cfg(feature = "simulation")]
pub(crate) use switch::is;
#[cfg(feature = "simulation")]
pub use switch::plant;

/// Never, outside of the simulation.
#[cfg(not(feature = "simulation"))]
pub(crate) const fn is(_: Bug) -> bool {
    false
}
