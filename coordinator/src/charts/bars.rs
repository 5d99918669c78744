//! Amounts beside each other, each with what it is of.

use maud::{Markup, html};
use sweep_shared::results::Unit;
use sweep_shared::words::squeeze;

use super::plane::{Look, picture};
use super::scale::Scale;
use super::{MOST_MARKS, n, thinned};

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    pub name: String,
    pub value: f64,
    /// What it might have been at most: drawn behind it.
    pub of: Option<f64>,
}

/// Some of one unit.
#[derive(Debug, Clone)]
pub struct Bars {
    /// Unique in its page.
    pub id: String,
    pub title: String,
    pub unit: Unit,
    pub bars: Vec<Bar>,
}

const WIDTH: f64 = 640.0;
const LEFT: f64 = 160.0;
const RIGHT: f64 = 170.0;
const LINE: f64 = 34.0;

impl Bars {
    pub fn draw(&self, look: Look) -> Markup {
        let bars = thinned(self.bars.iter().filter(|bar| bar.value.is_finite()).collect(), MOST_MARKS / 8);
        let most = bars.iter().map(|bar| bar.of.unwrap_or(bar.value).max(bar.value)).fold(0.0, f64::max);
        let scale = Scale::from_nought(most, 0.0, WIDTH - LEFT - RIGHT);
        let inside = html! {
            @for (at, bar) in bars.iter().enumerate() {
                @let y = at as f64 * LINE + 6.0;
                text.end x=(n(LEFT - 10.0)) y=(n(y + 16.0)) { (squeeze(&bar.name, 22)) }
                @if let Some(of) = bar.of { rect.behind x=(n(LEFT)) y=(n(y)) width=(n(scale.place(of))) height="22" rx="3" {} }
                rect.bar x=(n(LEFT)) y=(n(y)) width=(n(scale.place(bar.value).max(1.0))) height="22" rx="3" {}
                text x=(n(WIDTH - RIGHT + 12.0)) y=(n(y + 16.0)) { (self.amount(bar)) }
            }
        };
        let words = bars.iter().map(|bar| format!("{}: {}", bar.name, self.amount(bar))).collect::<Vec<_>>().join("; ");
        picture(&self.id, look, (WIDTH, bars.len() as f64 * LINE + 6.0), (&self.title, &words), &inside)
    }

    fn amount(&self, bar: &Bar) -> String {
        let value = self.unit.write(bar.value);
        bar.of.map_or(value.clone(), |of| format!("{value} of {}", self.unit.write(of)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_stands_before_what_it_is_of() {
        let bars = vec![
            Bar { name: "attempt 1".to_owned(), value: 1e9, of: Some(2e9) },
            Bar { name: "attempt 2".to_owned(), value: 5e8, of: None },
            Bar { name: "no number".to_owned(), value: f64::NAN, of: None },
        ];
        let bars = Bars { id: "b".to_owned(), title: "Memory".to_owned(), unit: Unit::Bytes, bars };
        let svg = bars.draw(Look::Page).into_string();
        assert_eq!((svg.matches("class=\"bar\"").count(), svg.matches("class=\"behind\"").count()), (2, 1));
        assert!(svg.contains("attempt 1: 1.00 GB of 2.00 GB; attempt 2: 500 MB"), "{svg}");
    }
}
