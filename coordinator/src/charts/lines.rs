//! Curves: values by epoch, accuracy by compression.

use maud::{Markup, html};

use super::plane::{self, Axis, Look, Plane, picture};
use super::{MOST_MARKS, colour, n, thinned};

/// One curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub name: String,
    pub dots: Vec<Dot>,
}

/// A place on a curve; with a name, a mark that can be pointed at.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dot {
    pub x: f64,
    pub y: f64,
    /// Empty: no more than a place on the line.
    pub name: String,
    pub values: String,
    pub href: Option<String>,
}

/// Some curves over the same axes.
#[derive(Debug, Clone)]
pub struct Lines {
    /// Unique in its page.
    pub id: String,
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub series: Vec<Series>,
}

/// Places on one curve: more than the picture has columns to show.
const MOST_PLACES: usize = 400;

impl Lines {
    /// With its legend below, in a page; within the picture, alone.
    pub fn draw(&self, look: Look) -> Markup {
        let marks = MOST_MARKS / self.series.len().max(1);
        let series: Vec<(&Series, Vec<&Dot>)> =
            self.series.iter().map(|series| (series, places(series, marks.max(2)))).collect();
        let all: Vec<(f64, f64)> = series.iter().flat_map(|(_, dots)| dots.iter().map(|dot| (dot.x, dot.y))).collect();
        let plane = Plane::around(&all, &self.x, &self.y);
        let inside = html! {
            (plane.axes())
            @for (at, (_, dots)) in series.iter().enumerate() {
                @if dots.len() > 1 { path class=(format!("line {}", colour(at))) d=(plane.path(dots.iter().map(|dot| (dot.x, dot.y)))) {} }
            }
            @for (at, (_, dots)) in series.iter().enumerate() {
                // A curve of one place is no line.
                @for dot in dots.iter().filter(|dot| !dot.name.is_empty() || dots.len() == 1) { (mark(&plane, at, dot, look)) }
            }
            @if look == Look::Alone { (plane::legend_inside(&self.names())) }
        };
        let svg = picture(&self.id, look, (plane::WIDTH, plane::HEIGHT), (&self.title, &self.words(&series)), &inside);
        html! {
            (svg)
            @if look == Look::Page { (plane::legend(&self.names())) }
        }
    }

    fn names(&self) -> Vec<String> {
        self.series.iter().map(|series| series.name.clone()).collect()
    }

    /// Where each begins and ends.
    fn words(&self, series: &[(&Series, Vec<&Dot>)]) -> String {
        let (x, y) = (self.x.quantity.unit, self.y.quantity.unit);
        let said = series.iter().take(12).filter_map(|(series, dots)| {
            let (first, last) = (dots.first()?, dots.last()?);
            let ends = format!("{} at {}", y.tick(first.y), x.tick(first.x));
            let ends =
                if dots.len() > 1 { format!("{ends} to {} at {}", y.tick(last.y), x.tick(last.x)) } else { ends };
            Some(format!("{}: {ends}.", series.name))
        });
        format!("{} by {}. {}", self.y.title(), self.x.title(), said.collect::<Vec<_>>().join(" "))
    }
}

fn places(series: &Series, marks: usize) -> Vec<&Dot> {
    let finite: Vec<&Dot> = series.dots.iter().filter(|dot| dot.x.is_finite() && dot.y.is_finite()).collect();
    let named = finite.iter().any(|dot| !dot.name.is_empty());
    thinned(finite, if named { marks } else { MOST_PLACES })
}

fn mark(plane: &Plane<'_>, at: usize, dot: &Dot, look: Look) -> Markup {
    let (x, y) = (n(plane.x.place(dot.x)), n(plane.y.place(dot.y)));
    let circle = html! { circle class=(colour(at)) cx=(x) cy=(y) r="4" {} };
    match (&dot.href, look) {
        (Some(href), Look::Page) => html! {
            a.spot href=(href) tabindex="-1" aria-label=(format!("{}: {}", dot.name, dot.values)) {
                circle.reach cx=(x) cy=(y) r="11" {}
                (circle)
                (plane::tip(&dot.name, &dot.values))
            }
        },
        _ => circle,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(series: Vec<Series>) -> Lines {
        let (id, title) = ("l".to_owned(), "Loss".to_owned());
        Lines { id, title, x: Axis::of("epoch"), y: Axis::of("test_loss"), series }
    }

    fn series(name: &str, values: &[f64]) -> Series {
        let dot = |(at, y): (usize, &f64)| Dot { x: at as f64 + 1.0, y: *y, ..Dot::default() };
        Series { name: name.to_owned(), dots: values.iter().enumerate().map(dot).collect() }
    }

    #[test]
    fn curves_are_drawn_over_one_plane_and_told_in_words() {
        let svg =
            lines(vec![series("loss", &[2.0, 1.0, 0.5]), series("val", &[2.1, 1.4])]).draw(Look::Page).into_string();
        assert_eq!(svg.matches("class=\"line ").count(), 2);
        assert!(svg.contains("loss: 2 at 1 to 0.5 at 3. val: 2.1 at 1 to 1.4 at 2."), "{svg}");
        assert!(svg.contains("<ul class=\"legend\">"));
    }

    #[test]
    fn a_value_that_is_no_number_is_left_out_and_long_curves_are_thinned() {
        let svg = lines(vec![series("loss", &[2.0, f64::NAN, 0.5])]).draw(Look::Page).into_string();
        assert!(!svg.contains("NaN"));
        let long = lines(vec![series("loss", &vec![1.0; 50_000])]).draw(Look::Page).into_string();
        assert!(long.len() < 12_000, "{}", long.len());
        let one = lines(vec![series("loss", &[2.0])]).draw(Look::Page).into_string();
        assert!(one.contains("<circle"), "a curve of one epoch is to be seen");
        assert!(!lines(vec![]).draw(Look::Page).into_string().is_empty());
    }
}
