//! What all charts with two axes share: the picture's frame, the axes, the legend.

use maud::{Markup, PreEscaped, html};
use sweep_shared::results::Quantity;
use sweep_shared::words::squeeze;

use super::scale::Scale;
use super::{colour, n};

/// Where a chart is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// In a page, whose style sheet has the colours, light and dark.
    Page,
    /// By itself, as a file or in a mail: light, with a ground and colours of its own, and without links.
    Alone,
}

/// One axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    pub quantity: Quantity,
    /// In place of the quantity's own.
    pub title: Option<String>,
}

impl Axis {
    pub fn of(metric: &str) -> Self {
        Self { quantity: Quantity::of(metric), title: None }
    }

    pub fn title(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.quantity.title)
    }
}

pub const WIDTH: f64 = 640.0;
pub const HEIGHT: f64 = 400.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 18.0;
/// Two lines, for what is pointed at.
const TOP: f64 = 52.0;
const BOTTOM: f64 = 62.0;

/// The plane between two axes.
pub struct Plane<'a> {
    pub x: Scale,
    pub y: Scale,
    x_axis: &'a Axis,
    y_axis: &'a Axis,
}

impl<'a> Plane<'a> {
    pub fn around(points: &[(f64, f64)], x_axis: &'a Axis, y_axis: &'a Axis) -> Self {
        let x = Scale::around(points.iter().map(|p| p.0), x_axis.quantity.wide, LEFT, WIDTH - RIGHT);
        let y = Scale::around(points.iter().map(|p| p.1), y_axis.quantity.wide, HEIGHT - BOTTOM, TOP);
        Self { x, y, x_axis, y_axis }
    }

    /// Between two epochs there is none.
    fn across(&self) -> Vec<f64> {
        let whole = self.x_axis.quantity.name == "epoch";
        self.x.ticks().into_iter().filter(|tick| !whole || tick.fract() == 0.0).collect()
    }

    pub fn axes(&self) -> Markup {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        let (xs, ys) = (self.x_axis.quantity.unit, self.y_axis.quantity.unit);
        html! {
            g.grid {
                @for tick in self.y.ticks() {
                    @let y = n(self.y.place(tick));
                    path d=(format!("M{LEFT} {y}H{right}")) {}
                }
                @for tick in self.across() {
                    @let x = n(self.x.place(tick));
                    path d=(format!("M{x} {TOP}V{bottom}")) {}
                }
            }
            g.ticks aria-hidden="true" {
                @for tick in self.y.ticks() {
                    text.end x=(n(LEFT - 8.0)) y=(n(self.y.place(tick) + 4.5)) { (ys.tick(tick)) }
                }
                @for tick in self.across() {
                    text.middle x=(n(self.x.place(tick))) y=(n(bottom + 20.0)) { (xs.tick(tick)) }
                }
                text.middle.axis x=(n(f64::midpoint(LEFT, right))) y=(n(HEIGHT - 14.0)) { (self.x_axis.title()) }
                text.middle.axis transform=(format!("translate(18 {}) rotate(-90)", n(f64::midpoint(TOP, bottom)))) {
                    (self.y_axis.title())
                }
            }
        }
    }

    /// A path through these places, in their order.
    pub fn path(&self, points: impl Iterator<Item = (f64, f64)>) -> String {
        let mut path = String::new();
        for (x, y) in points {
            path.push(if path.is_empty() { 'M' } else { 'L' });
            path.push_str(&format!("{} {}", n(self.x.place(x)), n(self.y.place(y))));
        }
        path
    }
}

/// What a mark that is pointed at says: its name, and its values below.
pub fn tip(name: &str, values: &str) -> Markup {
    html! {
        g.tip aria-hidden="true" {
            text x=(n(LEFT)) y="18" { (squeeze(name, 60)) }
            text.soft x=(n(LEFT)) y="38" { (squeeze(values, 64)) }
        }
    }
}

/// The picture around it. `id` is unique in its page.
pub fn picture(id: &str, look: Look, (width, height): (f64, f64), words: (&str, &str), inside: &Markup) -> Markup {
    let (title, description) = words;
    let (title_id, description_id) = (format!("{id}-title"), format!("{id}-desc"));
    // What is a picture to a screen reader has no links within.
    let role = if inside.0.contains("<a ") { "group" } else { "img" };
    html! {
        svg.chart xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {} {}", n(width), n(height)))
            width=(n(width)) height=(n(height))
            role=(role) aria-labelledby=(title_id) aria-describedby=(description_id) {
            title id=(title_id) { (title) }
            desc id=(description_id) { (description) }
            @if look == Look::Alone {
                style { (PreEscaped(ALONE)) }
                rect.ground width=(n(width)) height=(n(height)) {}
            }
            (inside)
        }
    }
}

/// Names of series with their colours, as a list below the chart.
pub fn legend(names: &[String]) -> Markup {
    html! {
        @if names.len() > 1 {
            ul.legend {
                @for (at, name) in names.iter().enumerate() {
                    li {
                        svg.swatch viewBox="0 0 14 14" width="14" height="14" aria-hidden="true" { rect class=(colour(at)) x="1" y="1" width="12" height="12" rx="3" {} }
                        (name)
                    }
                }
            }
        }
    }
}

/// The same names within the picture, where there is no page around it: in two lines at the top.
pub fn legend_inside(names: &[String]) -> Markup {
    const PER_LINE: usize = 4;
    let cell = (WIDTH - LEFT - RIGHT) / PER_LINE as f64;
    html! {
        @if names.len() > 1 {
            @for (at, name) in names.iter().take(2 * PER_LINE).enumerate() {
                @let (x, y) = (LEFT + (at % PER_LINE) as f64 * cell, 10.0 + (at / PER_LINE) as f64 * 20.0);
                rect class=(colour(at)) x=(n(x)) y=(n(y)) width="11" height="11" rx="3" {}
                text x=(n(x + 17.0)) y=(n(y + 10.0)) { (squeeze(name, 16)) }
            }
        }
    }
}

/// Light, as in the style sheet.
const ALONE: &str = "text{font-family:sans-serif;font-size:13px;fill:#1b2230}.soft,.ticks text{fill:#5a6475}\
    .end{text-anchor:end}.middle{text-anchor:middle}.ground{fill:#ffffff}.grid path{stroke:#e3e7ee;fill:none}\
    .front,.line{fill:none;stroke-width:2}.front{stroke:#1b2230}.tip{display:none}.ring{fill:none;stroke:#1b2230;stroke-width:1.5}\
    .c0{fill:#2457d6}.c1{fill:#b35c00}.c2{fill:#1d7a46}.c3{fill:#9b2fae}.c4{fill:#b3261e}.c5{fill:#0b7285}.c6{fill:#6b5b00}.c7{fill:#5a6475}\
    .line.c0{stroke:#2457d6;fill:none}.line.c1{stroke:#b35c00;fill:none}.line.c2{stroke:#1d7a46;fill:none}.line.c3{stroke:#9b2fae;fill:none}\
    .line.c4{stroke:#b3261e;fill:none}.line.c5{stroke:#0b7285;fill:none}.line.c6{stroke:#6b5b00;fill:none}.line.c7{stroke:#5a6475;fill:none}";
