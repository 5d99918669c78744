//! How all pages look: one frame, one style sheet, one script, and the parts that forms are made of.

use axum::response::{Html, IntoResponse, Response};
use http::{StatusCode, header};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::routes::assets;
use super::session::Session;

/// A page. `session`: whose, for the head of the page.
pub fn page(title: &str, session: Option<&Session>, body: &Markup) -> Html<String> {
    Html(frame(title, session, body, Frame::default()).into_string())
}

/// Where a page that changes while it is open hears of it.
pub struct Source<'a> {
    /// The page itself.
    pub of: &'a str,
    /// What it shows.
    pub have: String,
}

/// A page that changes while it is open.
pub fn live_page(title: &str, session: Option<&Session>, source: &Source<'_>, body: &Markup) -> Html<String> {
    Html(frame(title, session, body, Frame { source: Some(source), reload: None }).into_string())
}

#[derive(Default, Clone, Copy)]
struct Frame<'a> {
    source: Option<&'a Source<'a>>,
    reload: Option<&'a str>,
}

fn frame(title: &str, session: Option<&Session>, body: &Markup, Frame { source, reload }: Frame<'_>) -> Markup {
    let of = source.map(|source| source.of);
    let have = source.map(|source| source.have.as_str());
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(path) = reload { meta http-equiv="refresh" content=(format!("0; url={path}")); }
                title { (title) " · sweep" }
                link rel="icon" href="/favicon.svg" type="image/svg+xml";
                link rel="stylesheet" href=(assets::style_path());
                script src=(assets::script_path()) defer {}
            }
            body data-live=[of] data-have=[have] class=[source.map(|_| "wide")] {
                a.skip href="#main" { "Skip to the content" }
                header.top {
                    div.bar {
                        a.brand href="/" { (mark()) "sweep" }
                        @if let Some(session) = session { (nav(title)) (who(session)) }
                    }
                }
                main #main { (body) }
                @if source.is_some() {
                    footer {
                        p #live-state .live-state hidden {}
                        p #spoken .unseen role="status" {}
                    }
                }
            }
        }
    }
}

/// The pages that are always at hand. The one that is open is known by its title.
const PAGES: &[(&str, &str)] =
    &[("/", "Overview"), ("/agents", "Agents"), ("/events", "Events"), ("/account", "Account")];

fn nav(title: &str) -> Markup {
    html! {
        nav aria-label="Pages" {
            @for (path, name) in PAGES { a href=(path) aria-current=[(*name == title).then_some("page")] { (name) } }
        }
    }
}

fn who(session: &Session) -> Markup {
    html! {
        form.sign-out method="post" action="/sign-out" {
            (token(&session.ticket.form_token()))
            span.who { (session.user()) " " span.role { (session.role()) } }
            button.quiet type="submit" { "Sign out" }
        }
    }
}

/// The mark, as in the favicon.
fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 32 32" width="24" height="24" aria-hidden="true" { (PreEscaped(assets::MARK)) }
    }
}

/// To the same page once more: a browser that followed a foreign site's link keeps `SameSite=Strict` cookies back, and sends them
/// with what our own page asks for.
pub fn reload(path: &str) -> Response {
    let path = if super::fields::is_local(path) { path } else { "/" };
    let body = html! { h1 { "One moment" } p { a href=(path) { "Go on" } } };
    let frame_with = Frame { source: None, reload: Some(path) };
    Html(frame("One moment", None, &body, frame_with).into_string()).into_response()
}

pub fn see_other(path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response()
}

/// In each form.
pub fn token(form_token: &str) -> Markup {
    html! { input type="hidden" name="form_token" value=(form_token); }
}

/// Whose password a form asks for, for password managers.
pub fn username(name: &str) -> Markup {
    html! { input type="text" name="username" autocomplete="username" value=(name) hidden; }
}

/// Says what went wrong, to eyes and screen readers.
pub fn alert(text: &str) -> Markup {
    html! { div.alert role="alert" { p { (text) } } }
}

/// Says what was done.
pub fn done(text: &str) -> Markup {
    html! { div.done role="status" { p { (text) } } }
}

/// One input with its label, its hint and its error, tied together.
#[derive(Default)]
pub struct Input<'a> {
    /// Unique in the page: other forms may have a field of the same name.
    pub id: &'a str,
    pub name: &'a str,
    pub label: &'a str,
    /// `text` or `password`.
    pub kind: &'a str,
    pub complete: &'a str,
    pub value: &'a str,
    pub hint: &'a str,
    pub error: Option<&'a str>,
    pub focus: bool,
    /// Digits.
    pub numeric: bool,
    pub longest: usize,
}

pub fn input(input: &Input<'_>) -> Markup {
    let Input { id, name, label, kind, complete, value, hint, error, focus, numeric, longest } = *input;
    let (hint_id, error_id) = (format!("{id}-hint"), format!("{id}-error"));
    let described: Vec<&str> = [(!hint.is_empty(), &hint_id), (error.is_some(), &error_id)]
        .into_iter()
        .filter_map(|(is_there, id)| is_there.then_some(id.as_str()))
        .collect();
    let described = (!described.is_empty()).then(|| described.join(" "));
    html! {
        div.field {
            label for=(id) { (label) }
            @if !hint.is_empty() { p.hint id=(hint_id) { (hint) } }
            @if let Some(error) = error { p.error id=(error_id) { (error) } }
            input id=(id) name=(name) type=(kind) autocomplete=(complete) value=[(!value.is_empty()).then_some(value)]
                required maxlength=(longest) aria-describedby=[described] aria-invalid=[error.map(|_| "true")]
                autofocus[focus || error.is_some()] inputmode=[numeric.then_some("numeric")] autocapitalize="none" spellcheck="false";
        }
    }
}

/// In UTC: where scripts run, the page's own puts it into the reader's zone.
pub fn time(unix_ms: i64) -> Markup {
    let Ok(time) = jiff::Timestamp::from_millisecond(unix_ms) else { return html! { "?" } };
    html! {
        time datetime=(time.strftime("%Y-%m-%dT%H:%M:%SZ")) { (time.strftime("%-d %b %Y, %H:%M UTC")) }
    }
}
