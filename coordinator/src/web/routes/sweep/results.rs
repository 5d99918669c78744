//! The table of what came out.

use maud::{Markup, html};
use sweep_shared::metrics::{ACCURACY, MACS, PARAMETERS, PARAMETERS_NONZERO, SIZE_ONNX_BYTES, TEST_LOSS, TOP5};
use sweep_shared::results::{Better, Quantity, Value};
use sweep_shared::words::clip;

use super::waiting;
use crate::api::Api;
use crate::views::results::{self as view, Answer, ResultRow, Sorting, Table};
use crate::web::lists::{Asks, heading, pages, scroll};
use crate::web::live::Part;
use crate::web::query::Query;
use crate::web::trouble::Trouble;

const PER_PAGE: u32 = 40;
const ASKS: Asks = Asks { sort: "rsort", reverse: "rdesc", page: "rpage", anchor: "#results" };
/// What is shown of many metrics, the first that there are.
const PREFERRED: &[&str] = &[ACCURACY, SIZE_ONNX_BYTES, PARAMETERS_NONZERO, MACS, TOP5, TEST_LOSS];
const FEW: usize = 8;
/// A table of more columns is read by no eye, and is in the API.
const MANY: usize = 30;

pub async fn part(api: &Api, query: &Query<'_>, made: &Answer) -> Result<Part, Trouble> {
    let empty = Table::default();
    let table = made.table().map_or(&empty, |table| table.as_ref());
    let sorting = Sorting {
        by: query.get("rsort"),
        reverse: query.some("rdesc").is_some(),
        stage: query.some("rstage"),
        offset: (query.page("rpage") as usize - 1).saturating_mul(PER_PAGE as usize),
        limit: PER_PAGE as usize,
    };
    let results = view::page(api, table, &sorting).await?;
    let all = query.get("columns") == "all";
    let columns = columns(table, all);
    let several = table.rows.iter().any(|row| row.jobs.len() > 1);
    let items = &results.rows.items;
    let rows = html! {
        table {
            caption.unseen { "Results" }
            thead { tr {
                (heading(query, ASKS, ("", "Point"), false, false))
                @if several { th scope="col" class="number" { "Seeds" } }
                @for metric in &columns { (heading(query, ASKS, (&metric.name, &metric.title), true, metric.better == Better::More)) }
                th scope="col" { "Files" }
            } }
            tbody { @for row in items { (line(row, &columns, several)) } }
        }
    };
    let html = html! {
        section.card #results aria-labelledby="results-head" {
            h2 #results-head { "Results" }
            (form(table, query))
            @if let Some(words) = waiting(made) { p.hint role="status" { (words) } }
            @if table.rows.is_empty() {
                @if made.table().is_some() { p.hint { "No point has been measured yet." } }
            } @else {
                @if several { p.hint { "Seeds of the same point are one row: mean ± standard deviation." } }
                @if items.is_empty() { p.hint { "This page is behind the last one." } } @else { (scroll("Results", &rows)) }
                (pages(query, ASKS, (items.len(), PER_PAGE, results.rows.total), "results"))
                @if table.metrics.len() > FEW {
                    p { a href=(format!("{}#results", query.with(&[("columns", if all { "" } else { "all" })]))) {
                        (if all { "Show the usual columns" } else { "Show all columns" })
                    } }
                }
            }
        }
    };
    Ok(Part { id: "results", html })
}

/// Which stage's; where there are several.
fn form(table: &Table, query: &Query<'_>) -> Markup {
    let mut stages: Vec<&str> = Vec::new();
    for row in &table.rows {
        if !stages.contains(&row.stage.as_str()) {
            stages.push(&row.stage);
        }
    }
    html! {
        @if stages.len() > 1 {
            form.filter method="get" action=(format!("{}#results", query.path())) aria-label="Filter results" {
                @for (name, value) in query.others(&["rstage", "rpage"]) { input type="hidden" name=(name) value=(value); }
                div.field { label for="results-stage" { "Stage" } select #results-stage name="rstage" {
                    option value="" { "all" }
                    @for stage in stages { option value=(stage) selected[query.get("rstage") == stage] { (stage) } }
                } }
                div.buttons { button.second type="submit" { "Show" } }
            }
        }
    }
}

/// The columns that are shown.
fn columns(table: &Table, all: bool) -> Vec<&Quantity> {
    if all {
        return table.metrics.iter().take(MANY).collect();
    }
    let find = |name: &str| table.column(name).map(|column| &table.metrics[column]);
    let mut chosen: Vec<&Quantity> = PREFERRED.iter().filter_map(|name| find(name)).collect();
    if find(PARAMETERS_NONZERO).is_none() {
        chosen.extend(find(PARAMETERS));
    }
    chosen.extend(table.metrics.iter().filter(|metric| metric.name.starts_with("latency_ms_b")));
    chosen.extend(table.metrics.iter().filter(|metric| metric.name.starts_with("speedup_b")));
    // Of a user's own programs all that fits: nothing is known of what matters there.
    if find(ACCURACY).is_none() {
        let more: Vec<&Quantity> = table.metrics.iter().filter(|metric| !chosen.contains(metric)).collect();
        chosen.extend(more);
    }
    chosen.truncate(FEW);
    chosen
}

fn line(row: &ResultRow, columns: &[&Quantity], several: bool) -> Markup {
    html! {
        tr {
            th.label scope="row" {
                @if let Some(job) = row.jobs.first() { a href=(format!("/jobs/{job}")) { (clip(&row.name, 110)) } } @else { (clip(&row.name, 110)) }
            }
            @if several { td.number { (row.jobs.len()) } }
            @for metric in columns {
                td.number { @if let Some(spread) = row.metrics.get(&metric.name) { (written(metric, Value { mean: spread.mean, deviation: spread.deviation })) } }
            }
            td.files {
                @if let Some(job) = row.jobs.first() {
                    @for file in row.files.iter().filter(|file| is_onnx(&file.name)) {
                        a href=(super::super::job::files::link(job, &row.point, &file.name)) { (file.name) } " "
                    }
                }
            }
        }
    }
}

/// What is deployed.
fn is_onnx(name: &str) -> bool {
    std::path::Path::new(name).extension().is_some_and(|end| end == "onnx")
}

/// `93.12 % ± 0.21`.
pub fn written(metric: &Quantity, value: Value) -> String {
    let mean = metric.unit.write(value.mean);
    match value.deviation.filter(|deviation| *deviation > 0.0) {
        Some(deviation) => format!("{mean} ± {}", metric.unit.spread(deviation)),
        None => mean,
    }
}
