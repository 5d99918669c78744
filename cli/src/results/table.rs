//! The table for people.

use std::fmt::Write as _;

use comfy_table::CellAlignment;
use sweep_shared::metrics::MICRO_BATCHES;

use super::columns::{self, Column};
use super::row::{Row, rows};
use super::{files, front};
use crate::answer::{Point, Sweep};
use crate::{format, paint, terminal};

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// A terminal this wide.
    Columns(u16),
    /// A file or a pipe: nothing is left out.
    Unbounded,
}

impl Width {
    /// `None`: not a terminal.
    pub fn of(columns: Option<u16>) -> Self {
        columns.map_or(Self::Unbounded, Self::Columns)
    }
}

/// The names column is not made narrower than this before other columns are left out.
const NAME_WIDTH: usize = 24;

/// Headline, table, legend, and where the files are. `here`: the coordinator's paths are paths on this machine.
pub fn table(sweep: &Sweep, points: &[Point], width: Width, here: bool) -> String {
    let mut text = format!("{} {}: {}\n", sweep.id, sweep.name, headline(sweep, points));
    let rows = rows(points);
    if rows.is_empty() {
        text.push_str(&fitted(&files::sentence(points, here), width));
        return text;
    }
    let front = front::front(&rows);
    let all = columns::columns(&rows, &front);
    let total = all.len();
    let columns = fit(all, width);
    let _ = writeln!(text, "\n{}\n", paint::out().table(&draw(&columns, width)));
    let below = legend(&rows, &front, total - columns.len()) + &files::sentence(points, here);
    text.push_str(&fitted(&below, width));
    text
}

/// Sentences within the width.
fn fitted(text: &str, width: Width) -> String {
    let Width::Columns(width) = width else { return text.to_owned() };
    let lines = text.lines().flat_map(|line| format::wrap(line, usize::from(width)));
    lines.map(|line| line + "\n").collect()
}

fn headline(sweep: &Sweep, points: &[Point]) -> String {
    let state = sweep.state.as_str().replace('_', " ");
    let jobs = format!("{} of {} done", sweep.over(), format::plural(sweep.total(), "job"));
    let measured = points.iter().filter(|point| point.is_measured()).count();
    let made = if measured == 0 { "no measured points".to_owned() } else { format::plural(measured, "point") };
    format!("{state}, {jobs}, {made}")
}

/// Leaves columns out, the most expendable first, until the table fits.
fn fit(mut columns: Vec<Column>, width: Width) -> Vec<Column> {
    let Width::Columns(width) = width else { return columns };
    while natural_width(&columns) > usize::from(width) {
        // Among equals the last goes first.
        let victim = columns
            .iter()
            .enumerate()
            .max_by_key(|(_, column)| column.expendable)
            .map(|(i, column)| (i, column.expendable));
        match victim {
            Some((i, expendable)) if expendable > 0 => drop(columns.remove(i)),
            _ => break,
        }
    }
    columns
}

/// The width of the drawn table, with the names column wrapped where it is long: each column has a space on both sides.
fn natural_width(columns: &[Column]) -> usize {
    let text = |column: &Column| {
        column.cells.iter().chain([&column.title]).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths =
        columns.iter().enumerate().map(|(i, column)| if i == 0 { text(column).min(NAME_WIDTH) } else { text(column) });
    widths.map(|width| width + 2).sum()
}

fn draw(columns: &[Column], width: Width) -> String {
    let width = match width {
        Width::Columns(width) => Some(width),
        Width::Unbounded => None,
    };
    let mut table = terminal::table(columns.iter().map(|column| column.title.as_str()), width);
    for row in 0..columns[0].cells.len() {
        table.add_row(columns.iter().map(|column| &column.cells[row]));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

fn legend(rows: &[Row], front: &[bool], hidden: usize) -> String {
    let mut text = String::new();
    if front.contains(&true) {
        text.push_str("* no other point is as accurate and as small.");
    }
    if let Some(batch) = columns::batch(rows) {
        let _ = write!(text, " ms: median latency in ONNX Runtime at batch {batch}.");
        if rows.iter().any(|row| columns::slower(row, batch)) {
            text.push_str("\n! slower than fp32 in the same process: int8 saves size here, not time.");
        }
    }
    if rows.iter().any(|row| row.value(MICRO_BATCHES).is_some()) {
        text.push_str("\nparts: each batch was split into so many, as a whole one did not fit into memory.");
    }
    if hidden > 0 {
        let _ = write!(
            text,
            " {} left out; a wider terminal, --csv and --json show all.",
            format::plural(hidden, "column")
        );
    }
    if text.is_empty() { text } else { text.trim_start().to_owned() + "\n" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::tests_sweep;
    use crate::results::fixtures::{base_and_int8, point};

    fn widest(text: &str) -> usize {
        text.lines()
            // A path has nowhere to be broken.
            .filter(|line| !line.contains('/'))
            .map(|line| line.chars().count())
            .max()
            .unwrap()
    }

    #[test]
    fn eighty_columns_show_everything_that_matters() {
        let text = table(&tests_sweep(), &base_and_int8(), Width::Columns(80), true);
        assert!(widest(&text) <= 80, "{text}");
        for word in ["93.12", "310 KB", "0.418", "0.205", "293 k"] {
            assert!(text.contains(word), "{word} is missing in\n{text}");
        }
    }

    #[test]
    fn a_narrow_terminal_keeps_accuracy_and_size() {
        let text = table(&tests_sweep(), &base_and_int8(), Width::Columns(48), true);
        assert!(widest(&text) <= 48, "{text}");
        assert!(text.contains("93.12") && text.contains("310 KB") && !text.contains("MACs"), "{text}");
        assert!(text.contains("left out"), "{text}");
    }

    #[test]
    fn a_long_name_is_wrapped_not_cut() {
        let long = "mode=static observer=percentile input=pruned[s0.90] calibration_images=512";
        let points = [point("int8", long, 0, &[("accuracy", 0.9)])];
        let text = table(&tests_sweep(), &points, Width::Columns(60), true);
        assert!(widest(&text) <= 60 && text.contains("calibration_images=512"), "{text}");
        let text = table(&tests_sweep(), &points, Width::Unbounded, true);
        assert!(text.contains(long), "{text}");
    }

    #[test]
    fn no_points_is_said() {
        assert!(table(&tests_sweep(), &[], Width::Unbounded, true).contains("no measured points"));
    }
}
