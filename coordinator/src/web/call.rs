//! The one door: what is checked of each request before its route's own code runs.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Form, FromRequest, FromRequestParts, Query, RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, header};
use sweep_shared::access::Role;

use super::cookies::Cookie;
use super::fields::Fields;
use super::routes::{LIVE, Route, Who};
use super::session::Session;
use super::ticket::Ticket;
use super::trouble::Trouble;
use super::{Web, layout, live, origin};
use crate::access::{Standing, bearer};
use crate::net;

/// Where a request came from, as far as pages need to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    pub address: IpAddr,
    pub tls: bool,
}

/// A request that may be answered.
pub(super) struct Call {
    pub session: Option<Session>,
    /// Of the forms that are shown to people who are not signed in.
    pub form_ticket: Option<Ticket>,
    /// A form's, or, of a request without one, the address's.
    pub fields: Fields,
    pub peer: Peer,
    /// By which the browser knows this coordinator.
    pub host: String,
    /// What stands where the route's path has `{name}`.
    pub(super) place: Vec<(String, String)>,
    /// With what was asked for: `/sweeps/3?stage=teacher`.
    pub path: String,
}

pub(super) type Answer = Result<Response, Trouble>;

/// No form of ours comes near it.
pub const LARGEST_FORM: usize = 64 << 10;

impl Call {
    /// Of a route for those who are signed in.
    pub fn session(&self) -> Result<&Session, Trouble> {
        self.session.as_ref().ok_or(Trouble::SignedOut)
    }

    /// What stands where the route's path has `{name}`.
    pub fn named(&self, name: &str) -> Result<&str, Trouble> {
        live::named(&self.place, name)
    }

    /// The same of a number: `12`, or with its letter, `s12`, `j12`.
    pub fn number(&self, name: &str) -> Result<i64, Trouble> {
        live::number(self.named(name)?).ok_or(Trouble::NotFound)
    }
}

pub(super) async fn enter(web: Web, route: &'static Route, request: Request) -> Response {
    let refuse = if route.who == Who::Program { Trouble::into_problem } else { IntoResponse::into_response };
    let call = match check(&web, route, request).await {
        Ok(Checked::Call(call)) => call,
        Ok(Checked::Reload(answer)) => return answer,
        Err(trouble) => return refuse(trouble),
    };
    (route.act)(web, *call).await.unwrap_or_else(refuse)
}

enum Checked {
    Call(Box<Call>),
    /// The browser kept its cookie back, and will send it with the next try.
    Reload(Response),
}

async fn check(web: &Web, route: &Route, request: Request) -> Result<Checked, Trouble> {
    let (mut parts, body) = request.into_parts();
    let place = RawPathParams::from_request_parts(&mut parts, &()).await;
    let place: Vec<(String, String)> = place.map_or(Vec::new(), |place| owned(&place));
    let Some(connection) = parts.extensions.get::<net::Peer>() else {
        tracing::error!("a request came without its peer");
        return Err(Trouble::Internal);
    };
    let peer = Peer { address: connection.ip(), tls: connection.tls };
    let posts = route.method == Method::POST;
    origin::check(&parts.headers, &parts.uri, peer.tls, posts)?;
    let session = web.session(&parts.headers, peer.tls).await?;
    if let Some(session) = &session {
        connection.prove();
        // A page that is left open all day is not somebody who is there.
        if route.path != LIVE {
            web.used(session).await;
        }
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    if route.who == Who::Program && session.is_none() {
        // A session is a viewer's at least.
        program(web, connection, &parts.headers)?;
    } else if let Some(trouble) = may(route.who, session.as_ref(), posts, &path) {
        let foreign = parts.headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
        let kept_back = session.is_none() && foreign && !posts;
        return if kept_back { Ok(Checked::Reload(layout::reload(&path))) } else { Err(trouble) };
    }
    let form_ticket = Cookie::Form.read(&parts.headers, peer.tls);
    let host = origin::host(&parts.headers, &parts.uri).unwrap_or("localhost").to_owned();
    let fields = if posts {
        let fields = form(Request::from_parts(parts, body), web.0.settings.form_takes).await?;
        let ticket = if route.who == Who::Open { form_ticket.as_ref() } else { session.as_ref().map(|s| &s.ticket) };
        if !ticket.is_some_and(|ticket| ticket.made(fields.get("form_token"))) {
            return Err(Trouble::Stale);
        }
        fields
    } else {
        let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let Query(pairs) = query.map_err(|error| Trouble::BadForm(error.to_string()))?;
        Fields::new(pairs).map_err(|error| Trouble::BadForm(error.to_string()))?
    };
    Ok(Checked::Call(Box::new(Call { session, form_ticket, fields, peer, host, place, path })))
}

/// Lets a program in by its token, as calls are.
fn program(web: &Web, connection: &net::Peer, headers: &HeaderMap) -> Result<(), Trouble> {
    let (principal, _) = web.0.access.enter(connection, bearer(headers), "").map_err(Trouble::Unshown)?;
    connection.prove();
    match principal.standing {
        Standing::Person(role) if role.covers(Role::Viewer) => Ok(()),
        _ => Err(Trouble::NoPerson),
    }
}

fn owned(place: &RawPathParams) -> Vec<(String, String)> {
    place.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Why somebody may not.
fn may(who: Who, session: Option<&Session>, posts: bool, path: &str) -> Option<Trouble> {
    match (who, session) {
        (Who::Open, _) | (Who::SignedIn | Who::Program, Some(_)) => None,
        (Who::Role(needs), Some(session)) if session.role().covers(needs) => None,
        (Who::Role(needs), Some(session)) => Some(Trouble::Role { has: session.role(), needs }),
        (Who::SignedIn | Who::Program | Who::Role(_), None) if posts => Some(Trouble::SignedOut),
        (Who::SignedIn | Who::Program | Who::Role(_), None) => Some(Trouble::SignIn { path: path.to_owned() }),
    }
}

async fn form(request: Request, takes: Duration) -> Result<Fields, Trouble> {
    let (parts, body) = request.into_parts();
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > LARGEST_FORM as u64) {
        return Err(Trouble::Large { bytes: LARGEST_FORM });
    }
    let bytes = bytes(body, takes).await?;
    let request = Request::from_parts(parts, Body::from(bytes));
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
    {
        return Err(Trouble::NoForm);
    }
    let form = Form::<Vec<(String, String)>>::from_request(request, &()).await;
    let Form(pairs) = form.map_err(|error| Trouble::BadForm(error.body_text()))?;
    Fields::new(pairs).map_err(|error| Trouble::BadForm(error.to_string()))
}

async fn bytes(body: Body, takes: Duration) -> Result<Bytes, Trouble> {
    match tokio::time::timeout(takes, to_bytes(body, LARGEST_FORM)).await {
        Err(_) => Err(Trouble::Slow),
        // What else fails is a connection that is gone, whose answer nobody reads.
        Ok(bytes) => bytes.map_err(|_| Trouble::Large { bytes: LARGEST_FORM }),
    }
}
