//! What lists and tables have in common: headings that sort, pages, states, amounts of time.

use maud::{Markup, html};

use super::query::Query;
use super::words;

/// Names of the fields in the address that say how one table of a page is shown.
#[derive(Debug, Clone, Copy)]
pub struct Asks {
    pub sort: &'static str,
    pub reverse: &'static str,
    pub page: &'static str,
    /// The table's place in the page: `#jobs`.
    pub anchor: &'static str,
}

/// A column's heading, which sorts by it: a second time the other way round. `first_down`: the first time from the largest.
pub fn heading(query: &Query<'_>, asks: Asks, (name, title): (&str, &str), numeric: bool, first_down: bool) -> Markup {
    let sorted = query.get(asks.sort) == name;
    let down = !query.get(asks.reverse).is_empty();
    let next_down = if sorted { !down } else { first_down };
    let link = query.with(&[(asks.sort, name), (asks.reverse, if next_down { "1" } else { "" }), (asks.page, "")]);
    let order = if down { "descending" } else { "ascending" };
    html! {
        th scope="col" class=[numeric.then_some("number")] aria-sort=[sorted.then_some(order)] {
            a href=(format!("{link}{}", asks.anchor)) { (title) @if sorted { span.order aria-hidden="true" { (if down { "\u{a0}▾" } else { "\u{a0}▴" }) } } }
        }
    }
}

/// Which part of the whole is shown, and the way to the others.
pub fn pages(query: &Query<'_>, asks: Asks, (shown, per_page, total): (usize, u32, u64), what: &str) -> Markup {
    let page = query.page(asks.page);
    let last = u32::try_from(total.div_ceil(u64::from(per_page))).unwrap_or(u32::MAX).max(1);
    let first = u64::from(page - 1) * u64::from(per_page);
    let link = |page: u32| {
        let page = if page > 1 { page.to_string() } else { String::new() };
        format!("{}{}", query.with(&[(asks.page, &page)]), asks.anchor)
    };
    html! {
        nav.pages aria-label=(format!("Pages of {what}")) {
            span {
                @if total == 0 { "None" }
                @else if shown == 0 { "None here, of " (thousands(total)) }
                @else if last == 1 && page == 1 { "All " (thousands(total)) " " (what) }
                @else { (thousands(first + 1)) "–" (thousands(first + shown as u64)) " of " (thousands(total)) }
            }
            @if page > 1 { a rel="prev" href=(link((page - 1).min(last))) { "Previous" } }
            @if page < last { a rel="next" href=(link(page + 1)) { "Next" } }
            @if page < last && last > 2 { a href=(link(last)) { "Last" } }
        }
    }
}

/// A table wider than its screen is moved within its own frame, by touch or with the arrow keys.
pub fn scroll(name: &str, inside: &Markup) -> Markup {
    html! { div.scroll role="group" aria-label=(name) tabindex="0" { (inside) } }
}

/// A job's or an attempt's state, as a word with its colour.
pub fn state(state: &str) -> Markup {
    words::badge(state, &state.replace('_', " "))
}

/// `50 000`, with spaces that do not break.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::fields::Fields;

    const ASKS: Asks = Asks { sort: "sort", reverse: "desc", page: "page", anchor: "#jobs" };

    fn with(pairs: &[(&str, &str)], test: impl Fn(&Query<'_>)) {
        let owned = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let fields = Fields::new(owned).unwrap();
        test(&Query::new("/s".to_owned(), &fields));
    }

    #[test]
    fn a_heading_sorts_and_the_second_time_the_other_way_round() {
        let head = |query: &Query<'_>| heading(query, ASKS, ("state", "State"), false, false).into_string();
        with(&[("page", "3")], |query| {
            assert!(head(query).contains("href=\"/s?sort=state#jobs\""), "{}", head(query));
            assert!(!head(query).contains("aria-sort"));
        });
        with(&[("sort", "state")], |query| {
            assert!(
                head(query).contains("aria-sort=\"ascending\"") && head(query).contains("sort=state&amp;desc=1#jobs"),
                "{}",
                head(query)
            );
        });
        with(&[("sort", "state"), ("desc", "1")], |query| {
            assert!(
                head(query).contains("aria-sort=\"descending\"") && head(query).contains("href=\"/s?sort=state#jobs\"")
            );
        });
    }

    #[test]
    fn pages_lead_to_their_neighbours_and_not_beyond() {
        let bar = |query: &Query<'_>, shown, total| pages(query, ASKS, (shown, 50, total), "jobs").into_string();
        with(&[], |query| {
            assert!(bar(query, 50, 50_000).contains("1–50 of 50\u{a0}000"));
            assert!(bar(query, 50, 50_000).contains("page=1000#jobs"));
            assert!(!bar(query, 7, 7).contains("<a"), "{}", bar(query, 7, 7));
        });
        with(&[("page", "9999")], |query| {
            let beyond = bar(query, 0, 120);
            assert!(
                beyond.contains("None here, of 120") && beyond.contains("page=3#jobs") && !beyond.contains("Next"),
                "{beyond}"
            );
        });
    }
}
