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
const LINE: f64 = 54.0;

impl Bars {
    pub fn draw(&self, look: Look) -> Markup {
        let bars = thinned(self.bars.iter().filter(|bar| bar.value.is_finite()).collect(), MOST_MARKS / 8);
        let most = bars.iter().map(|bar| bar.of.unwrap_or(bar.value).max(bar.value)).fold(0.0, f64::max);
        let scale = Scale::from_nought(most, 0.0, WIDTH);
        let inside = html! {
            @for (at, bar) in bars.iter().enumerate() {
                @let y = at as f64 * LINE;
                text x="0" y=(n(y + 20.0)) { (squeeze(&bar.name, 28)) }
                text.end x=(n(WIDTH)) y=(n(y + 20.0)) { (self.amount(bar)) }
                @if let Some(of) = bar.of { rect.behind x="0" y=(n(y + 28.0)) width=(n(scale.place(of))) height="16" rx="3" {} }
                rect.bar x="0" y=(n(y + 28.0)) width=(n(scale.place(bar.value).max(1.0))) height="16" rx="3" {}
            }
        };
        let words = bars.iter().map(|bar| format!("{}: {}", bar.name, self.amount(bar))).collect::<Vec<_>>().join("; ");
        picture(&self.id, look, (WIDTH, bars.len() as f64 * LINE), (&self.title, &words), &inside)
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
