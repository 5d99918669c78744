//! What a table shows of a row, in which words, and what goes first when there is no room.

use std::collections::BTreeSet;

use sweep_shared::metrics::{
    ACCURACY, JOB_PEAK_MEMORY_BYTES, MACS, MICRO_BATCHES, PARAMETERS, PARAMETERS_NONZERO, QUANTIZED, SIZE_ONNX_BYTES,
    latency_ms, reference_latency_ms,
};

use super::row::{Row, Value};
use crate::format;

/// One column: its title and a text per row (empty: no value).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub title: String,
    pub cells: Vec<String>,
    /// Columns with the largest number are left out first; those with 0 stay.
    pub expendable: u8,
}

/// How a number is written.
type Write = fn(f64) -> String;

/// The columns for these rows, without those that would be empty. The first is the name; the one without a title marks the front.
pub fn columns(rows: &[Row], front: &[bool]) -> Vec<Column> {
    let mut columns = vec![name(rows), marks(front)];
    columns.push(plain(rows, "accuracy %", 0, |row| row.value(ACCURACY), |share| format!("{:.2}", share * 100.0)));
    columns.push(plain(rows, "size", 0, |row| row.value(SIZE_ONNX_BYTES), format::bytes));
    columns.push(plain(
        rows,
        "params",
        2,
        |row| row.value(PARAMETERS_NONZERO).or(row.value(PARAMETERS)),
        format::count,
    ));
    columns.push(plain(rows, "MACs", 3, |row| row.value(MACS), format::count));
    let batch = batch(rows).unwrap_or(1);
    let suffix = if batch == 1 { String::new() } else { format!(" b{batch}") };
    columns.push(plain(rows, &format!("fp32 ms{suffix}"), 1, |row| fp32(row, batch), format::significant));
    columns.push(int8_column(rows, &format!("int8 ms{suffix}"), batch));
    columns.push(plain(rows, "parts", 1, |row| row.value(MICRO_BATCHES), format::number));
    columns.extend(own(rows));
    columns.retain(|column| column.cells.iter().any(|cell| !cell.is_empty()));
    columns
}

fn marks(front: &[bool]) -> Column {
    let cells = front.iter().map(|on_front| if *on_front { "*".to_owned() } else { String::new() });
    Column { title: String::new(), cells: cells.collect(), expendable: 0 }
}

fn name(rows: &[Row]) -> Column {
    let several = rows.iter().any(|row| row.seeds > 1);
    let cells = rows.iter().map(|row| {
        let seeds = if several { format!(" ({} seeds)", row.seeds) } else { String::new() };
        format!("{}{seeds}", row.name)
    });
    Column { title: "point".to_owned(), cells: cells.collect(), expendable: 0 }
}

fn plain(rows: &[Row], title: &str, expendable: u8, value: impl Fn(&Row) -> Option<Value>, write: Write) -> Column {
    let cells = rows.iter().map(|row| value(row).map_or(String::new(), |value| cell(value, write))).collect();
    Column { title: title.to_owned(), cells, expendable }
}

/// `93.12` or, over several seeds that differ, `93.12 ± 0.21`.
fn cell(value: Value, write: Write) -> String {
    match value.deviation.filter(|deviation| *deviation > 0.0) {
        Some(deviation) => format!("{} ± {}", write(value.mean), write(deviation)),
        None => write(value.mean),
    }
}

/// The smallest batch size whose latency was measured: one, unless the plan asks for others only.
pub fn batch(rows: &[Row]) -> Option<u32> {
    let batches = rows
        .iter()
        .flat_map(|row| row.metrics.keys())
        .filter_map(|name| name.strip_prefix("latency_ms_b")?.parse().ok());
    batches.min()
}

/// The latency in fp32: of the point itself or, where it is quantized, of the network it was made from, measured in the
/// same process.
fn fp32(row: &Row, batch: u32) -> Option<Value> {
    if quantized(row) { row.value(&reference_latency_ms(batch)) } else { row.value(&latency_ms(batch)) }
}

/// A quantized network that is slower than its fp32 reference bears a `!`: on a small network the conversions at its
/// borders can cost more than integer kernels save.
fn int8_column(rows: &[Row], title: &str, batch: u32) -> Column {
    let mut column = plain(rows, title, 1, |row| int8(row, batch), format::significant);
    let marks: Vec<bool> = rows.iter().map(|row| slower(row, batch)).collect();
    if marks.contains(&true) {
        for (cell, marked) in column.cells.iter_mut().zip(marks).filter(|(cell, _)| !cell.is_empty()) {
            cell.push_str(if marked { " !" } else { "  " });
        }
    }
    column
}

fn int8(row: &Row, batch: u32) -> Option<Value> {
    if quantized(row) { row.value(&latency_ms(batch)) } else { None }
}

/// Whether int8 took longer than fp32, measured in the same process.
pub fn slower(row: &Row, batch: u32) -> bool {
    let latencies = (row.mean(&latency_ms(batch)), row.mean(&reference_latency_ms(batch)));
    matches!(latencies, (Some(candidate), Some(reference)) if quantized(row) && candidate > reference)
}

fn quantized(row: &Row) -> bool {
    row.mean(QUANTIZED).is_some_and(|q| q > 0.5)
}

/// Metrics of the user's own programs: shown where no accuracy is, since otherwise such rows would say nothing.
fn own(rows: &[Row]) -> Vec<Column> {
    let bare = rows.iter().filter(|row| row.value(ACCURACY).is_none());
    let names: BTreeSet<&String> = bare.flat_map(|row| row.metrics.keys()).collect();
    // And what a program took is of interest to scripts rather than here.
    let known =
        [SIZE_ONNX_BYTES, PARAMETERS, PARAMETERS_NONZERO, MACS, QUANTIZED, MICRO_BATCHES, JOB_PEAK_MEMORY_BYTES];
    let shown = |name: &str| known.contains(&name);
    let names = names.into_iter().filter(|name| !shown(name) && !name.contains("latency_ms"));
    names
        .enumerate()
        .map(|(i, name)| plain(rows, name, 4 + i.min(200) as u8, |row| row.value(name), format::number))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::fixtures::{base_and_int8, point};
    use crate::results::front::front;
    use crate::results::row::rows;

    fn shown(points: &[crate::answer::Point]) -> Vec<(String, Vec<String>)> {
        let rows = rows(points);
        columns(&rows, &front(&rows)).into_iter().map(|column| (column.title, column.cells)).collect()
    }

    fn pair(title: &str, cells: &[&str]) -> (String, Vec<String>) {
        (title.to_owned(), cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn int8_that_is_slower_than_fp32_is_marked() {
        let latency = |int8: f64| {
            [("accuracy", 0.9), ("quantized", 1.0), ("latency_ms_b1", int8), ("reference_latency_ms_b1", 1.0)]
        };
        let points = [point("small", "", 0, &latency(1.5)), point("large", "", 0, &latency(0.5))];
        assert!(shown(&points).contains(&pair("int8 ms", &["1.50 !", "0.500  "])), "{:?}", shown(&points));
    }

    #[test]
    fn fp32_and_int8_latency_come_from_the_same_process() {
        let wanted = [
            pair("point", &["base", "int8 mode=static input=base"]),
            pair("", &["*", "*"]),
            pair("accuracy %", &["93.12", "92.90"]),
            pair("size", &["1.18 MB", "310 KB"]),
            pair("params", &["293 k", "293 k"]),
            pair("MACs", &["11.2 M", "11.2 M"]),
            pair("fp32 ms", &["0.412", "0.418"]),
            pair("int8 ms", &["", "0.205"]),
        ];
        assert_eq!(shown(&base_and_int8()), wanted);
    }

    #[test]
    fn batches_that_were_split_are_marked() {
        let points =
            [point("a", "", 0, &[("accuracy", 0.9), ("micro_batches", 4.0)]), point("b", "", 0, &[("accuracy", 0.9)])];
        assert_eq!(shown(&points).last(), Some(&pair("parts", &["4", ""])));
        assert!(shown(&points[1..]).iter().all(|(title, _)| title != "parts"));
    }

    #[test]
    fn several_seeds_show_their_spread() {
        let points = [point("base", "", 0, &[("accuracy", 0.90)]), point("base", "", 1, &[("accuracy", 0.92)])];
        assert_eq!(shown(&points), [pair("point", &["base (2 seeds)"]), pair("accuracy %", &["91.00 ± 1.41"])]);
    }

    #[test]
    fn other_batch_sizes_are_named() {
        let points = [point("base", "", 0, &[("latency_ms_b32", 3.0), ("latency_ms_b8", 1.0)])];
        assert_eq!(shown(&points)[1], pair("fp32 ms b8", &["1.00"]));
    }

    #[test]
    fn a_programs_own_metrics_are_shown() {
        let points = [point("mine", "i=1", 0, &[("loss", 0.25), ("steps", 1200.0)])];
        let wanted = [pair("point", &["mine i=1"]), pair("loss", &["0.250"]), pair("steps", &["1200"])];
        assert_eq!(shown(&points), wanted);
    }
}
