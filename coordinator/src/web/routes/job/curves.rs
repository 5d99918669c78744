//! What its epochs told.

use std::collections::BTreeSet;

use maud::html;
use sweep_shared::results::{Quantity, Unit};

use crate::charts::{Axis, COLOURS, Dot, Lines, Look, Series};
use crate::views::job::JobDetail;
use crate::web::live::Part;

/// Charts of single metrics, besides accuracies and losses.
const OTHERS: usize = 4;

pub fn part(detail: &JobDetail) -> Part {
    let charts = charts(detail);
    let html = html! {
        section.card #curves aria-labelledby="curves-head" hidden[charts.is_empty()] {
            h2 #curves-head { "Curves" }
            @if !charts.is_empty() {
                div.figures { @for chart in &charts { div.figure { h3 { (chart.title) } (chart.draw(Look::Page)) } } }
                @if detail.attempts.len() > 1 { p.hint { "One line over all attempts: of each epoch what the newest attempt stands on." } }
            }
        }
    };
    Part { id: "curves", html }
}

/// Accuracies over each other, losses over each other, and others by themselves.
fn charts(detail: &JobDetail) -> Vec<Lines> {
    let told = detail.curve.iter().flat_map(|epoch| epoch.metrics.keys());
    let names: BTreeSet<&str> = told.map(String::as_str).collect();
    let (shares, rest): (Vec<&str>, Vec<&str>) =
        names.into_iter().partition(|name| Quantity::of(name).unit == Unit::Share);
    let (losses, others): (Vec<&str>, Vec<&str>) = rest.into_iter().partition(|name| name.contains("loss"));
    let mut charts = Vec::new();
    charts.extend(chart(detail, "accuracy", "Accuracy", &shares));
    charts.extend(chart(detail, "loss", "Loss", &losses));
    for (at, name) in others.into_iter().take(OTHERS).enumerate() {
        charts.extend(chart(detail, &format!("other{at}"), &Quantity::of(name).title, &[name]));
    }
    charts
}

fn chart(detail: &JobDetail, id: &str, title: &str, metrics: &[&str]) -> Option<Lines> {
    let series: Vec<Series> = metrics
        .iter()
        .take(COLOURS)
        .map(|name| Series {
            name: Quantity::of(name).title,
            dots: detail
                .curve
                .iter()
                .filter_map(|epoch| {
                    let y = *epoch.metrics.get(*name)?;
                    Some(Dot { x: f64::from(epoch.epoch), y, ..Dot::default() })
                })
                .collect(),
        })
        .collect();
    let first = metrics.first()?;
    let y = Axis { title: Some(title.to_lowercase()), ..Axis::of(first) };
    Some(Lines { id: format!("curve-{id}"), title: title.to_owned(), x: Axis::of("epoch"), y, series })
}
