//! Learning curves of the chosen job: what is better when higher, and what is better when lower, beside each other.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Paragraph};
use sweep_shared::metrics::VAL_ACCURACY;

use super::paint::Paint;
use crate::answer::EpochEnd;
use crate::format;

/// A chart has two lines at most.
struct Lines {
    title: &'static str,
    named: [&'static str; 2],
    percent: bool,
}

const LEFT: Lines = Lines { title: "accuracy", named: [VAL_ACCURACY, "train_accuracy"], percent: true };
const RIGHT: Lines = Lines { title: "loss", named: ["val_loss", "loss"], percent: false };

/// Two charts need this much.
const TWO: u16 = 60;

pub fn draw(frame: &mut Frame<'_>, area: Rect, curves: &[EpochEnd], paint: Paint) {
    let usual = [&LEFT, &RIGHT].map(|lines| drawable(curves, &lines.named));
    if usual.iter().all(Vec::is_empty) {
        // A command's own metrics: the first two that it tells of.
        let own: Vec<&str> =
            curves.first().map_or(Vec::new(), |end| end.metrics.keys().map(String::as_str).take(2).collect());
        let series = drawable(curves, &own);
        if series.is_empty() {
            frame.render_widget(Paragraph::new(Line::styled("no epoch has ended yet", paint.dim())), area);
        } else {
            chart(frame, area, "", &series, false, paint);
        }
        return;
    }
    let shown: Vec<(&Lines, Vec<Series>)> =
        [&LEFT, &RIGHT].into_iter().zip(usual).filter(|(_, series)| !series.is_empty()).collect();
    let count = if area.width >= TWO { shown.len() } else { 1 };
    let places = Layout::horizontal(vec![Constraint::Ratio(1, count as u32); count]).spacing(2).split(area);
    for ((lines, series), place) in shown.iter().zip(places.iter()) {
        chart(frame, *place, lines.title, series, lines.percent, paint);
    }
}

struct Series {
    name: String,
    points: Vec<(f64, f64)>,
}

fn drawable(curves: &[EpochEnd], names: &[&str]) -> Vec<Series> {
    let of = |name: &&str| {
        let points: Vec<(f64, f64)> = curves
            .iter()
            .filter_map(|end| Some((f64::from(end.epoch), *end.metrics.get(*name)?)))
            .filter(|(_, value)| value.is_finite())
            .collect();
        (!points.is_empty()).then(|| Series { name: (*name).to_owned(), points })
    };
    names.iter().filter_map(of).collect()
}

fn chart(frame: &mut Frame<'_>, area: Rect, title: &str, series: &[Series], percent: bool, paint: Paint) {
    let [top, below] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    frame.render_widget(legend(title, series, percent, usize::from(top.width), paint), top);
    let values = || series.iter().flat_map(|one| one.points.iter());
    let epochs = values().map(|point| point.0).fold(1.0, f64::max);
    let least = values().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let most = values().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
    // A single value still needs a scale.
    let gap = ((most - least) * 0.05).max(most.abs() * 0.01).max(1e-6);
    let (low, high) = (least - gap, most + gap);
    let show = |value: f64| if percent { format!("{:.0}%", value * 100.0) } else { format::significant(value) };
    let datasets = series.iter().zip(styles(paint)).map(|(one, style)| {
        let kind = if one.points.len() > 1 { GraphType::Line } else { GraphType::Scatter };
        Dataset::default().marker(Marker::Braille).graph_type(kind).style(style).data(&one.points)
    });
    let first = values().map(|point| point.0).fold(f64::INFINITY, f64::min);
    let x = Axis::default()
        .bounds([first.min(epochs - 1.0), epochs])
        .labels([format!("{first:.0}"), format!("epoch {epochs:.0}")])
        .labels_alignment(Alignment::Right)
        .style(paint.dim());
    let y = Axis::default().bounds([low, high]).labels([show(least), show(most)]).style(paint.dim());
    frame.render_widget(Chart::new(datasets.collect()).x_axis(x).y_axis(y).legend_position(None), below);
}

fn styles(paint: Paint) -> [Style; 2] {
    [paint.first(), paint.second()]
}

/// `accuracy  val 81.2 %  train 90.1 %`: the newest values, as far as there is room.
fn legend(title: &str, series: &[Series], percent: bool, width: usize, paint: Paint) -> Line<'static> {
    let mut spans = vec![Span::raw(title.to_owned())];
    let mut used = title.chars().count();
    for (one, style) in series.iter().zip(styles(paint)) {
        let short = match one.name.as_str() {
            VAL_ACCURACY | "val_loss" => "val",
            "train_accuracy" | "loss" if !title.is_empty() => "train",
            name => name,
        };
        let newest = one.points.last().map_or(0.0, |point| point.1);
        let value = if percent { format::percent(newest) } else { format::significant(newest) };
        let text = format!("  {short} {value}");
        used += text.chars().count();
        if used > width {
            break;
        }
        spans.push(Span::styled(text, style));
    }
    Line::from(spans)
}
