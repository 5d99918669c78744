//! Numbers as people read them, and small pictures of them.

use maud::{Markup, html};
use sweep_shared::size::Size;

/// `5.1 GiB`.
pub fn size(bytes: u64) -> String {
    Size(bytes).to_string()
}

/// `3 h 20 min`: two units at most, and none that nobody needs.
pub fn span(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// A bar of so many parts of one whole, each with the class that gives it its colour. `label` says the same in words.
pub fn bar(label: &str, parts: &[(&str, f64)]) -> Markup {
    let mut from = 0.0;
    let places: Vec<(&str, f64, f64)> = parts
        .iter()
        .map(|(class, share)| {
            let width = (share * 1000.0).clamp(0.0, 1000.0 - from);
            from += width;
            (*class, from - width, width)
        })
        .collect();
    html! {
        svg.meter role="img" aria-label=(label) viewBox="0 0 1000 10" preserveAspectRatio="none" {
            rect.meter-ground width="1000" height="10" {}
            @for (class, x, width) in places.into_iter().filter(|(.., width)| *width > 0.0) {
                rect class=(class) x=(format!("{x:.1}")) width=(format!("{width:.1}")) height="10" {}
            }
        }
    }
}

/// A word with a colour: a state.
pub fn badge(class: &str, word: &str) -> Markup {
    html! { span class=(format!("badge is-{class}")) { (word) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_at_most() {
        let words = [0.0, 59.4, 60.0, 3599.0, 3600.0, 12_000.0, 86_400.0, 100_000.0, 1e9].map(span);
        assert_eq!(words, ["0 s", "59 s", "1 min", "59 min", "1 h", "3 h 20 min", "1 d", "1 d 3 h", "11574 d 1 h"]);
        assert_eq!(span(-1.0), "0 s");
    }

    #[test]
    fn a_bar_never_gets_longer_than_the_whole() {
        let bar = bar("2 of 2", &[("a", 0.75), ("none", 0.0), ("b", 0.5)]).into_string();
        assert!(
            bar.contains("class=\"a\" x=\"0.0\" width=\"750.0\"")
                && bar.contains("class=\"b\" x=\"750.0\" width=\"250.0\""),
            "{bar}"
        );
        assert!(!bar.contains("class=\"none\""));
    }
}
