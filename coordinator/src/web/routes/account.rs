//! A user's own account: password, second factor, sessions.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::{Markup, html};

use super::{factor, sessions};
use crate::store::web::{self as store, Account, Proof, SetPassword};
use crate::web::Web;
use crate::web::call::{Answer, Call};
use crate::web::layout::{Input, alert, done, input, page, see_other, token, username};
use crate::web::password::{self, LONGEST, SHORTEST};
use crate::web::session::Session;
use crate::web::trouble::{Trouble, sentence};

/// What went wrong with one of the page's forms: which field, and what.
#[derive(Debug, Clone)]
pub struct Wrong {
    pub field: &'static str,
    pub text: String,
}

impl Wrong {
    pub fn new(field: &'static str, text: impl Into<String>) -> Self {
        Self { field, text: text.into() }
    }
}

pub async fn show(web: Web, call: Call) -> Answer {
    let note = match call.fields.get("done") {
        "password" => Some("Your password is changed, and all your other sessions have ended."),
        "off" => Some("The second factor is off."),
        "ended" => Some("That session has ended."),
        _ => None,
    };
    whole(&web, &call, StatusCode::OK, note, None).await
}

pub async fn whole(web: &Web, call: &Call, status: StatusCode, note: Option<&str>, wrong: Option<Wrong>) -> Answer {
    let session = call.session()?;
    let (now_ms, idle) = (web.0.clock.unix_ms(), web.0.settings.idle);
    let own = store::sessions_of(&web.0.store, session.user(), session.has_account(), now_ms, idle).await?;
    let settings = match own_account(web, session).await {
        Ok(account) => {
            let codes = store::codes_left(&web.0.store, session.user()).await?;
            html! { (password_form(session, &account, wrong.as_ref())) (factor::section(session, &account, codes, wrong.as_ref())) }
        }
        Err(Trouble::Refused(why)) => {
            html! { section.card { h2 { "Password and second factor" } p { (sentence(&why)) } } }
        }
        Err(other) => return Err(other),
    };
    let body = html! {
        h1 { "Account" }
        @if let Some(note) = note { (done(note)) }
        @if let Some(wrong) = &wrong { (alert(&wrong.text)) }
        (settings)
        (sessions::list(session, &own))
    };
    let title = if wrong.is_some() { "Error: account" } else { "Account" };
    Ok((status, page(title, Some(session), &body)).into_response())
}

/// The account that this session may change.
pub async fn own_account(web: &Web, session: &Session) -> Result<Account, Trouble> {
    if !session.has_account() {
        let why = format!(
            "you are signed in with the token of the coordinator's own computer, as {}; that is no account, and has no password. \
             Make one with: sweep users add NAME --role admin --password",
            session.user()
        );
        return Err(Trouble::Refused(why));
    }
    if !session.is_full() {
        let why = "this session was begun with a token that may do less than you may; sign in with your password to change \
                   it or the second factor";
        return Err(Trouble::Refused(why.to_owned()));
    }
    store::account(&web.0.store, session.user()).await?.ok_or(Trouble::SignedOut)
}

fn password_form(session: &Session, account: &Account, wrong: Option<&Wrong>) -> Markup {
    let of = |field: &str| wrong.filter(|wrong| wrong.field == field).map(|wrong| wrong.text.as_str());
    let hint = format!("At least {SHORTEST} characters; any. A few words that do not belong together are good.");
    html! {
        section.card aria-labelledby="password" {
            h2 id="password" { "Password" }
            @if account.password.is_none() { p { "You have none yet: with one you can sign in from any browser." } }
            form method="post" action="/account/password" {
                (token(&session.ticket.form_token()))
                (username(&account.name))
                @if account.password.is_some() {
                    (input(&Input { id: "current", name: "current", label: "Present password", kind: "password",
                        complete: "current-password", error: of("current"), longest: LONGEST, ..Default::default() }))
                }
                (input(&Input { id: "new", name: "new", label: "New password", kind: "password", complete: "new-password",
                    hint: &hint, error: of("new"), longest: LONGEST, ..Default::default() }))
                (input(&Input { id: "again", name: "again", label: "New password, once more", kind: "password",
                    complete: "new-password", error: of("again"), longest: LONGEST, ..Default::default() }))
                button type="submit" { @if account.password.is_some() { "Change the password" } @else { "Set the password" } }
                p.hint { "All your sessions but this one end." }
            }
        }
    }
}

pub async fn submit(web: Web, call: Call) -> Answer {
    let account = own_account(&web, call.session()?).await?;
    match change(&web, &call, &account).await? {
        Ok(answer) => Ok(answer),
        Err(wrong) => whole(&web, &call, StatusCode::UNPROCESSABLE_ENTITY, None, Some(wrong)).await,
    }
}

async fn change(web: &Web, call: &Call, account: &Account) -> Result<Result<Response, Wrong>, Trouble> {
    let (new, again) = (call.fields.get("new"), call.fields.get("again"));
    if let Err(weak) = password::check(new, &account.name) {
        return Ok(Err(Wrong::new("new", format!("Choose another password: {weak}."))));
    }
    if new != again {
        return Ok(Err(Wrong::new("again", "The two are not the same.")));
    }
    let Some(this) = web.confirm(call, account).await? else {
        return Ok(Err(Wrong::new("current", "This is not your present password.")));
    };
    web.confirmed(&this);
    let phc = web.0.passwords.hash(new.to_owned()).await?;
    let set = SetPassword { user: account.name.clone(), old: account.password.clone(), new: phc.clone() };
    web.0.store.write(set).await?;
    // This browser goes on with a session of its own; with a second factor it would have to be shown again.
    if account.totp_sealed.is_some() {
        return Ok(Ok(see_other("/sign-in?why=password")));
    }
    let proof = Proof::Password { phc };
    let from = (call.peer, call.session.as_ref());
    Ok(Ok(web.begin(&account.name, proof, from, see_other("/account?done=password")).await?))
}
