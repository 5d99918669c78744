//! What keys do.

use sweep_shared::states::JobState;

use super::{Pane, Screen};
use crate::connect::Target;

/// A key that was pressed, as far as any of them means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Char(char),
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Enter,
    Escape,
    Interrupt,
}

/// What is to be done outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Leave,
    Cancel(Target),
    Pause(Target),
    Resume(Target),
    Retry(Target),
}

/// Keys and what they do, for the help.
pub const HELP: &[(&str, &str)] = &[
    ("↑ ↓ j k", "choose a job (PgUp, PgDn, g, G: further)"),
    ("enter", "its log; again: back to its curves"),
    ("l", "its log (u, d: scroll)"),
    ("e", "why it waits, or how it ended"),
    ("v", "its learning curves"),
    ("f", "list all, open, running, failed, succeeded jobs"),
    ("s", "sort by plan, state, progress, time"),
    ("p  P", "pause or resume the job; the sweep"),
    ("r", "give a failed job another attempt"),
    ("c", "cancel the job or the sweep (asks first)"),
    ("q", "leave; the sweep goes on"),
];

impl Screen {
    pub fn press(&mut self, key: Key) -> Vec<Effect> {
        if key == Key::Interrupt {
            return vec![Effect::Leave];
        }
        if let Some(target) = self.asking.take() {
            return self.answered(key, target);
        }
        if std::mem::take(&mut self.help) {
            return Vec::new();
        }
        let page = self.rows.max(1) as isize;
        match key {
            Key::Char('q') => return vec![Effect::Leave],
            // Out of a pane first.
            Key::Escape if self.pane != Pane::Curves => self.pane = Pane::Curves,
            Key::Escape => return vec![Effect::Leave],
            Key::Char('?' | 'h') => self.help = true,
            Key::Up | Key::Char('k') => self.step(-1),
            Key::Down | Key::Char('j') => self.step(1),
            Key::PageUp => self.step(-page),
            Key::PageDown => self.step(page),
            Key::First | Key::Char('g') => self.step(isize::MIN + 1),
            Key::Last | Key::Char('G') => self.step(isize::MAX),
            Key::Char('l') => self.pane = Pane::Log,
            Key::Char('e') => self.pane = Pane::Why,
            Key::Char('v') => self.pane = Pane::Curves,
            Key::Enter => self.pane = if self.pane == Pane::Curves { Pane::Log } else { Pane::Curves },
            Key::Char('u') => self.scroll(1),
            Key::Char('d') => self.scroll(-1),
            Key::Char('f') => {
                self.filter = self.filter.next();
                self.stay_on_the_list();
            }
            Key::Char('s') => self.sort = self.sort.next(),
            Key::Char('c') => self.ask(),
            Key::Char('p') => return self.pause_job().into_iter().collect(),
            Key::Char('P') => return self.pause_sweep().into_iter().collect(),
            Key::Char('r') => return self.retry().into_iter().collect(),
            Key::Char(_) | Key::Interrupt => {}
        }
        Vec::new()
    }

    fn scroll(&mut self, pages: isize) {
        const LINES: isize = 5;
        let most = self.log.lines.len().saturating_sub(1);
        self.log.scrolled = self.log.scrolled.saturating_add_signed(pages * LINES).min(most);
    }

    /// `c` asks; `y` and `S` answer.
    fn ask(&mut self) {
        match self.selected() {
            Some(job) if !job.state.is_terminal() => self.asking = Some(Target::Job(job.id)),
            _ if self.is_active() => self.asking = Some(Target::Sweep(self.sweep)),
            _ => self.remark("nothing is left to cancel"),
        }
    }

    fn answered(&mut self, key: Key, target: Target) -> Vec<Effect> {
        match key {
            Key::Char('y' | 'Y') => vec![Effect::Cancel(target)],
            Key::Char('S') => vec![Effect::Cancel(Target::Sweep(self.sweep))],
            _ => {
                self.remark("nothing was cancelled");
                Vec::new()
            }
        }
    }

    fn pause_job(&mut self) -> Option<Effect> {
        let job = self.selected()?;
        let target = Target::Job(job.id);
        match job.state {
            JobState::Paused => Some(Effect::Resume(target)),
            state if state.is_terminal() => {
                let said = format!("{target} is {state}; there is nothing to pause");
                self.remark(&said);
                None
            }
            _ => Some(Effect::Pause(target)),
        }
    }

    fn pause_sweep(&mut self) -> Option<Effect> {
        let target = Target::Sweep(self.sweep);
        let sweep = self.board.sweep()?;
        if sweep.is_over() {
            let said = format!("{target} is over; there is nothing to pause");
            self.remark(&said);
            return None;
        }
        Some(if sweep.paused { Effect::Resume(target) } else { Effect::Pause(target) })
    }

    fn retry(&mut self) -> Option<Effect> {
        let job = self.selected()?;
        if matches!(job.state, JobState::Failed | JobState::Cancelled | JobState::Skipped) {
            return Some(Effect::Retry(Target::Job(job.id)));
        }
        let said = format!("{} is {}; there is nothing to retry", job.id, job.state);
        self.remark(&said);
        None
    }

    fn is_active(&self) -> bool {
        self.board.sweep().is_some_and(|sweep| !sweep.is_over())
    }
}

#[cfg(test)]
mod tests {
    use sweep_shared::ids::{JobId, SweepId};

    use super::super::tests::{id, screen};
    use super::*;

    #[test]
    fn arrows_and_letters_walk_the_list_and_stop_at_its_ends() {
        let mut screen = screen();
        screen.press(Key::Char('j'));
        screen.press(Key::Down);
        assert_eq!(id(&screen), 4);
        for (key, at) in
            [(Key::Char('g'), 1), (Key::Up, 1), (Key::PageDown, 5), (Key::Last, 6), (Key::Down, 6), (Key::PageUp, 2)]
        {
            screen.press(key);
            assert_eq!(id(&screen), at, "{key:?}");
        }
    }

    #[test]
    fn the_chosen_row_is_always_among_those_that_are_shown() {
        let mut screen = screen();
        screen.press(Key::Last);
        screen.fit(4);
        assert_eq!(screen.top, 2);
        screen.fit(2);
        assert_eq!(screen.top, 4);
        screen.press(Key::First);
        screen.fit(2);
        assert_eq!(screen.top, 0);
        screen.fit(100);
        assert_eq!(screen.top, 0);
    }

    #[test]
    fn nothing_is_cancelled_without_a_yes() {
        let mut screen = screen();
        assert_eq!(screen.press(Key::Char('c')), []);
        assert_eq!(screen.asking, Some(Target::Job(JobId(2))));
        assert_eq!(screen.press(Key::Enter), []);
        assert_eq!((screen.asking, screen.remarked()), (None, Some("nothing was cancelled")));
        screen.press(Key::Char('c'));
        assert_eq!(screen.press(Key::Char('y')), [Effect::Cancel(Target::Job(JobId(2)))]);
        screen.press(Key::Char('c'));
        assert_eq!(screen.press(Key::Char('S')), [Effect::Cancel(Target::Sweep(SweepId(1)))]);
        // What is over cannot be cancelled; the sweep can.
        screen.press(Key::First);
        screen.press(Key::Char('c'));
        assert_eq!(screen.asking, Some(Target::Sweep(SweepId(1))));
    }

    #[test]
    fn keys_do_what_the_state_allows() {
        let mut screen = screen();
        assert_eq!(screen.press(Key::Char('p')), [Effect::Pause(Target::Job(JobId(2)))]);
        assert_eq!(screen.press(Key::Char('P')), [Effect::Pause(Target::Sweep(SweepId(1)))]);
        assert_eq!(screen.press(Key::Char('r')), []);
        assert!(screen.remarked().unwrap().contains("nothing to retry"));
        screen.press(Key::Down);
        screen.press(Key::Down);
        assert_eq!(screen.press(Key::Char('r')), [Effect::Retry(Target::Job(JobId(4)))]);
        assert_eq!(screen.press(Key::Char('p')), []);
    }

    #[test]
    fn panes_are_opened_closed_and_left() {
        let mut screen = screen();
        screen.press(Key::Char('l'));
        assert_eq!(screen.wants().log, Some(JobId(2)));
        screen.press(Key::Char('e'));
        assert_eq!((screen.wants().why, screen.wants().log), (Some(JobId(2)), None));
        assert_eq!(screen.press(Key::Escape), []);
        assert_eq!(screen.pane, Pane::Curves);
        screen.press(Key::Char('?'));
        assert!(screen.help);
        assert_eq!(screen.press(Key::Char('q')), [], "any key closes the help");
        assert_eq!(screen.press(Key::Char('q')), [Effect::Leave]);
        assert_eq!(screen.press(Key::Interrupt), [Effect::Leave]);
    }

    #[test]
    fn a_filter_that_hides_the_chosen_job_chooses_another() {
        let mut screen = screen();
        for _ in 0..3 {
            screen.press(Key::Char('f'));
        }
        assert_eq!(id(&screen), 4);
        screen.press(Key::Char('s'));
        assert_eq!(screen.sort.word(), "state");
    }
}
