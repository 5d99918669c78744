//! Each page is a file: what it does and how it looks. Which there are, and who may, is in one table, from which the router is
//! made; what is not in it is not there.

mod account;
pub mod agents;
pub mod assets;
pub mod change;
mod code;
pub mod events;
mod factor;
pub mod health;
pub mod job;
mod link;
pub mod overview;
mod sessions;
mod sign_in;
mod sign_out;
pub mod sweep;

pub use job::log::readable;

use std::pin::Pin;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use http::Method;
use sweep_shared::access::Role;

use super::call::{Answer, Call, enter};
use super::trouble::Trouble;
use super::{Web, api, headers, live, metrics};
use crate::net;

/// Who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Open,
    SignedIn,
    /// Programs with a token of the role viewer or one above, and whoever is signed in.
    Program,
    /// Whoever has this role, or one above it.
    Role(Role),
}

/// One row of the table. A `POST` is a form: it must be small, come from a page of ours, and bear that page's token.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub who: Who,
    pub(super) act: Act,
}

pub(super) type Act = fn(Web, Call) -> Pin<Box<dyn Future<Output = Answer> + Send>>;

impl Route {
    /// Whether what is sent must bear the token of a page of ours.
    pub fn needs_form_token(&self) -> bool {
        self.method == Method::POST
    }
}

macro_rules! route {
    ($method:ident $path:literal Admin $act:path) => {
        Route {
            method: Method::$method,
            path: $path,
            who: Who::Role(Role::Admin),
            act: |web, call| Box::pin($act(web, call)),
        }
    };
    ($method:ident $path:literal $who:ident $act:path) => {
        Route { method: Method::$method, path: $path, who: Who::$who, act: |web, call| Box::pin($act(web, call)) }
    };
}

/// The stream of what changes of open pages.
pub const LIVE: &str = "/live";

pub static ROUTES: &[Route] = &[
    route!(GET "/" SignedIn overview::show),
    route!(GET "/sweeps/{sweep}" SignedIn sweep::show),
    route!(GET "/sweeps/{sweep}/plan" SignedIn sweep::plan::show),
    route!(GET "/jobs/{job}" SignedIn job::show),
    route!(GET "/jobs/{job}/file" SignedIn job::files::show),
    route!(GET "/jobs/{job}/log" SignedIn job::log::show),
    route!(GET "/sign-in" Open sign_in::show),
    route!(POST "/sign-in" Open sign_in::submit),
    route!(GET "/sign-in/code" Open code::show),
    route!(POST "/sign-in/code" Open code::submit),
    route!(GET "/sign-in/link" Open link::show),
    route!(POST "/sign-in/link" Open link::submit),
    route!(POST "/sign-out" SignedIn sign_out::submit),
    route!(GET "/account" SignedIn account::show),
    route!(POST "/account/password" SignedIn account::submit),
    route!(GET "/account/second-factor" SignedIn factor::show),
    route!(POST "/account/second-factor" SignedIn factor::enable),
    route!(POST "/account/second-factor/off" SignedIn factor::disable),
    route!(POST "/account/recovery-codes" SignedIn factor::renew),
    route!(POST "/account/sessions/end" SignedIn sessions::end),
    route!(POST "/account/sessions/end-others" SignedIn sessions::end_others),
    route!(GET "/api/v1/sweeps" Program api::sweeps),
    route!(GET "/api/v1/sweeps/{sweep}" Program api::sweep),
    route!(GET "/api/v1/sweeps/{sweep}/jobs" Program api::sweep_jobs),
    route!(GET "/api/v1/sweeps/{sweep}/results" Program api::sweep_results),
    route!(GET "/api/v1/jobs/{job}" Program api::job),
    route!(GET "/api/v1/agents" Program api::agents),
    route!(GET "/api/v1/agents/{agent}" Program api::agent),
    route!(GET "/api/v1/events" Program api::events),
    route!(GET "/api/v1/openapi.json" Program api::openapi::show),
    route!(GET "/metrics" Program metrics::show),
    route!(GET "/healthz" Open health::show),
    route!(GET "/agents" SignedIn agents::show),
    route!(GET "/agents/{agent}" SignedIn agents::show_one),
    route!(GET "/agents/{agent}/drain" Admin change::ask_drain),
    route!(POST "/agents/{agent}/drain" Admin change::drain),
    route!(GET "/sweeps/{sweep}/change/{change}" SignedIn change::show),
    route!(POST "/sweeps/{sweep}/change/{change}" SignedIn change::submit),
    route!(GET "/jobs/{job}/change/{change}" SignedIn change::show),
    route!(POST "/jobs/{job}/change/{change}" SignedIn change::submit),
    route!(GET "/events" SignedIn events::show),
    route!(GET "/live" SignedIn live::show),
    route!(GET "/style.css" Open assets::style),
    route!(GET "/live.js" Open assets::script),
    route!(GET "/favicon.svg" Open assets::favicon),
];

pub fn router(web: Web) -> Router {
    let hsts = web.0.settings.hsts;
    let add = |router: Router, route: &'static Route| {
        let web = web.clone();
        let filter = MethodFilter::try_from(route.method.clone()).expect("methods that the router knows");
        router.route(route.path, on(filter, move |request: Request| enter(web, route, request)))
    };
    let seal = move |request: Request, next: Next| async move {
        let tls = request.extensions().get::<net::Peer>().is_some_and(|peer| peer.tls);
        headers::seal(next.run(request).await, hsts && tls)
    };
    ROUTES.iter().fold(Router::new(), add).layer(from_fn(seal))
}

/// For paths that are not in the table.
pub fn not_found() -> Response {
    headers::seal(Trouble::NotFound.into_response(), false)
}
