//! Pages that change while they are open. What changes of a page are its [`Part`]s: the page is made of them, and the stream sends
//! those that have become others. They are the same for everybody who may do the same with the page, so that one rendering
//! serves all: a `topic` is rendered anew when something happens that concerns it, and each `stream` tells its browser the
//! difference (`state`). All renderings together take a fixed share of the time, however many pages are open.
//!
//! Which pages are live is in one table (`pages`). The browser's side is `routes/live.js`; without it each page is as it was when it
//! was asked for.

mod log;
mod pages;
mod state;
mod stream;
#[cfg(test)]
mod tests;
mod topic;

use std::pin::Pin;

use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

pub use stream::MOST_STREAMS;
pub(super) use stream::show;
pub use topic::{Pace, Topics};

use super::call::Call;
use super::fields::Fields;
use super::routes::change;
use super::trouble::Trouble;
use super::{Web, layout, may};
use crate::api::Api;
use state::State;

/// One element of a page, with everything in it; its `id` is the element's.
pub struct Part {
    pub id: &'static str,
    pub html: Markup,
}

/// What somebody looks at: of one page, equal values mean equal parts.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What stands where the route's path has `{name}`.
    pub place: Vec<(String, String)>,
    /// Filters, order, page.
    pub fields: Fields,
    /// Whether they may change what the page is about, and so see how.
    pub may_change: bool,
}

impl Asked {
    pub(super) async fn of(web: &Web, call: &Call) -> Result<Self, Trouble> {
        let may_change = may::change(&web.0.api, call.session()?, &call.place).await?;
        Ok(Self::new(call.place.clone(), call.fields.clone(), may_change))
    }

    fn new(place: Vec<(String, String)>, fields: Fields, may_change: bool) -> Self {
        // What a form has done is said once, and changes nothing of what is shown.
        Self { place, fields: fields.without("done"), may_change }
    }

    /// What stands where the route's path has `{name}`.
    pub fn named(&self, name: &str) -> Result<&str, Trouble> {
        named(&self.place, name)
    }

    /// The same of a number: `12`, or with its letter, `s12`, `j12`.
    pub fn number(&self, name: &str) -> Result<i64, Trouble> {
        number(self.named(name)?).ok_or(Trouble::NotFound)
    }
}

pub(super) fn named<'a>(place: &'a [(String, String)], name: &str) -> Result<&'a str, Trouble> {
    place.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).ok_or(Trouble::NotFound)
}

pub(super) fn number(text: &str) -> Option<i64> {
    let digits = text.trim_start_matches(['s', 'j']);
    digits.parse().ok().filter(|number| *number > 0)
}

/// Makes a page's parts.
pub type Parts = fn(Api, Asked) -> Pin<Box<dyn Future<Output = Result<Vec<Part>, Trouble>> + Send>>;

/// A page that is in the table. `body` holds the parts, each once; what else it holds does not change while it is open. `log`: how
/// far the page shows a job's log, where it does.
pub(super) fn page(call: &Call, title: &str, parts: &[Part], log: Option<log::At>, body: &Markup) -> Response {
    let done = change::done(call.fields.get("done"));
    let body = html! {
        @if let Some(done) = done { (layout::done(&done)) }
        (body)
    };
    let source = layout::Source { of: &call.path, have: State::of(parts).with_log(log).to_string() };
    layout::live_page(title, call.session.as_ref(), &source, &body).into_response()
}

pub use log::At as LogAt;
