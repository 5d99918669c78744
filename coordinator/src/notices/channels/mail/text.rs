//! The letter for those who read text.

use std::fmt::Write as _;

use crate::notices::{Message, Table};

pub fn text(message: &Message) -> String {
    let mut text = format!("{}\n", message.title);
    if !message.lines.is_empty() {
        text.push('\n');
    }
    for line in &message.lines {
        let _ = writeln!(text, "{line}");
    }
    if let Some(table) = &message.table {
        let _ = write!(text, "\n{}", aligned(table));
    }
    if let Some(link) = &message.link {
        let _ = write!(text, "\n{link}\n");
    }
    // Mail programs know this line as the beginning of what is not said anew.
    let _ = write!(text, "\n-- \n{}\n", colophon(message));
    text
}

/// What one needs when one asks about a notice.
pub fn colophon(message: &Message) -> String {
    let time = jiff::Timestamp::from_millisecond(message.at_ms)
        .map_or_else(|_| "an unknown time".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string());
    format!("sweep, {time}, notice {}", message.id)
}

/// Columns under each other; numbers to the right.
pub fn aligned(table: &Table) -> String {
    let columns = table.rows.iter().map(Vec::len).chain([table.head.len()]).max().unwrap_or(0);
    let width = |column: usize| cells(table, column).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in std::iter::once(&table.head).chain(&table.rows) {
        let mut line = String::new();
        for (column, &width) in widths.iter().enumerate() {
            let cell = row.get(column).map_or("", String::as_str);
            let gap = if column == 0 { "" } else { "  " };
            let _ = if is_numeric(table, column) {
                write!(line, "{gap}{cell:>width$}")
            } else {
                write!(line, "{gap}{cell:<width$}")
            };
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn cells(table: &Table, column: usize) -> impl Iterator<Item = &str> {
    std::iter::once(&table.head).chain(&table.rows).filter_map(move |row| row.get(column).map(String::as_str))
}

/// Whether a column holds numbers (and where one is missing).
pub fn is_numeric(table: &Table, column: usize) -> bool {
    let begins_with_digit =
        |cell: &str| cell.trim_start_matches(['-', '−', '+', '.']).starts_with(|c: char| c.is_ascii_digit());
    let missing = |cell: &str| matches!(cell, "" | "-" | "–" | "—");
    let mut filled = table.rows.iter().filter_map(|row| row.get(column)).filter(|cell| !missing(cell)).peekable();
    filled.peek().is_some() && filled.all(|cell| begins_with_digit(cell))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_under_each_other_and_what_is_missing_leaves_its_place() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let table = Table {
            head: row(&["model", "accuracy", "size"]),
            rows: vec![row(&["kd-conv4", "93.1 %", "0.6 MB"]), row(&["höchst", "9.05 %", "–"]), row(&["kurz"])],
        };
        assert_eq!(
            aligned(&table),
            "model     accuracy    size\nkd-conv4    93.1 %  0.6 MB\nhöchst      9.05 %       –\nkurz\n"
        );
    }
}
