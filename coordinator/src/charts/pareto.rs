//! Points by two of their values, and the front of those that nothing beats.

use maud::{Markup, html};
use sweep_shared::results::{Better, front};

use super::plane::{self, Axis, Look, Plane, picture};
use super::{MOST_MARKS, colour, n, thinned};

/// One point.
#[derive(Debug, Clone, PartialEq)]
pub struct Spot {
    pub name: String,
    pub x: f64,
    pub y: f64,
    /// In words, with their spread: `93.12 % ± 0.21, 1.18 MB`.
    pub values: String,
    /// Which of the groups it belongs to.
    pub group: usize,
    /// Where it leads.
    pub href: Option<String>,
}

/// The number of a group, which is a new one where the name is.
pub fn group(groups: &mut Vec<String>, name: &str) -> usize {
    groups.iter().position(|known| known == name).unwrap_or_else(|| {
        groups.push(name.to_owned());
        groups.len() - 1
    })
}

/// Which of two values are compared.
#[derive(Debug, Clone)]
pub struct Pareto {
    /// Unique in its page.
    pub id: String,
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub spots: Vec<Spot>,
    /// Names of the groups, which are told apart by colour.
    pub groups: Vec<String>,
}

/// The picture, and how many spots of how many it has.
pub struct Drawn {
    pub svg: Markup,
    pub shown: usize,
    pub of: usize,
}

impl Pareto {
    /// Those on the front first, by their first value; the rest follows, thinned.
    pub fn draw(&self, look: Look) -> Drawn {
        let better = (self.x.quantity.better, self.y.quantity.better);
        let places: Vec<Option<(f64, f64)>> = self.spots.iter().map(|spot| Some((spot.x, spot.y))).collect();
        let on_front = front(&places, better);
        let (mut best, rest): (Vec<_>, Vec<_>) = self
            .spots
            .iter()
            .zip(on_front)
            .filter(|(spot, _)| spot.x.is_finite() && spot.y.is_finite())
            .partition(|(_, on)| *on);
        let of = best.len() + rest.len();
        best.sort_by(|(a, _), (b, _)| a.x.total_cmp(&b.x));
        let best = thinned(best, MOST_MARKS / 2);
        let rest = if rest.is_empty() { rest } else { thinned(rest, MOST_MARKS - best.len()) };
        let shown = best.len() + rest.len();
        let all: Vec<(f64, f64)> = best.iter().chain(&rest).map(|(spot, _)| (spot.x, spot.y)).collect();
        let plane = Plane::around(&all, &self.x, &self.y);
        let inside = html! {
            (plane.axes())
            path.front d=(stairs(&plane, &best.iter().map(|(spot, _)| (spot.x, spot.y)).collect::<Vec<_>>(), better)) {}
            @for (spot, on_front) in rest.iter().chain(&best) { (mark(&plane, spot, *on_front, look)) }
            @if look == Look::Alone { (plane::legend_inside(&self.groups)) }
        };
        let svg = picture(
            &self.id,
            look,
            (plane::WIDTH, plane::HEIGHT),
            (&self.title, &self.words(best.len(), shown, of)),
            &inside,
        );
        Drawn { svg, shown, of }
    }

    fn words(&self, best: usize, shown: usize, of: usize) -> String {
        let which = if shown < of { format!("{shown} of {of} points") } else { format!("{of} points") };
        format!(
            "{which} by {} and {}. {best} of them are on the front: no other is as good in both and better in one.",
            self.x.title(),
            self.y.title()
        )
    }
}

/// The edge of what is reached: from each point of the front level to the next, and then up or down to it.
fn stairs(plane: &Plane<'_>, best: &[(f64, f64)], better: (Better, Better)) -> String {
    let mut corners = Vec::with_capacity(2 * best.len());
    for (at, &(x, y)) in best.iter().enumerate() {
        if let Some(&(before_x, before_y)) = at.checked_sub(1).and_then(|before| best.get(before)) {
            // A place between two of the front is reached by the worse of their values.
            corners.push(if better.0 == Better::Less { (x, before_y) } else { (before_x, y) });
        }
        corners.push((x, y));
    }
    plane.path(corners.into_iter())
}

fn mark(plane: &Plane<'_>, spot: &Spot, on_front: bool, look: Look) -> Markup {
    let (x, y) = (n(plane.x.place(spot.x)), n(plane.y.place(spot.y)));
    let dot = html! {
        circle class=(colour(spot.group)) cx=(x) cy=(y) r=(if on_front { "5.5" } else { "4" }) {}
        @if on_front { circle.ring cx=(x) cy=(y) r="7.5" {} }
    };
    match (&spot.href, look) {
        (Some(href), Look::Page) => html! {
            // Those of the front can be reached with the keyboard; for the others there is the table.
            a.spot href=(href) tabindex=[(!on_front).then_some("-1")] aria-label=(format!("{}: {}", spot.name, spot.values)) {
                circle.reach cx=(x) cy=(y) r="11" {}
                (dot)
                (plane::tip(&spot.name, &spot.values))
            }
        },
        _ => dot,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(spots: Vec<Spot>) -> Pareto {
        let (id, title) = ("p".to_owned(), "Size against accuracy".to_owned());
        let groups = vec!["base".to_owned(), "int8".to_owned()];
        Pareto { id, title, x: Axis::of("size_onnx_bytes"), y: Axis::of("accuracy"), spots, groups }
    }

    fn spot(name: &str, x: f64, y: f64) -> Spot {
        let (name, values, href) = (name.to_owned(), format!("{y}, {x}"), Some("/jobs/j1".to_owned()));
        Spot { name, x, y, values, group: 0, href }
    }

    #[test]
    fn the_front_can_be_walked_with_the_keyboard_and_nothing_is_markup() {
        let drawn =
            plot(vec![spot("a<b>", 1e6, 0.9), spot("beaten", 2e6, 0.8), spot("small", 1e5, 0.7)]).draw(Look::Page);
        let svg = drawn.svg.into_string();
        assert_eq!((drawn.shown, drawn.of), (3, 3));
        assert_eq!(svg.matches("<a class=\"spot\"").count(), 3);
        assert_eq!(svg.matches("tabindex=\"-1\"").count(), 1);
        assert!(svg.contains("aria-label=\"a&lt;b&gt;: 0.9, 1000000\"") && !svg.contains("a<b>"), "{svg}");
        assert!(!svg.contains("style="), "a page's policy forbids styles in attributes");
    }

    #[test]
    fn many_points_are_thinned_and_the_front_stays() {
        let mut spots: Vec<Spot> = (0..5000).map(|i| spot("worse", 1e6 + f64::from(i), 0.5)).collect();
        spots.push(spot("best", 1e5, 0.95));
        let drawn = plot(spots).draw(Look::Page);
        assert_eq!((drawn.shown, drawn.of), (MOST_MARKS, 5001));
        let svg = drawn.svg.into_string();
        assert!(svg.contains("best: 0.95") && svg.contains("240 of 5001 points"));
        assert!(svg.len() < 120_000, "{}", svg.len());
    }

    #[test]
    fn a_picture_alone_has_its_colours_and_leads_nowhere() {
        let svg = plot(vec![spot("a", 1e6, 0.9)]).draw(Look::Alone).svg.into_string();
        assert!(svg.contains("<style>") && svg.contains("class=\"ground\"") && !svg.contains("<a "));
        assert!(svg.contains("role=\"img\""));
    }

    #[test]
    fn nothing_and_what_is_no_number_draw_an_empty_plane() {
        for spots in [vec![], vec![spot("a", f64::NAN, 0.5)]] {
            let drawn = plot(spots).draw(Look::Page);
            assert_eq!(drawn.of, 0);
            assert!(!drawn.svg.into_string().contains("NaN"));
        }
    }

    #[test]
    fn the_edge_runs_over_what_is_reached() {
        let axis = (Axis::of("size_onnx_bytes"), Axis::of("accuracy"));
        let best = [(1.0, 0.5), (2.0, 0.8)];
        let plane = Plane::around(&best, &axis.0, &axis.1);
        let (x, y) = (|v| n(plane.x.place(v)), |v| n(plane.y.place(v)));
        let wanted = format!("M{} {}L{} {}L{} {}", x(1.0), y(0.5), x(2.0), y(0.5), x(2.0), y(0.8));
        assert_eq!(stairs(&plane, &best, (Better::Less, Better::More)), wanted);
        // With more of both wanted, the corner is at the other side.
        let best = [(1.0, 0.8), (2.0, 0.5)];
        let wanted = format!("M{} {}L{} {}L{} {}", x(1.0), y(0.8), x(1.0), y(0.5), x(2.0), y(0.5));
        assert_eq!(stairs(&plane, &best, (Better::More, Better::More)), wanted);
    }
}
