//! A confusion matrix.

use maud::{Markup, html};
use sweep_shared::words::{clip, squeeze};

use super::n;
use super::plane::{Look, picture};

/// Rows are the true classes, columns the predicted ones.
#[derive(Debug, Clone)]
pub struct Heat {
    /// Unique in its page.
    pub id: String,
    pub title: String,
    pub classes: Vec<String>,
    pub counts: Vec<Vec<u64>>,
}

/// With more classes than this a matrix cannot be read, and its cells would be most of a page.
pub const MOST_CLASSES: usize = 32;
/// Numbers fit into the cells of so few.
const MOST_NUMBERS: usize = 12;

const LEFT: f64 = 110.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 92.0;
const SIDE: f64 = 480.0;

/// Two classes that are taken for each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confused {
    pub truth: String,
    pub taken_for: String,
    pub count: u64,
    /// Of how many of the true class.
    pub of: u64,
}

impl Heat {
    /// `None` where it would be too large to be read, or is no square.
    pub fn draw(&self, look: Look) -> Option<Markup> {
        let classes = self.classes.len();
        let square = self.counts.len() == classes && self.counts.iter().all(|row| row.len() == classes);
        if classes == 0 || classes > MOST_CLASSES || !square {
            return None;
        }
        let cell = SIDE / classes as f64;
        let inside = html! {
            @for (row, counts) in self.counts.iter().enumerate() {
                @let of = counts.iter().sum::<u64>();
                @for (column, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                    (self.cell((row, column), count, of, cell))
                }
            }
            rect.frame x=(n(LEFT)) y=(n(TOP)) width=(n(SIDE)) height=(n(SIDE)) {}
            g.ticks aria-hidden="true" {
                @for (at, class) in self.classes.iter().enumerate() {
                    @let middle = (at as f64 + 0.5) * cell;
                    text.end x=(n(LEFT - 8.0)) y=(n(TOP + middle + 4.5)) { (squeeze(class, 12)) }
                    text.end transform=(format!("translate({} {}) rotate(-60)", n(LEFT + middle + 4.0), n(TOP + SIDE + 14.0))) { (squeeze(class, 12)) }
                }
                text.axis.middle x=(n(LEFT + SIDE / 2.0)) y="18" { "rows: true class · columns: predicted" }
            }
        };
        let size = (LEFT + SIDE + 10.0, TOP + SIDE + BOTTOM);
        Some(picture(&self.id, look, size, (&self.title, &self.words()), &inside))
    }

    fn cell(&self, (row, column): (usize, usize), count: u64, of: u64, cell: f64) -> Markup {
        let (x, y) = (LEFT + column as f64 * cell, TOP + row as f64 * cell);
        let share = count as f64 / of.max(1) as f64;
        // Where little is confused the little must be seen.
        let weight = share.sqrt();
        let class = if row == column { "right" } else { "wrong" };
        html! {
            rect class=(class) x=(n(x)) y=(n(y)) width=(n(cell)) height=(n(cell)) fill-opacity=(format!("{weight:.2}")) {
                title { (format!("{} taken for {}: {count} of {of}", self.classes[row], self.classes[column])) }
            }
            @if self.classes.len() <= MOST_NUMBERS {
                text.middle class=(if weight > 0.6 { "count deep" } else { "count" }) x=(n(x + cell / 2.0)) y=(n(y + cell / 2.0 + 4.5)) { (count) }
            }
        }
    }

    /// The pairs that are confused most, the worst first.
    pub fn worst(&self, most: usize) -> Vec<Confused> {
        let name = |at: usize| clip(self.classes.get(at).map_or("?", String::as_str), 60);
        let mut pairs: Vec<Confused> = Vec::new();
        for (row, counts) in self.counts.iter().enumerate() {
            let of = counts.iter().sum();
            let wrong = counts.iter().enumerate().filter(|(column, count)| *column != row && **count > 0);
            pairs.extend(wrong.map(|(column, &count)| Confused {
                truth: name(row),
                taken_for: name(column),
                count,
                of,
            }));
        }
        pairs.sort_by_key(|pair| std::cmp::Reverse(pair.count));
        pairs.truncate(most);
        pairs
    }

    fn words(&self) -> String {
        let (mut right, mut all) = (0, 0);
        for (row, counts) in self.counts.iter().enumerate() {
            right += counts.get(row).copied().unwrap_or_default();
            all += counts.iter().sum::<u64>();
        }
        format!("{right} of {all} images are taken for what they are. The table tells which are not.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heat(classes: usize) -> Heat {
        let counts =
            (0..classes).map(|row| (0..classes).map(|column| if row == column { 8 } else { 2 }).collect()).collect();
        let classes = (0..classes).map(|class| format!("class {class}")).collect();
        Heat { id: "h".to_owned(), title: "Confusion".to_owned(), classes, counts }
    }

    #[test]
    fn cells_bear_their_counts_while_they_can_be_read() {
        let svg = heat(3).draw(Look::Page).unwrap().into_string();
        assert_eq!((svg.matches("class=\"right\"").count(), svg.matches("class=\"wrong\"").count()), (3, 6));
        assert!(svg.contains("class 0 taken for class 1: 2 of 12") && svg.contains("24 of 36 images"), "{svg}");
        assert!(!heat(20).draw(Look::Page).unwrap().into_string().contains("class=\"count"));
        assert!(heat(33).draw(Look::Page).is_none() && heat(0).draw(Look::Page).is_none());
        let ragged = Heat { counts: vec![vec![1], vec![]], ..heat(2) };
        assert!(ragged.draw(Look::Page).is_none());
    }

    #[test]
    fn the_worst_pairs_come_first() {
        let mut heat = heat(3);
        heat.counts[2][0] = 7;
        let worst = heat.worst(2);
        assert_eq!(
            (worst[0].truth.as_str(), worst[0].taken_for.as_str(), worst[0].count, worst[0].of),
            ("class 2", "class 0", 7, 17)
        );
        assert_eq!(worst.len(), 2);
    }
}
