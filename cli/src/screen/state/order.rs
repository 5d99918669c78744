//! Which jobs are listed, and in which order.

use std::cmp::Reverse;
use std::time::SystemTime;

use sweep_shared::states::JobState;

use crate::answer::Job;
use crate::progress::Board;

/// Which.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Filter {
    #[default]
    All,
    /// What is not over.
    Open,
    Running,
    /// What failed, and what was skipped or cancelled with it.
    Failed,
    Done,
}

impl Filter {
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Open => "open",
            Self::Running => "running",
            Self::Failed => "failed",
            Self::Done => "succeeded",
        }
    }

    pub fn next(self) -> Self {
        match self {
            Self::All => Self::Open,
            Self::Open => Self::Running,
            Self::Running => Self::Failed,
            Self::Failed => Self::Done,
            Self::Done => Self::All,
        }
    }

    fn lists(self, state: JobState) -> bool {
        match self {
            Self::All => true,
            Self::Open => !state.is_terminal(),
            Self::Running => state == JobState::Running,
            Self::Failed => matches!(state, JobState::Failed | JobState::Skipped | JobState::Cancelled),
            Self::Done => matches!(state, JobState::Succeeded | JobState::Stopped),
        }
    }
}

/// In which order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// As the plan has them.
    #[default]
    Plan,
    /// What runs first, then what failed, what waits, what is done.
    State,
    /// The furthest first.
    Progress,
    /// The longest first.
    Time,
}

impl Sort {
    pub fn word(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::State => "state",
            Self::Progress => "progress",
            Self::Time => "time",
        }
    }

    pub fn next(self) -> Self {
        match self {
            Self::Plan => Self::State,
            Self::State => Self::Progress,
            Self::Progress => Self::Time,
            Self::Time => Self::Plan,
        }
    }
}

pub fn ordered(board: &Board, filter: Filter, sort: Sort, now: SystemTime) -> Vec<&Job> {
    let mut jobs: Vec<&Job> = board.jobs().filter(|job| filter.lists(job.state)).collect();
    match sort {
        Sort::Plan => {}
        Sort::State => jobs.sort_by_key(|job| rank(job.state)),
        Sort::Progress => jobs.sort_by(|a, b| b.fraction.total_cmp(&a.fraction)),
        Sort::Time => jobs.sort_by_key(|job| Reverse(job.run_time_at(now))),
    }
    jobs
}

fn rank(state: JobState) -> u8 {
    match state {
        JobState::Running => 0,
        JobState::Failed => 1,
        JobState::Ready | JobState::Paused => 2,
        JobState::Blocked => 3,
        JobState::Skipped | JobState::Cancelled => 4,
        JobState::Succeeded | JobState::Stopped => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::screen;
    use super::*;

    #[test]
    fn jobs_are_filtered_and_sorted() {
        let screen = screen();
        let ids = |filter, sort| {
            ordered(&screen.board, filter, sort, screen.now).iter().map(|job| job.id.0).collect::<Vec<_>>()
        };
        assert_eq!(ids(Filter::All, Sort::Plan), [1, 2, 3, 4, 5, 6]);
        assert_eq!(ids(Filter::All, Sort::State), [2, 4, 3, 5, 6, 1]);
        assert_eq!(ids(Filter::All, Sort::Progress)[..2], [1, 2]);
        assert_eq!(ids(Filter::Open, Sort::Plan), [2, 3, 5, 6]);
        assert_eq!((ids(Filter::Running, Sort::Plan), ids(Filter::Failed, Sort::Plan)), (vec![2], vec![4]));
        assert_eq!(ids(Filter::Done, Sort::Time), [1]);
    }

    #[test]
    fn keys_lead_through_all_of_them_and_back() {
        let mut filter = Filter::default();
        for _ in 0..5 {
            filter = filter.next();
        }
        let mut sort = Sort::default();
        for _ in 0..4 {
            sort = sort.next();
        }
        assert_eq!((filter, sort), (Filter::All, Sort::Plan));
    }
}
