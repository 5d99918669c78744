//! The table for a README or a paper's draft.

use super::columns::{Column, columns};
use super::front::front;
use super::row::rows;
use crate::answer::Point;

/// A Markdown table with every column.
pub fn markdown(points: &[Point]) -> String {
    let rows = rows(points);
    let columns = columns(&rows, &front(&rows));
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let rule = |(i, _): (usize, &Column)| if i == 0 { "---".to_owned() } else { "---:".to_owned() };
    let mut text = line(columns.iter().map(|column| escaped(&column.title)).collect());
    text += &line(columns.iter().enumerate().map(rule).collect());
    for row in 0..rows.len() {
        text += &line(columns.iter().map(|column| escaped(&column.cells[row])).collect());
    }
    text
}

/// What Markdown would take for a column's end or for emphasis.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('*', "\\*").replace('_', "\\_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::fixtures::{base_and_int8, point};

    #[test]
    fn a_row_per_point_and_numbers_to_the_right() {
        let text = markdown(&base_and_int8());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "| point |  | accuracy % | size | params | MACs | fp32 ms | int8 ms |");
        assert_eq!(lines[1], "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        assert_eq!(lines[2], "| base | \\* | 93.12 | 1.18 MB | 293 k | 11.2 M | 0.412 |  |");
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn a_pipe_in_a_label_stays_in_its_cell() {
        let text = markdown(&[point("a", "x=b|c", 0, &[("loss", 1.0)])]);
        assert!(text.contains("a x=b\\|c"), "{text}");
    }
}
