//! Charts, drawn here as SVG: nothing to load, nothing that runs in the browser, and the same picture in a page and in a mail.
//!
//! Values find their places by a [`scale`], axes are drawn by [`plane`], and each kind of chart is a file. Colours are classes
//! (`c0` … `c7`), which the page's style sheet fills for light and for dark; a picture that stands alone ([`Look::Alone`]) brings
//! its own. A chart says in words what it shows (`title`, `desc`), and is named by them; marks that lead somewhere are links, with
//! what they stand for written in the chart while they are pointed at or have the focus.

mod bars;
mod heat;
mod lines;
mod pareto;
mod plane;
mod scale;
mod stages;

pub use bars::{Bar, Bars};
pub use heat::{Confused, Heat};
pub use lines::{Dot, Lines, Series};
pub use pareto::{Drawn, Pareto, Spot, group};
pub use plane::{Axis, Look, legend};
pub use stages::{Flow, Node};

/// Colours are told apart up to here; later series begin anew.
pub const COLOURS: usize = 8;
/// Marks in one chart. What is left out is said.
pub const MOST_MARKS: usize = 240;

/// The points and their front as a picture that stands alone: SVG with its own colours, for a file or a mail. Text is in the generic
/// family `sans-serif`.
pub fn pareto(plot: &Pareto) -> String {
    plot.draw(Look::Alone).svg.into_string()
}

/// At most `most` of these, evenly chosen, the first and the last among them.
pub fn thinned<T>(items: Vec<T>, most: usize) -> Vec<T> {
    let all = items.len();
    if all <= most || most < 2 {
        return items.into_iter().take(most.max(1)).collect();
    }
    let mut chosen = (0..most).map(|i| i * (all - 1) / (most - 1)).peekable();
    items.into_iter().enumerate().filter(|(at, _)| chosen.next_if_eq(at).is_some()).map(|(_, item)| item).collect()
}

/// A coordinate, to a tenth.
fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn colour(at: usize) -> String {
    format!("c{}", at % COLOURS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_both_ends_and_the_bound() {
        let thin = thinned((0..5000).collect(), 100);
        assert_eq!((thin.len(), thin[0], thin[99]), (100, 0, 4999));
        assert!(thin.windows(2).all(|pair| pair[1] - pair[0] <= 51));
        assert_eq!(thinned(vec![1, 2, 3], 3), [1, 2, 3]);
        assert_eq!(thinned(vec![1, 2, 3], 1), [1]);
    }
}
