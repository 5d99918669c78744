//! What a metric's name says of it.

use super::front::Better;
use crate::words;

/// In what a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// In 0..=1, written in percent.
    Share,
    Bytes,
    Count,
    Milliseconds,
    Seconds,
    Joules,
    /// Times as much: `1.6×`.
    Times,
    PerSecond,
    Plain,
}

/// A metric as a heading, an axis and a cell have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantity {
    /// As the runner tells it: `latency_ms_b1`.
    pub name: String,
    /// `latency (batch 1)`.
    pub title: String,
    pub unit: Unit,
    pub better: Better,
    /// Its values span orders of magnitude: axes are logarithmic where they do.
    pub wide: bool,
}

/// Names that are told by themselves; more of the first is better, of the others less.
const SHARES: &[&str] = &["accuracy", "precision", "recall", "f1", "parity_top1", "share", "agreement"];
const COUNTS: &[&str] = &["parameters", "macs", "flops"];

impl Quantity {
    pub fn of(name: &str) -> Self {
        let (stem, batch) = batch(name);
        let unit = unit(stem);
        let more = matches!(unit, Unit::Share | Unit::Times | Unit::PerSecond) && !stem.contains("sparsity");
        Self {
            title: title(stem, batch),
            unit,
            better: if more { Better::More } else { Better::Less },
            wide: !matches!(unit, Unit::Share | Unit::Plain),
            name: name.to_owned(),
        }
    }
}

/// `latency_ms_b32` → (`latency_ms`, 32).
fn batch(name: &str) -> (&str, Option<u32>) {
    let split = name.rsplit_once("_b").and_then(|(stem, batch)| Some((stem, batch.parse().ok()?)));
    split.map_or((name, None), |(stem, batch)| (stem, Some(batch)))
}

fn unit(stem: &str) -> Unit {
    let ends = |end: &str| stem.ends_with(end);
    match stem {
        _ if SHARES.iter().any(|word| ends(word)) => Unit::Share,
        _ if COUNTS.iter().any(|word| stem.starts_with(word)) => Unit::Count,
        "speedup" => Unit::Times,
        _ if ends("_per_s") => Unit::PerSecond,
        _ if ends("_bytes") => Unit::Bytes,
        _ if ends("_ms") => Unit::Milliseconds,
        _ if ends("_s") || stem == "seconds" => Unit::Seconds,
        _ if ends("_j") => Unit::Joules,
        _ => Unit::Plain,
    }
}

fn title(stem: &str, batch: Option<u32>) -> String {
    let words = match stem {
        "top5_accuracy" => "top-5 accuracy",
        "val_accuracy" => "validation accuracy",
        "val_loss" => "validation loss",
        "macro_f1" => "macro F1",
        "macs" => "MACs",
        "parameters_nonzero" => "non-zero parameters",
        "parameters_trainable" => "trainable parameters",
        "size_onnx_bytes" => "size of the ONNX file",
        "size_fp32_bytes" => "size of the fp32 weights",
        "latency_p95_ms" => "latency, 95th percentile",
        "reference_latency_ms" => "latency of the fp32 reference",
        "parity_top1" => "agreement with the simulation",
        "fused_integer_share" => "share of integer kernels",
        _ => "",
    };
    let words = if words.is_empty() {
        let ends = ["_bytes", "_per_s", "_ms", "_s", "_j"];
        let bare = ends.iter().find_map(|end| stem.strip_suffix(end)).unwrap_or(stem);
        bare.replace('_', " ")
    } else {
        words.to_owned()
    };
    batch.map_or(words.clone(), |batch| format!("{words} (batch {batch})"))
}

impl Unit {
    /// In full: `93.12 %`, `1.18 MB`, `0.412 ms`.
    pub fn write(self, value: f64) -> String {
        match self {
            Self::Share => format!("{:.2} %", value * 100.0),
            Self::Bytes => words::bytes(value),
            Self::Count => words::count(value),
            Self::Milliseconds => format!("{} ms", words::significant(value)),
            Self::Seconds => words::rough(value),
            Self::Joules => format!("{} J", words::count(value)),
            Self::Times => format!("{}×", words::significant(value)),
            Self::PerSecond => format!("{}/s", words::count(value)),
            Self::Plain => words::number(value),
        }
    }

    /// A deviation, to be read beside its mean.
    pub fn spread(self, value: f64) -> String {
        match self {
            Self::Share => format!("{:.2}", value * 100.0),
            unit => unit.write(value),
        }
    }

    /// As short as it can be, at an axis: `93 %`, `1 MB`, `0.5 ms`.
    pub fn tick(self, value: f64) -> String {
        match self {
            Self::Share => format!("{} %", shortest(value * 100.0)),
            Self::Bytes => scaled(value, &[" B", " KB", " MB", " GB", " TB"]),
            Self::Count | Self::PerSecond => scaled(value, &["", " k", " M", " G", " T"]),
            Self::Milliseconds => format!("{} ms", shortest(value)),
            Self::Seconds if value >= 600.0 => words::rough(value),
            Self::Seconds => format!("{} s", shortest(value)),
            Self::Joules => scaled(value, &[" J", " kJ", " MJ"]),
            Self::Times => format!("{}×", shortest(value)),
            Self::Plain => scaled(value, &["", " k", " M", " G", " T"]),
        }
    }
}

fn scaled(value: f64, units: &[&str]) -> String {
    let (mut value, mut unit) = (value, 0);
    while value.abs() >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{}{}", shortest(value), units[unit])
}

/// At most four significant digits, and no noughts at the end.
fn shortest(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let decimals = (3 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_its_unit_and_which_end_is_wanted() {
        let said = |name: &str| {
            let Quantity { title, unit, better, .. } = Quantity::of(name);
            (title, unit, better)
        };
        let own = |title: &str, unit, better| (title.to_owned(), unit, better);
        assert_eq!(said("accuracy"), own("accuracy", Unit::Share, Better::More));
        assert_eq!(said("top5_accuracy"), own("top-5 accuracy", Unit::Share, Better::More));
        assert_eq!(said("size_onnx_bytes"), own("size of the ONNX file", Unit::Bytes, Better::Less));
        assert_eq!(said("latency_ms_b32"), own("latency (batch 32)", Unit::Milliseconds, Better::Less));
        assert_eq!(said("throughput_per_s_b1"), own("throughput (batch 1)", Unit::PerSecond, Better::More));
        assert_eq!(said("speedup_b1"), own("speedup (batch 1)", Unit::Times, Better::More));
        assert_eq!(said("macs"), own("MACs", Unit::Count, Better::Less));
        assert_eq!(said("test_loss"), own("test loss", Unit::Plain, Better::Less));
        assert_eq!(said("my_own_b"), own("my own b", Unit::Plain, Better::Less));
    }

    #[test]
    fn ticks_are_short_and_values_whole() {
        assert_eq!([0.9, 0.925, 1.0].map(|v| Unit::Share.tick(v)), ["90 %", "92.5 %", "100 %"]);
        assert_eq!([1e6, 250e3, 0.0, 1.5e9].map(|v| Unit::Bytes.tick(v)), ["1 MB", "250 KB", "0 B", "1.5 GB"]);
        assert_eq!([0.05, 2.0].map(|v| Unit::Milliseconds.tick(v)), ["0.05 ms", "2 ms"]);
        assert_eq!(Unit::Share.write(0.93125), "93.12 %");
        assert_eq!(Unit::Times.write(1.62), "1.62×");
        assert_eq!(Unit::Plain.tick(0.1 + 0.2), "0.3");
    }
}
