//! The screen: how wide it is, and how tables look on it.

use std::io::IsTerminal as _;

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};

use crate::progress::Stream;

/// One line under the header and nothing else: rows are short, and ink between them would only hide them.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// An empty table; long cells wrap so that it fits `width`, where there is one.
pub fn table<'a>(header: impl IntoIterator<Item = &'a str>, width: Option<u16>) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_header(header.into_iter().collect::<Vec<_>>());
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table
}

/// A table of these columns, without those in which there is nothing to see; the first always stays.
pub fn columns(columns: Vec<(&str, Vec<String>)>, width: Option<u16>) -> Table {
    let empty = |cells: &[String]| cells.iter().all(String::is_empty);
    let shown: Vec<_> = columns
        .into_iter()
        .enumerate()
        .filter(|(at, (_, cells))| *at == 0 || !empty(cells))
        .map(|(_, column)| column)
        .collect();
    let mut table = table(shown.iter().map(|(title, _)| *title), width);
    for row in 0..shown.first().map_or(0, |(_, cells)| cells.len()) {
        table.add_row(shown.iter().map(|(_, cells)| cells[row].as_str()));
    }
    table
}

/// Columns of the terminal that standard output is; `None` where it is a file or a pipe.
pub fn width() -> Option<u16> {
    width_of(Stream::Stdout)
}

/// The same of either stream.
pub fn width_of(stream: Stream) -> Option<u16> {
    let (terminal, size) = match stream {
        Stream::Stdout => (std::io::stdout().is_terminal(), terminal_size::terminal_size_of(std::io::stdout())),
        Stream::Stderr => (std::io::stderr().is_terminal(), terminal_size::terminal_size_of(std::io::stderr())),
    };
    if !terminal {
        return None;
    }
    // Some terminals (serial lines, CI) have no size and say so in COLUMNS, or not at all.
    let told = || std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let size = size.map(|(width, _)| width.0).filter(|width| *width > 0);
    Some(size.or_else(told).unwrap_or(80).max(20))
}
