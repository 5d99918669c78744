//! Pages that change while they are open. What changes of a page are its [`Part`]s: the page is made of them, and the stream sends
//! those that have become others. They are the same for everybody who may see the page, so that one rendering serves all.

use maud::Markup;

use super::fields::Fields;
use super::trouble::Trouble;

/// One element of a page, with everything in it; its `id` is the element's.
pub struct Part {
    pub id: &'static str,
    pub html: Markup,
}

/// What somebody looks at: of one route, the same address means the same parts.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What stands where the route's path has `{name}`.
    pub place: Vec<(String, String)>,
    /// Filters, order, page.
    pub fields: Fields,
}

impl Asked {
    /// The number where the route's path has `{name}`: `12`, or with its letter, `s12`, `j12`.
    pub(super) fn number(&self, name: &str) -> Result<i64, Trouble> {
        number(&self.place, name)
    }
}

/// Of what stands in a path.
pub(super) fn number(place: &[(String, String)], name: &str) -> Result<i64, Trouble> {
    let (_, text) = place.iter().find(|(key, _)| key == name).ok_or(Trouble::NotFound)?;
    let digits = text.trim_start_matches(['s', 'j']);
    digits.parse().ok().filter(|number| *number > 0).ok_or(Trouble::NotFound)
}
