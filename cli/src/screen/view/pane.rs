//! The lower part: the chosen job's curves, its log, or why it stands where it stands.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::chart;
use super::paint::Paint;
use crate::answer::{Explanation, Job};
use crate::format;
use crate::screen::state::{Pane, Screen};

pub fn draw(frame: &mut Frame<'_>, area: Rect, screen: &Screen, paint: Paint) {
    let Some(job) = screen.selected() else { return };
    let [title, inside] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    frame.render_widget(headline(screen, job, usize::from(title.width), paint), title);
    match screen.pane {
        Pane::Curves => match &screen.curves {
            Some((of, curves)) if *of == job.id && !curves.is_empty() => chart::draw(frame, inside, curves, paint),
            Some((of, _)) if *of == job.id => {
                frame.render_widget(Paragraph::new(state(job, inside.width, paint)), inside);
            }
            _ => {}
        },
        Pane::Log => frame.render_widget(Paragraph::new(log(screen, job, inside, paint)), inside),
        Pane::Why => frame.render_widget(Paragraph::new(why(screen, job, inside.width, paint)), inside),
    }
}

/// `── j12 student model=kd-conv4 ── curves ─────────`.
fn headline(screen: &Screen, job: &Job, width: usize, paint: Paint) -> Line<'static> {
    let what = match screen.pane {
        Pane::Curves => "curves",
        Pane::Log if screen.log.scrolled > 0 => "log (scrolled up; d goes down)",
        Pane::Log => "log",
        Pane::Why => "why",
    };
    let name = format::clip(&format!("{} {}", job.id, screen.board.name(job)), width.saturating_sub(what.len() + 10));
    let head = format!("── {name} ── {what} ");
    let rest = "─".repeat(width.saturating_sub(head.chars().count()));
    Line::from(vec![Span::styled(head, paint.bold()), Span::styled(rest, paint.dim())])
}

/// Of a job without curves.
fn state(job: &Job, width: u16, paint: Paint) -> Vec<Line<'static>> {
    let text = match (job.message.is_empty(), job.attempt) {
        (false, _) => job.message.clone(),
        (true, 0) => format!("{}; no epoch has ended yet. e tells why", job.state),
        (true, _) => format!("{}; it has no curves. l shows its log", job.state),
    };
    wrapped(&text, width).into_iter().map(|line| Line::styled(line, paint.dim())).collect()
}

fn log(screen: &Screen, job: &Job, area: Rect, paint: Paint) -> Vec<Line<'static>> {
    let (log, rows, width) = (&screen.log, usize::from(area.height), usize::from(area.width));
    if log.job != Some(job.id) || log.lines.is_empty() {
        let text = if job.attempt == 0 { "nothing yet: it has not begun" } else { "nothing was written" };
        return vec![Line::styled(text, paint.dim())];
    }
    let end = log.lines.len() - log.scrolled.min(log.lines.len() - 1);
    let mut shown: Vec<String> = Vec::new();
    for line in log.lines[..end].iter().rev() {
        shown.extend(pieces(line, width).into_iter().rev());
        if shown.len() >= rows {
            break;
        }
    }
    shown.truncate(rows);
    shown.into_iter().rev().map(Line::raw).collect()
}

/// A line of a log in pieces as wide as the screen, wherever that breaks it: nothing is left out.
fn pieces(line: &str, width: usize) -> Vec<String> {
    let letters: Vec<char> = line.chars().collect();
    if letters.is_empty() {
        return vec![String::new()];
    }
    letters.chunks(width.max(1)).map(|piece| piece.iter().collect()).collect()
}

fn why(screen: &Screen, job: &Job, width: u16, paint: Paint) -> Vec<Line<'static>> {
    let explained = screen.why.as_ref().filter(|(of, _)| *of == job.id);
    match explained {
        None => vec![Line::styled("asking …", paint.dim())],
        Some((_, Err(words))) => {
            wrapped(words, width).into_iter().map(|line| Line::styled(line, paint.warning())).collect()
        }
        Some((_, Ok(Explanation { reasons, next, .. }))) => {
            let said = reasons.iter().map(|reason| (reason.clone(), paint.plain()));
            let next = next
                .iter()
                .enumerate()
                .map(|(at, next)| (if at == 0 { format!("Next: {next}") } else { next.clone() }, paint.dim()));
            let lines = said
                .chain(next)
                .flat_map(|(text, style)| wrapped(&text, width).into_iter().map(move |line| Line::styled(line, style)));
            lines.collect()
        }
    }
}

fn wrapped(text: &str, width: u16) -> Vec<String> {
    format::wrap(text, usize::from(width).max(10))
}
