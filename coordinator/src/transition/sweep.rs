//! The end of a sweep.

use sweep_shared::states::{JobState, SweepState};

/// What an active sweep becomes when these are the states of its jobs; `None` while any can still go on.
pub fn sweep_end(states: impl IntoIterator<Item = JobState>) -> Option<SweepState> {
    let mut end = SweepState::Finished;
    for state in states {
        match state {
            JobState::Succeeded | JobState::Stopped => {}
            JobState::Failed | JobState::Cancelled | JobState::Skipped => end = SweepState::FinishedWithFailures,
            JobState::Blocked | JobState::Ready | JobState::Running | JobState::Paused => return None,
        }
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_ends_with_its_last_job() {
        use JobState::{Failed, Running, Skipped, Stopped, Succeeded};
        assert_eq!(sweep_end([Succeeded, Stopped]), Some(SweepState::Finished));
        assert_eq!(sweep_end([Failed, Running]), None);
        assert_eq!(sweep_end([Succeeded, Failed, Skipped]), Some(SweepState::FinishedWithFailures));
    }
}
