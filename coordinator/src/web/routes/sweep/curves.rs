//! What is left of accuracy as networks become smaller.

use std::collections::{HashMap, HashSet};

use maud::html;
use sweep_shared::metrics::{ACCURACY, PARAMETERS_NONZERO, SIZE_FP32_BYTES, SIZE_ONNX_BYTES};

use super::results::written;
use crate::charts::{Axis, COLOURS, Dot, Lines, Look, Series};
use crate::views::results::{Answer, Table};
use crate::web::live::Part;

/// By which networks are compared, the first that points have.
const SIZES: &[&str] = &[SIZE_ONNX_BYTES, SIZE_FP32_BYTES, PARAMETERS_NONZERO];

pub fn part(made: &Answer) -> Part {
    let lines = made.table().and_then(|table| lines(table));
    let html = html! {
        section.card #curves aria-labelledby="curves-head" hidden[lines.is_none()] {
            h2 #curves-head { "Accuracy by compression" }
            @if let Some((lines, left_out)) = lines {
                div.figure {
                    (lines.draw(Look::Page))
                    p.hint {
                        "Points of one stage with the same parameters are a curve; how many times smaller counts against the largest network of the sweep."
                        @if left_out > 0 { " " (left_out) " more curves, of fewer points, are not drawn." }
                    }
                }
            }
        }
    };
    Part { id: "curves", html }
}

/// One curve for each stage and choice of parameters, the longest first; and how many more there are.
fn lines(table: &Table) -> Option<(Lines, usize)> {
    let accuracy = table.column(ACCURACY)?;
    let (size, metric) = SIZES.iter().find_map(|name| Some((table.column(name)?, *name)))?;
    let place = |row: usize| Some((table.mean(row, size).filter(|size| *size > 0.0)?, table.value(row, accuracy)?));
    let largest = (0..table.rows.len()).filter_map(|row| place(row).map(|(size, _)| size)).fold(0.0, f64::max);
    let mut curves: Vec<(String, Vec<Dot>)> = Vec::new();
    let points: HashSet<&str> = table.rows.iter().map(|row| row.point.as_str()).collect();
    let mut places = HashMap::new();
    for (at, row) in table.rows.iter().enumerate() {
        let Some((size, value)) = place(at) else { continue };
        let name = curve_name(&row.stage, &row.label, &points);
        let curve = *places.entry(name.clone()).or_insert_with(|| {
            curves.push((name, Vec::new()));
            curves.len() - 1
        });
        let values = format!("{}, {:.2} times smaller", written(&table.metrics[accuracy], value), largest / size);
        let href = row.jobs.first().map(|job| format!("/jobs/{job}"));
        curves[curve].1.push(Dot { x: largest / size, y: value.mean, name: row.title(), values, href });
    }
    if curves.iter().map(|(_, dots)| dots.len()).sum::<usize>() < 2 {
        return None;
    }
    // Equally long ones stay in the plan's order.
    curves.sort_by_key(|(_, dots)| std::cmp::Reverse(dots.len()));
    let left_out = curves.len().saturating_sub(COLOURS);
    curves.truncate(COLOURS);
    let series = curves.into_iter().map(|(name, mut dots)| {
        dots.sort_by(|a, b| a.x.total_cmp(&b.x));
        Series { name, dots }
    });
    let series = series.collect();
    let what = Axis::of(metric).title().to_owned();
    let x = Axis { title: Some(format!("times smaller ({what})")), ..Axis::of("speedup") };
    let title = "Accuracy by compression".to_owned();
    Some((Lines { id: "compression".to_owned(), title, x, y: Axis::of(ACCURACY), series }, left_out))
}

/// Which point of an input a job had (`input=pruned[student s0.50]`) is where on the curve it stands, and not which curve it is.
fn curve_name(stage: &str, label: &str, points: &HashSet<&str>) -> String {
    let mut name = format!("{stage} {label}");
    for (at, word) in label.match_indices([' ', '[']).rev() {
        let rest = &label[at + word.len()..];
        let end = rest.find([' ', ']']).unwrap_or(rest.len());
        if points.contains(&rest[..end]) && rest[end..].starts_with(']') {
            let from = stage.len() + 1 + at;
            // Of a bracket that held nothing else nothing is left.
            let (from, to) = if word == "[" { (from, end + 2) } else { (from, end + 1) };
            name.replace_range(from..from + to, "");
        }
    }
    name.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_bears_its_parameters_and_not_the_place_on_it() {
        let points = HashSet::from(["s0.50", "s0.75"]);
        let name = |stage, label| curve_name(stage, label, &points);
        assert_eq!(name("int8", "mode=qat input=pruned[s0.50]"), "int8 mode=qat input=pruned");
        assert_eq!(
            name("int8", "input=pruned[student[model=kd-conv4] s0.75] mode=qat"),
            "int8 input=pruned[student[model=kd-conv4]] mode=qat"
        );
        assert_eq!(name("int8", "a=x[s0.50] b=y[lr=1 s0.75]"), "int8 a=x b=y[lr=1]");
        assert_eq!(name("int8", "input=base[lr=0.1]"), "int8 input=base[lr=0.1]");
        assert_eq!(name("base", ""), "base");
        assert_eq!(name("odd", "a=]é[ s0.50"), "odd a=]é[ s0.50");
    }
}
