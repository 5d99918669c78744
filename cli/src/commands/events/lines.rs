//! The audit log in lines. Pure but for the day it remembers.

use crate::answer::Logged;
use crate::format;
use crate::moment::Zone;

/// Room for who did it, and for what it is about.
const ACTOR: usize = 16;
const ABOUT: usize = 7;

/// Writes rows one after the other.
pub struct Lines {
    zone: Zone,
    /// Columns of the terminal. Without one, each row is one line and bears its date.
    width: Option<u16>,
    day: String,
}

impl Lines {
    pub fn new(zone: Zone, width: Option<u16>) -> Self {
        Self { zone, width, day: String::new() }
    }

    /// The row's lines; on a terminal a new day has a line of its own before.
    pub fn of(&mut self, row: &Logged) -> Vec<String> {
        let mut what = row.what.replace('_', " ");
        if !row.detail.is_empty() {
            what += &format!(": {}", row.detail);
        }
        let actor = format::clip(&row.actor, ACTOR);
        let about = row.about();
        let Some(width) = self.width else {
            let time = row.at.map(|at| self.zone.full(at)).unwrap_or_default();
            let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
            return vec![format!("{time}  {actor:<ACTOR$}  {about:<ABOUT$}  {what}")];
        };
        let mut lines = Vec::new();
        let day = row.at.map(|at| self.zone.date(at)).unwrap_or_default();
        if day != self.day {
            lines.push(day.clone());
            self.day = day;
        }
        let time = row.at.map(|at| self.zone.time(at)).unwrap_or_default();
        let head = format!("{time}  {actor:<ACTOR$}  {about:<ABOUT$}  ");
        let indent = head.chars().count();
        let room = usize::from(width).saturating_sub(indent).max(20);
        for (i, piece) in format::wrap(&what, room).into_iter().enumerate() {
            lines.push(if i == 0 { format!("{head}{piece}") } else { format!("{:indent$}{piece}", "") });
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::tests::{at, zone};
    use sweep_shared::ids::{JobId, SweepId};

    fn row(seconds: u64, actor: &str, detail: &str) -> Logged {
        Logged {
            id: 1,
            at: Some(at(seconds)),
            actor: actor.into(),
            what: "submit".into(),
            sweep: Some(SweepId(1)),
            job: None,
            attempt: None,
            detail: detail.into(),
        }
    }

    #[test]
    fn a_terminal_gets_days_and_wrapped_details() {
        let mut lines = Lines::new(zone(), Some(80));
        assert_eq!(
            lines.of(&row(39, "alice@laptop", "2 jobs, 0 reused")),
            ["2026-11-20", "16:00:39  alice@laptop      s1       submit: 2 jobs, 0 reused"]
        );
        let granted = Logged { job: Some(JobId(17)), attempt: Some(2), what: "granted".into(), ..row(40, "sweep", "") };
        assert_eq!(lines.of(&granted), ["16:00:40  sweep             j17.2    granted"]);
        let long = lines.of(&row(86_400, &"x".repeat(40), &"word ".repeat(30)));
        assert_eq!(long[0], "2026-11-21");
        assert!(long.len() > 3 && long.iter().all(|line| line.chars().count() <= 80), "{long:#?}");
    }

    #[test]
    fn elsewhere_each_row_is_one_line_with_its_date() {
        let mut lines = Lines::new(zone(), None);
        let said = lines.of(&row(39, "alice@laptop", "two\nlines"));
        assert_eq!(said, ["2026-11-20 16:00:39  alice@laptop      s1       submit: two lines"]);
    }
}
