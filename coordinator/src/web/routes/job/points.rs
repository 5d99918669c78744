//! What came out of it: values, files, confusion.

use maud::{Markup, html};
use sweep_shared::results::{Quantity, Value};
use sweep_shared::words::bytes;

use super::{confusion, files};
use crate::charts::Heat;
use crate::views::job::{JobDetail, Point};
use crate::views::results::File;
use crate::web::lists::scroll;
use crate::web::live::Part;
use crate::web::query::Query;
use crate::web::routes::sweep::written;

pub fn part(detail: &JobDetail, query: &Query<'_>, heat: Option<&(String, Heat)>) -> Part {
    let points = &detail.points;
    let measured: Vec<&Point> = points.iter().filter(|point| !point.metrics.is_empty()).collect();
    let job = &detail.job.id;
    let html = html! {
        section.card #points aria-labelledby="points-head" hidden[points.is_empty() && detail.files.is_empty()] {
            h2 #points-head { "What came out" }
            @if !points.is_empty() || !detail.files.is_empty() {
                @if !measured.is_empty() { (scroll("Values", &values(&measured, query, heat.map(|(point, _)| point.as_str())))) }
                @if let Some(heat) = heat { (confusion::figure(heat, measured.len() > 1)) }
                @if !detail.files.is_empty() || points.iter().any(|point| !point.files.is_empty()) {
                    h3 { "Files" }
                    ul.plain.files {
                        @for point in points { @for file in &point.files { (item(job, &point.name, file, points.len() > 1)) } }
                        @for file in &detail.files { (item(job, "", file, false)) }
                    }
                }
            }
        }
    };
    Part { id: "points", html }
}

/// A row for each metric: there are more of them than points.
fn values(points: &[&Point], query: &Query<'_>, shown: Option<&str>) -> Markup {
    let mut names: Vec<&String> = points.iter().flat_map(|point| point.metrics.keys()).collect();
    names.sort_unstable();
    names.dedup();
    html! {
        table {
            caption.unseen { "Values" }
            thead { tr {
                th scope="col" { "Value" }
                @for point in points { th scope="col" class="number" {
                    // Whose confusion is shown below is chosen here.
                    @if points.len() > 1 && shown.is_some() && shown != Some(&point.name) { a href=(format!("{}#points", query.with(&[("point", &point.name)]))) { (point.name) } }
                    @else { (point.name) }
                } }
            } }
            tbody { @for name in names {
                @let quantity = Quantity::of(name);
                tr {
                    th scope="row" { (quantity.title) " " code.soft { (name) } }
                    @for point in points { td.number { @if let Some(value) = point.metrics.get(name) {
                        (written(&quantity, Value { mean: *value, deviation: None }))
                    } } }
                }
            } }
        }
    }
}

fn item(job: &str, point: &str, file: &File, several: bool) -> Markup {
    html! {
        li {
            a href=(files::link(job, point, &file.name)) { @if several { (point) " / " } (file.name) }
            " " span.soft { (bytes(file.size_bytes as f64)) }
        }
    }
}
