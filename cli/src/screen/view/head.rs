//! How the sweep stands: a line of words, and a bar.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use sweep_shared::states::{JobState, SweepState};

use super::paint::{Paint, bar};
use crate::answer::Sweep;
use crate::format;
use crate::screen::state::{Link, Screen};

pub fn draw(frame: &mut Frame<'_>, area: Rect, screen: &Screen, paint: Paint) {
    let width = area.width;
    let total = screen.board.total().max(1) as f64;
    let (full, rest) = bar(screen.board.work_done() / total, usize::from(width));
    let bar = Line::from(vec![Span::styled(full, paint.full()), Span::styled(rest, paint.dim())]);
    frame.render_widget(Paragraph::new(vec![line(screen, width, paint), bar]), area);
}

/// `s3 study  12 of 42 jobs done, 2 running, 1 failed      about 12 min left`; what does not fit is left out, the last first.
pub fn line(screen: &Screen, width: u16, paint: Paint) -> Line<'static> {
    let Some(sweep) = screen.board.sweep() else {
        return Line::from(format!("{}: asking the coordinator …", screen.sweep));
    };
    let width = usize::from(width);
    let (right, alarm) = right(screen, sweep);
    let head = format!("{} {}", sweep.id, sweep.name);
    let parts = [stands(screen, sweep), counted(screen)];
    let mut left = format::clip(&head, width);
    let mut shown = left.chars().count();
    let mut spans = vec![Span::styled(left.clone(), paint.bold())];
    for part in parts.iter().filter(|part| !part.is_empty()) {
        left = format!("  {part}");
        if shown + left.chars().count() <= width {
            shown += left.chars().count();
            spans.push(Span::raw(left));
        }
    }
    let length = right.chars().count();
    if length > 0 && shown + 2 + length <= width {
        spans.push(Span::raw(" ".repeat(width - shown - length)));
        spans.push(Span::styled(right, if alarm { paint.alarm() } else { paint.dim() }));
    } else if alarm {
        // Whatever else there was no room for: this must be seen.
        return Line::from(Span::styled(format::clip(&right, width), paint.alarm()));
    }
    Line::from(spans)
}

fn stands(screen: &Screen, sweep: &Sweep) -> String {
    match sweep.state {
        SweepState::Active if sweep.paused => "paused".to_owned(),
        SweepState::Active => {
            format!("{} of {} done", screen.board.over(), format::plural(screen.board.total(), "job"))
        }
        over => format!("{}, {}", over.as_str().replace('_', " "), format::plural(screen.board.total(), "job")),
    }
}

fn counted(screen: &Screen) -> String {
    let states = [JobState::Running, JobState::Failed, JobState::Paused, JobState::Skipped, JobState::Cancelled];
    let count = |state: JobState| (screen.board.count(state), state);
    let counts = states.map(count).into_iter().filter(|(n, _)| *n > 0).map(|(n, state)| format!("{n} {state}"));
    counts.collect::<Vec<_>>().join(", ")
}

/// What stands at the end of the line, and whether it is an alarm.
fn right(screen: &Screen, sweep: &Sweep) -> (String, bool) {
    if let Link::Lost(since) = screen.link {
        let ago = format::duration(screen.elapsed.saturating_sub(since));
        return (format!("connection lost {ago} ago, waiting (jobs go on)"), true);
    }
    if sweep.is_over() {
        return (sweep.age().map(|age| format!("took {}", format::duration(age))).unwrap_or_default(), false);
    }
    match screen.all_left() {
        Some(left) if !left.is_zero() => (format!("about {} left", format::duration(left)), false),
        _ => (sweep.created.map(|at| format!("begun {}", screen.zone.ago(at, screen.now))).unwrap_or_default(), false),
    }
}
