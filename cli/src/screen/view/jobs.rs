//! The list of jobs.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use sweep_shared::metrics::VAL_ACCURACY;
use sweep_shared::states::JobState;

use super::paint::{Paint, bar};
use crate::answer::Job;
use crate::format;
use crate::screen::state::{Filter, Screen};

/// Columns beside the name, in the order in which they stand; the first of [`Widths::GIVEN_UP`] goes first.
struct Widths {
    id: usize,
    state: usize,
    bar: usize,
    epoch: usize,
    accuracy: usize,
    time: usize,
    agent: usize,
}

/// The name is not made narrower than this before others go; for a longer one, as far as it has something to say, the agent goes.
const NAME: usize = 18;
const LONG_NAME: usize = 40;
const BAR: usize = 8;

impl Widths {
    fn of(jobs: &[&Job], longest_name: usize, width: usize) -> Self {
        let longest =
            |text: &dyn Fn(&Job) -> String| jobs.iter().map(|job| text(job).chars().count()).max().unwrap_or(0);
        let column = |title: &str, text: &dyn Fn(&Job) -> String| match longest(text) {
            0 => 0,
            n => n.max(title.chars().count()),
        };
        let mut widths = Self {
            id: longest(&|job| job.id.to_string()),
            state: "succeeded".len(),
            bar: BAR,
            epoch: column("epoch", &epoch),
            accuracy: column("val", &accuracy),
            time: "12 min 30 s".len(),
            agent: column("agent", &|job| job.agent.clone()).min(16),
        };
        if widths.beside_name() + longest_name.min(LONG_NAME) > width {
            widths.agent = 0;
        }
        let given_up: [fn(&mut Self) -> &mut usize; 6] = [
            |w| &mut w.agent,
            |w| &mut w.accuracy,
            |w| &mut w.epoch,
            |w| &mut w.bar,
            |w| &mut w.time,
            |w| &mut w.state,
        ];
        for column in given_up {
            if widths.beside_name() + NAME <= width {
                break;
            }
            *column(&mut widths) = 0;
        }
        widths
    }

    /// All but the name, with the gaps between them.
    fn beside_name(&self) -> usize {
        let columns = [self.id, self.state, self.bar, self.epoch, self.accuracy, self.time, self.agent];
        columns.iter().filter(|width| **width > 0).map(|width| width + 1).sum::<usize>() + 1
    }
}

pub fn draw(frame: &mut Frame<'_>, area: Rect, screen: &mut Screen, paint: Paint) {
    if area.height == 0 {
        return;
    }
    screen.fit(usize::from(area.height) - 1);
    let width = usize::from(area.width);
    let jobs = screen.listed();
    let shown: Vec<&Job> = jobs.iter().skip(screen.top).take(screen.rows).copied().collect();
    let longest = shown.iter().map(|job| screen.board.name(job).chars().count()).max().unwrap_or(0);
    let widths = Widths::of(&shown, longest, width);
    let name = width.saturating_sub(widths.beside_name());
    let mut lines = vec![header(screen, jobs.len(), &widths, name, paint)];
    let chosen = screen.selected().map(|job| job.id);
    lines.extend(shown.iter().map(|job| row(screen, job, &widths, name, chosen == Some(job.id), paint)));
    if shown.is_empty() && screen.board.total() > 0 {
        lines.push(Line::styled(format!("no job is {} (f: others)", screen.filter.word()), paint.dim()));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn header(screen: &Screen, listed: usize, widths: &Widths, name: usize, paint: Paint) -> Line<'static> {
    let total = screen.board.total();
    let listed = match screen.filter {
        Filter::All => format!("all {total} jobs"),
        filter => format!("{listed} of {total} jobs ({})", filter.word()),
    };
    let title = format!("{listed}, by {}", screen.sort.word());
    let cells = [
        (cell("", widths.id), 0),
        (cell(&title, name), name),
        (cell("state", widths.state), widths.state),
        (cell("", widths.bar), widths.bar),
        (right("epoch", widths.epoch), widths.epoch),
        (right("val", widths.accuracy), widths.accuracy),
        (right("time", widths.time), widths.time),
        (cell("agent", widths.agent), widths.agent),
    ];
    let text =
        cells.iter().enumerate().filter(|(at, (_, width))| *at == 0 || *width > 0).map(|(_, (text, _))| text.clone());
    Line::styled(text.collect::<Vec<_>>().join(" "), paint.dim())
}

fn row(screen: &Screen, job: &Job, widths: &Widths, name: usize, chosen: bool, paint: Paint) -> Line<'static> {
    let mut spans = vec![Span::raw(cell(&job.id.to_string(), widths.id))];
    let mut add = |text: String, style: Style| {
        spans.push(Span::raw(" "));
        spans.push(Span::styled(text, style));
    };
    add(cell(&format::squeeze(&screen.board.name(job), name), name), paint.plain());
    let state = paint.state(job.state);
    if widths.state > 0 {
        add(cell(job.state.as_str(), widths.state), state);
    }
    if widths.bar > 0 {
        let (full, rest) =
            if job.state == JobState::Running { bar(job.fraction, widths.bar) } else { Default::default() };
        let gap = widths.bar - full.chars().count() - rest.chars().count();
        add(full, state);
        spans.push(Span::styled(rest, paint.dim()));
        spans.push(Span::raw(" ".repeat(gap)));
    }
    let mut add = |text: String, width: usize| {
        if width > 0 {
            spans.push(Span::raw(format!(" {text}")));
        }
    };
    add(right(&epoch(job), widths.epoch), widths.epoch);
    add(right(&accuracy(job), widths.accuracy), widths.accuracy);
    add(right(&time(screen, job), widths.time), widths.time);
    add(cell(&job.agent, widths.agent), widths.agent);
    let line = Line::from(spans);
    if chosen { line.style(paint.chosen()) } else { line }
}

fn epoch(job: &Job) -> String {
    if job.epochs > 0 && job.attempt > 0 { format!("{}/{}", job.epoch, job.epochs) } else { String::new() }
}

fn accuracy(job: &Job) -> String {
    job.metrics.get(VAL_ACCURACY).map(|share| format!("{:.1}%", share * 100.0)).unwrap_or_default()
}

/// What is left of a running job, with `~` before it; what others took.
fn time(screen: &Screen, job: &Job) -> String {
    let took = || job.run_time_at(screen.now).filter(|_| job.attempt > 0).map(format::duration).unwrap_or_default();
    match job.state {
        JobState::Running => screen.left(job).map_or_else(took, |left| format!("~{}", format::duration(left))),
        _ => took(),
    }
}

fn cell(text: &str, width: usize) -> String {
    format!("{:<width$}", format::clip(text, width))
}

fn right(text: &str, width: usize) -> String {
    format!("{:>width$}", format::clip(text, width))
}
