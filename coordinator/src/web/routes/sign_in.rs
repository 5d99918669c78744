//! Name and password.

use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::{StatusCode, header};
use maud::html;
use tokio::task::unconstrained;

use crate::store::web::{Account, NoteFailed, Proof, account, has_been_at};
use crate::web::Web;
use crate::web::call::{Answer, Call};
use crate::web::cookies::Cookie;
use crate::web::layout::{Input, alert, done, input, page, see_other, token};
use crate::web::password::LONGEST;
use crate::web::pending::Pending;
use crate::web::place::place;
use crate::web::ticket::Ticket;
use crate::web::tries::Try;
use crate::web::trouble::{Trouble, sentence};

/// Longer ones are nobody's (the schema says so).
pub const LONGEST_NAME: usize = 64;

pub async fn show(_: Web, call: Call) -> Answer {
    if call.session.is_some() {
        return Ok(see_other(call.fields.next()));
    }
    let note = match call.fields.get("why") {
        "out" => Some("You are signed out."),
        "late" => Some("That took too long. Enter your name and password once more."),
        "password" => Some("Your password was changed. Sign in with the new one."),
        _ => None,
    };
    Ok(form(&call, StatusCode::OK, "", note, None))
}

/// The page, and a cookie for its form where the browser has none.
fn form(call: &Call, status: StatusCode, name: &str, note: Option<&str>, error: Option<&str>) -> Response {
    let (ticket, is_new) = form_ticket(call);
    let body = html! {
        h1 { "Sign in" }
        @if let Some(note) = note { (done(note)) }
        @if let Some(error) = error { (alert(error)) }
        form.card method="post" action="/sign-in" {
            (token(&ticket.form_token()))
            @if call.fields.next() != "/" { input type="hidden" name="next" value=(call.fields.next()); }
            (input(&Input { id: "name", name: "name", label: "Name", kind: "text", complete: "username", value: name,
                focus: name.is_empty(), longest: LONGEST_NAME, ..Default::default() }))
            (input(&Input { id: "password", name: "password", label: "Password", kind: "password", complete: "current-password",
                focus: !name.is_empty(), longest: LONGEST, ..Default::default() }))
            button type="submit" { "Sign in" }
        }
        details {
            summary { "No account or no password?" }
            p { "On a computer where " code { "sweep" } " is logged in to this coordinator, " code { "sweep page" }
                " opens this page signed in. An administrator makes accounts with " code { "sweep users add" } "." }
        }
    };
    let title = if error.is_some() { "Error: sign in" } else { "Sign in" };
    with_form_cookie((status, page(title, None, &body)).into_response(), call, &ticket, is_new)
}

/// The browser's, or a fresh one.
pub fn form_ticket(call: &Call) -> (Ticket, bool) {
    match &call.form_ticket {
        Some(ticket) => (ticket.clone(), false),
        None => (Ticket::fresh(), true),
    }
}

pub fn with_form_cookie(mut answer: Response, call: &Call, ticket: &Ticket, is_new: bool) -> Response {
    if is_new {
        answer.headers_mut().append(header::SET_COOKIE, Cookie::Form.set(ticket, call.peer.tls, None));
    }
    answer
}

pub async fn submit(web: Web, call: Call) -> Answer {
    let (name, password) = (call.fields.get("name").trim(), call.fields.get("password"));
    if name.is_empty() || password.is_empty() || name.len() > LONGEST_NAME {
        return Ok(form(
            &call,
            StatusCode::UNPROCESSABLE_ENTITY,
            name,
            None,
            Some("Enter your name and your password."),
        ));
    }
    let this = web.begin_try(&call, name).await?;
    let account = account(&web.0.store, name).await?;
    let phc = account.as_ref().and_then(|account| account.password.clone());
    let right = web.0.passwords.verify(password.to_owned(), phc.clone()).await?;
    let (Some(account), Some(phc), true) = (account.as_ref(), phc, right) else {
        web.note_failed(account.as_ref(), &call, "wrong password");
        return Ok(form(&call, StatusCode::FORBIDDEN, name, None, Some("The name or the password is wrong.")));
    };
    let now = web.0.clock.now();
    if let Some(sealed) = account.totp_sealed.clone() {
        web.0.tries.right(now, &this);
        return Ok(ask_for_code(
            &web,
            &call,
            Pending { user: account.name.clone(), phc, sealed, next: call.fields.next().to_owned() },
        ));
    }
    let answer = see_other(call.fields.next());
    match web.begin(&account.name, Proof::Password { phc }, (call.peer, call.session.as_ref()), answer).await {
        Err(crate::store::StoreError::Refused(why)) => {
            Ok(form(&call, StatusCode::FORBIDDEN, name, None, Some(&sentence(&why))))
        }
        begun => {
            web.0.tries.done(now, &this);
            Ok(begun?)
        }
    }
}

/// With a new cookie: what was known before the password was shown must not do after it.
fn ask_for_code(web: &Web, call: &Call, pending: Pending) -> Response {
    let ticket = Ticket::fresh();
    web.0.pending.begin(web.0.clock.now(), &ticket, pending);
    with_form_cookie(see_other("/sign-in/code"), call, &ticket, true)
}

impl Web {
    /// Counts a try with this name, from where the call came.
    pub(in crate::web) async fn begin_try(&self, call: &Call, name: &str) -> Result<Try, Trouble> {
        let address = call.peer.address;
        let known = has_been_at(&self.0.store, name, &place(address)).await?;
        let this = Try::with_name(name, address, known);
        self.0.tries.begin(self.0.clock.now(), &this).map_err(Trouble::Wait)?;
        Ok(this)
    }

    /// Tells of a failed sign-in, unless too many were told lately. Nobody waits for it to be written: how long the answer takes must
    /// not tell whether there is such a name.
    pub(in crate::web) fn note_failed(&self, account: Option<&Account>, call: &Call, why: &str) {
        let name = account.map(|account| account.name.as_str());
        let told = self.0.news.failed(self.0.clock.now(), name, &place(call.peer.address), why);
        let Some(detail) = told else { return };
        // Queued when it is first polled.
        if let Some(Err(error)) = unconstrained(self.0.store.write(NoteFailed { detail })).now_or_never() {
            tracing::warn!(%error, "a failed sign-in is not in the audit log");
        }
    }
}
