//! What the coordinators of this thread did that neither their database nor their messages show.

use std::cell::RefCell;

/// Since the last look.
#[derive(Debug, Default)]
pub struct Witness {
    /// Reports that had an effect: the spool, and the number in it.
    pub recorded: Vec<(String, u64)>,
    /// Why the dispatcher had to begin anew: the database refused what it wanted to record.
    pub troubles: Vec<String>,
}

thread_local! {
    static WITNESS: RefCell<Witness> = RefCell::default();
}

/// What was noted since the last look.
pub fn take() -> Witness {
    WITNESS.with_borrow_mut(std::mem::take)
}

pub(crate) fn recorded(report: (String, u64)) {
    WITNESS.with_borrow_mut(|witness| witness.recorded.push(report));
}

pub(crate) fn trouble(why: String) {
    WITNESS.with_borrow_mut(|witness| witness.troubles.push(why));
}
