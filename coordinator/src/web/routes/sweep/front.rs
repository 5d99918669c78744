//! Any two metrics against each other, and the front of what nothing beats.

use maud::{Markup, html};
use sweep_shared::metrics::{ACCURACY, SIZE_ONNX_BYTES};
use sweep_shared::results::{Better, Quantity, Value};
use sweep_shared::words::capital;

use super::results::written;
use crate::charts::{Axis, COLOURS, Look, Pareto, Spot, group, legend};
use crate::views::results::{Answer, Table};
use crate::web::live::Part;
use crate::web::query::Query;

fn choice(table: &Table, field: &str, label: &str, chosen: &str) -> Markup {
    html! {
        div.field { label for=(format!("front-{field}")) { (label) } select id=(format!("front-{field}")) name=(field) {
            @for metric in &table.metrics { option value=(metric.name) selected[metric.name == chosen] { (metric.title) } }
        } }
    }
}

pub fn part(made: &Answer, query: &Query<'_>) -> Part {
    let table = made.table().filter(|table| table.metrics.len() > 1);
    let html = html! {
        section.card #front aria-labelledby="front-head" hidden[table.is_none()] {
            h2 #front-head { "Trade-off" }
            @if let Some(table) = table { (form(table, query)) (chart(table, query)) }
        }
    };
    Part { id: "front", html }
}

fn form(table: &Table, query: &Query<'_>) -> Markup {
    let (x, y) = axes(table, query);
    html! {
        form.filter method="get" action=(format!("{}#front", query.path())) aria-label="Choose metrics" {
            @for (name, value) in query.others(&["x", "y"]) { input type="hidden" name=(name) value=(value); }
            (choice(table, "x", "Across", &x))
            (choice(table, "y", "Upward", &y))
            div.buttons { button.second type="submit" { "Show" } }
        }
    }
}

fn chart(table: &Table, query: &Query<'_>) -> Markup {
    let (x, y) = axes(table, query);
    let mut groups: Vec<String> = Vec::new();
    let mut spots = Vec::new();
    if let (Some(x), Some(y)) = (table.column(&x), table.column(&y)) {
        for (at, row) in table.rows.iter().enumerate() {
            let (Some(across), Some(up)) = (table.value(at, x), table.value(at, y)) else { continue };
            let group = group(&mut groups, &row.stage);
            spots.push(Spot {
                name: row.title(),
                x: across.mean,
                y: up.mean,
                values: values((&table.metrics[y], up), (&table.metrics[x], across)),
                group,
                href: row.jobs.first().map(|job| format!("/jobs/{job}")),
            });
        }
    }
    let (x, y) = (Axis::of(&x), Axis::of(&y));
    let hint = format!("Better is {} and {}.", side(&x.quantity, "left", "right"), side(&y.quantity, "down", "up"));
    let title = format!("{} against {}", capital(y.title()), x.title());
    let drawn = Pareto { id: "pareto".to_owned(), title, x, y, spots, groups: groups.clone() }.draw(Look::Page);
    html! {
        div.figure {
            @if drawn.of == 0 { p.hint { "No point has both of these values yet." } }
            @else {
                (drawn.svg)
                (legend(&groups.into_iter().take(COLOURS).collect::<Vec<_>>()))
                p.hint {
                    (hint) " Ringed points are on the front: none is better in both. Point at one for its name, follow it to its job."
                    @if drawn.shown < drawn.of { " Drawn are " (drawn.shown) " of " (drawn.of) " points, the front among them; the table below has all." }
                }
            }
        }
    }
}

/// What is asked for, if any point has it; else accuracy against size, or the first two there are.
fn axes(table: &Table, query: &Query<'_>) -> (String, String) {
    let known = |name: &str| table.column(name).map(|_| name.to_owned());
    let first = |not: &str| table.metrics.iter().find(|metric| metric.name != not).map(|metric| metric.name.clone());
    let y = known(query.get("y")).or_else(|| known(ACCURACY)).or_else(|| first("")).unwrap_or_default();
    let x = known(query.get("x")).or_else(|| known(SIZE_ONNX_BYTES)).or_else(|| first(&y)).unwrap_or_default();
    (x, y)
}

fn values(up: (&Quantity, Value), across: (&Quantity, Value)) -> String {
    format!("{}, {}", written(up.0, up.1), written(across.0, across.1))
}

fn side(quantity: &Quantity, less: &'static str, more: &'static str) -> &'static str {
    if quantity.better == Better::Less { less } else { more }
}
