//! A link that the command line asked for. Looking at it does not use it up, since mail programs and chats look at links, too. Tries are
//! not counted: nobody guesses 256 bits, and whoever is kept from signing in by a stranger's guesses has this way left.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::html;

use super::sign_in::{form_ticket, with_form_cookie};
use crate::store::StoreError;
use crate::store::web::Proof;
use crate::web::Web;
use crate::web::call::{Answer, Call};
use crate::web::layout::{page, see_other, token};
use crate::web::links::Bearer;
use crate::web::trouble::sentence;

pub async fn show(web: Web, call: Call) -> Answer {
    let code = call.fields.get("code");
    let Some(bearer) = web.0.links.look(web.0.clock.now(), code) else {
        return Ok(gone("it was used already, or is too old"));
    };
    let (ticket, is_new) = form_ticket(&call);
    let body = html! {
        h1 { "Sign in with a link" }
        form.card method="post" action="/sign-in/link" {
            (token(&ticket.form_token()))
            input type="hidden" name="code" value=(code);
            p { "You will be signed in as " strong { (bearer.name()) } " " span.role { (bearer.role()) } ". The link works once." }
            @if let Some(session) = &call.session { p.hint { "You are signed in as " (session.user()) " now; that session ends." } }
            button type="submit" autofocus { "Sign in as " (bearer.name()) }
        }
        p.hint { "Did you not ask for it? Then close this page." }
    };
    Ok(with_form_cookie(page("Sign in", None, &body).into_response(), &call, &ticket, is_new))
}

fn gone(why: &str) -> Response {
    let body = html! {
        h1 { "This link works no more" }
        p { (sentence(why)) " Ask for another with " code { "sweep page" } ", or " a href="/sign-in" { "sign in with your password" } "." }
    };
    (StatusCode::FORBIDDEN, page("Error: sign in", None, &body)).into_response()
}

pub async fn submit(web: Web, call: Call) -> Answer {
    let Some(bearer) = web.0.links.take(web.0.clock.now(), call.fields.get("code")) else {
        return Ok(gone("it was used already, or is too old"));
    };
    let proof = match &bearer {
        Bearer::Token { id, role, .. } => Proof::Token { id: *id, role: *role },
        Bearer::Home { .. } => Proof::Home,
    };
    match web.begin(bearer.name(), proof, (call.peer, call.session.as_ref()), see_other("/")).await {
        Err(StoreError::Refused(why)) => Ok(gone(&why)),
        begun => Ok(begun?),
    }
}
