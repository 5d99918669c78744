//! A bar for each running job and one for the whole, for terminals.
//!
//! Bars are brought up to date on ticks only, so their cost does not depend on how fast jobs come and go.

use std::collections::HashMap;
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use sweep_shared::ids::JobId;

use super::View;
use super::board::{Board, Change};
use super::estimate::Pace;
use super::journal::{Detail, Journal};
use super::lines;
use super::plain::Stream;
use crate::{format, output, paint};

/// More bars than this would push what matters off the screen.
const MOST_BARS: usize = 12;
/// Room for a job's id and name.
const NAME_WIDTH: usize = 34;
/// Of what follows a line's stamp where it is wrapped.
const INDENT: usize = 11;
/// Columns of a bar: of a job, and of the whole.
const JOB_WIDTH: usize = 8;
const WHOLE_WIDTH: usize = 12;
/// Steps of a bar: what the terminal can show, and more.
const STEPS: u64 = 1_000;

/// Bars below, the journal's lines above.
pub struct Bars {
    multi: MultiProgress,
    stream: Stream,
    whole: ProgressBar,
    jobs: HashMap<JobId, ProgressBar>,
    journal: Journal,
    pace: Option<Pace>,
    start: Instant,
}

impl Bars {
    pub fn new(stream: Stream) -> Self {
        let target = match stream {
            Stream::Stdout => ProgressDrawTarget::stdout(),
            Stream::Stderr => ProgressDrawTarget::stderr(),
        };
        let multi = MultiProgress::with_draw_target(target);
        let whole = multi.add(ProgressBar::new(STEPS).with_style(style("{prefix} ", WHOLE_WIDTH, "cyan/dim")));
        output::set_bars(Some(multi.clone()));
        Self {
            multi,
            stream,
            whole,
            jobs: HashMap::new(),
            journal: Journal::new(Detail::Ends),
            pace: None,
            start: Instant::now(),
        }
    }

    /// Columns of the terminal now; it may change.
    fn width(&self) -> usize {
        usize::from(crate::terminal::width_of(self.stream).unwrap_or(80))
    }

    fn print(&self, lines: &[String]) {
        if !lines.is_empty() {
            let lines: Vec<String> = lines
                .iter()
                .flat_map(|line| format::hanging(line, self.width(), INDENT))
                .map(|line| paint::out().told(&line))
                .collect();
            // A terminal that cannot be written to must not end the work.
            let _ = self.multi.println(lines.join("\n"));
        }
    }

    fn update_whole(&mut self, board: &Board) {
        let now = self.start.elapsed();
        let (done, total) = (board.work_done(), board.total() as f64);
        let pace = *self.pace.get_or_insert_with(|| Pace::starting(now, done));
        let paused = board.sweep().is_some_and(|sweep| sweep.pause().is_some());
        let left = pace.left(now, done, total).filter(|left| !left.is_zero() && !paused);
        let prefix = board.sweep().map_or(0, |sweep| sweep.id.to_string().len());
        let room = self.width().saturating_sub(prefix + WHOLE_WIDTH + 2);
        self.whole.set_position((done / total.max(1.0) * STEPS as f64) as u64);
        self.whole.set_message(lines::whole(board, now, left, room));
    }

    fn update_jobs(&mut self, board: &Board) {
        let now = self.start.elapsed();
        let shown: Vec<_> = board.running().take(MOST_BARS).collect();
        self.jobs.retain(|id, bar| {
            let keep = shown.iter().any(|job| job.id == *id);
            if !keep {
                self.multi.remove(bar);
            }
            keep
        });
        let names: Vec<String> =
            shown.iter().map(|job| format::squeeze(&format!("{} {}", job.id, board.name(job)), NAME_WIDTH)).collect();
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let room = self.width().saturating_sub(2 + width + 1 + JOB_WIDTH + 1);
        for (job, name) in shown.into_iter().zip(names) {
            let bar = self.jobs.entry(job.id).or_insert_with(|| {
                let bar = ProgressBar::new(STEPS).with_style(style("  {prefix} ", JOB_WIDTH, "green/dim"));
                self.multi.insert_before(&self.whole, bar)
            });
            let left = self.journal.left(now, job);
            bar.set_prefix(format!("{name:<width$}"));
            bar.set_position((job.fraction * STEPS as f64) as u64);
            bar.set_message(lines::progress(job, left, room));
        }
    }
}

impl View for Bars {
    fn changed(&mut self, board: &Board, changes: &[Change]) {
        let lines = self.journal.changed(self.start.elapsed(), board, changes);
        self.print(&lines);
        if changes.contains(&Change::Opened) {
            self.whole.set_prefix(board.sweep().map(|sweep| sweep.id.to_string()).unwrap_or_default());
        }
    }

    fn tick(&mut self, board: &Board) {
        let lines = self.journal.tick(self.start.elapsed(), board);
        self.print(&lines);
        self.update_jobs(board);
        self.update_whole(board);
    }

    fn close(&mut self, board: &Board) {
        let lines = self.journal.close(self.start.elapsed(), board);
        self.print(&lines);
    }
}

/// Gives the screen back, also when a command ends by an error.
impl Drop for Bars {
    fn drop(&mut self) {
        let _ = self.multi.clear();
        self.multi.set_draw_target(ProgressDrawTarget::hidden());
        output::set_bars(None);
    }
}

fn style(before: &str, width: usize, colours: &str) -> ProgressStyle {
    let colours = if paint::out().colours() { format!(".{colours}") } else { String::new() };
    let template = format!("{before}{{bar:{width}{colours}}} {{wide_msg}}");
    ProgressStyle::with_template(&template).expect("the template is one of two").progress_chars("━╸─")
}
