//! The second factor is set up, taken away, and its recovery codes made anew.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::{Markup, html};

use super::account::{Wrong, own_account, whole};
use super::code::{LONGEST_CODE, Unshown};
use crate::home::hex;
use crate::store::StoreError;
use crate::store::web::{Account, DisableTotp, EnableTotp, Factor, RenewCodes};
use crate::web::Web;
use crate::web::call::{Answer, Call};
use crate::web::layout::{Input, alert, input, page, see_other, token, username};
use crate::web::password::LONGEST;
use crate::web::recovery;
use crate::web::session::Session;
use crate::web::totp::{Seed, qr};
use crate::web::tries::Try;
use crate::web::trouble::{Trouble, sentence};

/// How long a seed that is shown can be confirmed.
const SHOWN_FOR_MS: i64 = 15 * 60_000;

/// As the account's page shows it.
pub fn section(session: &Session, account: &Account, codes_left: i64, wrong: Option<&Wrong>) -> Markup {
    html! {
        section.card aria-labelledby="factor" {
            h2 id="factor" { "Second factor" }
            @if account.totp_sealed.is_some() {
                p { "On. You are asked for a code from your app whenever you sign in with your password." }
                p { (codes_left) " of " (recovery::CODES) " recovery codes are left." }
                details open[wrong.is_some_and(|wrong| wrong.field == "code")] {
                    summary { "Make new recovery codes, or switch it off" }
                    (confirm_form(session, wrong))
                }
            } @else if account.password.is_some() {
                p { "Off. With a code from an app on your phone beside your password, a stolen password alone is worth nothing." }
                p { a.button href="/account/second-factor" { "Set it up" } }
            } @else {
                p { "Off. Set a password first: a second factor needs a first." }
            }
        }
    }
}

/// Two buttons for the same fields.
fn confirm_form(session: &Session, wrong: Option<&Wrong>) -> Markup {
    let error = wrong.filter(|wrong| wrong.field == "code").map(|wrong| wrong.text.as_str());
    html! {
        form method="post" action="/account/recovery-codes" {
            (token(&session.ticket.form_token()))
            (username(session.user()))
            (input(&Input { id: "factor-current", name: "current", label: "Password", kind: "password", complete: "current-password",
                longest: LONGEST, ..Default::default() }))
            (input(&Input { id: "factor-code", name: "code", label: "Code from your app, or a recovery code", kind: "text",
                complete: "one-time-code", error, longest: LONGEST_CODE, ..Default::default() }))
            div.buttons {
                button.second type="submit" { "Make new recovery codes" }
                button.danger type="submit" formaction="/account/second-factor/off" { "Switch it off" }
            }
        }
    }
}

pub async fn show(web: Web, call: Call) -> Answer {
    let account = own_account(&web, call.session()?).await?;
    if account.totp_sealed.is_some() || account.password.is_none() {
        return Ok(see_other("/account"));
    }
    set_up(&web, &call, &Seed::fresh(), StatusCode::OK, None)
}

fn set_up(web: &Web, call: &Call, seed: &Seed, status: StatusCode, wrong: Option<&Wrong>) -> Answer {
    let session = call.session()?;
    let url = seed.url(session.user(), &call.host);
    let of = |field: &str| wrong.filter(|wrong| wrong.field == field).map(|wrong| wrong.text.as_str());
    let body = html! {
        h1 { "Set up the second factor" }
        @if let Some(wrong) = wrong { (alert(&wrong.text)) }
        section.card {
            h2 { "1. Show it to your app" }
            p { "Any authenticator app will do. Scan the picture, or on the phone itself, " a href=(url) { "open it in the app" } "." }
            (picture(&url))
            p { "Or type the key:" }
            p.key { code { (seed.words()) } }
        }
        section.card {
            h2 { "2. Show that it works" }
            form method="post" action="/account/second-factor" {
                (token(&session.ticket.form_token()))
                (username(session.user()))
                input type="hidden" name="seed" value=(web.wrap(session, seed));
                (input(&Input { id: "code", name: "code", label: "Code from your app", kind: "text", complete: "one-time-code",
                    hint: "Six digits.", error: of("code"), numeric: true, longest: LONGEST_CODE, ..Default::default() }))
                (input(&Input { id: "current", name: "current", label: "Password", kind: "password", complete: "current-password",
                    error: of("current"), longest: LONGEST, ..Default::default() }))
                div.buttons { button type="submit" { "Switch it on" } a href="/account" { "Not now" } }
            }
        }
    };
    let title = if wrong.is_some() { "Error: second factor" } else { "Second factor" };
    Ok((status, page(title, Some(session), &body)).into_response())
}

fn picture(url: &str) -> Markup {
    let Some((path, width)) = qr(url) else { return html! {} };
    html! {
        svg.qr viewBox=(format!("0 0 {width} {width}")) role="img" aria-label="QR code of the key below" shape-rendering="crispEdges" {
            rect width=(width) height=(width) fill="#fff" {}
            path d=(path) fill="#000" {}
        }
    }
}

pub async fn enable(web: Web, call: Call) -> Answer {
    let session = call.session()?;
    let account = own_account(&web, session).await?;
    let Some(seed) = web.unwrap(session, call.fields.get("seed")) else {
        return Err(Trouble::Refused(
            "the key was shown too long ago; open the page again, and scan the new one".to_owned(),
        ));
    };
    let again = |wrong| set_up(&web, &call, &seed, StatusCode::UNPROCESSABLE_ENTITY, Some(&wrong));
    let Some(step) = seed.step_of(call.fields.get("code"), web.0.clock.unix_ms()) else {
        return again(Wrong::new(
            "code",
            "The code is wrong. Look whether your phone's clock is right, and take the newest code.",
        ));
    };
    let Some(this) = web.confirm(&call, &account).await? else {
        return again(Wrong::new("current", "This is not your password."));
    };
    web.confirmed(&this);
    let codes = recovery::fresh();
    let enable = EnableTotp {
        user: account.name.clone(),
        sealed: web.seal(&account.name, &seed),
        step,
        codes: codes.iter().map(|code| recovery::hash(&account.name, code)).collect(),
        session: session.hash().to_owned(),
    };
    web.0.store.write(enable).await?;
    Ok(paper(session, "The second factor is on", &codes))
}

pub async fn renew(web: Web, call: Call) -> Answer {
    let session = call.session()?;
    let account = own_account(&web, session).await?;
    let (shown, this) = match shown(&web, &call, &account).await? {
        Ok(shown) => shown,
        Err(wrong) => return whole(&web, &call, StatusCode::UNPROCESSABLE_ENTITY, None, Some(wrong)).await,
    };
    let codes = recovery::fresh();
    let hashes = codes.iter().map(|code| recovery::hash(&account.name, code)).collect();
    match web.0.store.write(RenewCodes { user: account.name.clone(), shown, codes: hashes }).await {
        Err(StoreError::Refused(why)) => refused(&web, &call, &why).await,
        other => {
            other?;
            web.confirmed(&this);
            Ok(paper(session, "New recovery codes", &codes))
        }
    }
}

pub async fn disable(web: Web, call: Call) -> Answer {
    let account = own_account(&web, call.session()?).await?;
    let (shown, this) = match shown(&web, &call, &account).await? {
        Ok(shown) => shown,
        Err(wrong) => return whole(&web, &call, StatusCode::UNPROCESSABLE_ENTITY, None, Some(wrong)).await,
    };
    match web.0.store.write(DisableTotp { user: account.name, shown }).await {
        Err(StoreError::Refused(why)) => refused(&web, &call, &why).await,
        other => {
            other?;
            web.confirmed(&this);
            Ok(see_other("/account?done=off"))
        }
    }
}

async fn refused(web: &Web, call: &Call, why: &str) -> Answer {
    let wrong = Wrong::new("code", sentence(why));
    whole(web, call, StatusCode::UNPROCESSABLE_ENTITY, None, Some(wrong)).await
}

/// Password and second factor, once more. The try is done when the factor is used up.
async fn shown(web: &Web, call: &Call, account: &Account) -> Result<Result<(Factor, Try), Wrong>, Trouble> {
    const WRONG: &str = "The password or the code is wrong.";
    let Some(sealed) = &account.totp_sealed else {
        return Err(Trouble::Refused("there is no second factor".to_owned()));
    };
    let Some(this) = web.confirm(call, account).await? else { return Ok(Err(Wrong::new("code", WRONG))) };
    match web.factor(&account.name, sealed, call.fields.get("code")) {
        Ok(factor) => Ok(Ok((factor, this))),
        Err(Unshown::Wrong) => Ok(Err(Wrong::new("code", WRONG))),
        Err(unreadable) => Err(unreadable.into()),
    }
}

/// Shown once: nobody but their reader will know them.
fn paper(session: &Session, title: &str, codes: &[String]) -> Response {
    let body = html! {
        h1 { (title) }
        section.card {
            h2 { "Recovery codes" }
            p { "Write them down, or print this page, and keep them away from your phone. Each lets you sign in once without it. "
                strong { "They are not shown again." } }
            ol.codes { @for code in codes { li { code { (code) } } } }
            p { a.button href="/account" { "I have them" } }
        }
    };
    page(title, Some(session), &body).into_response()
}

impl Web {
    /// A seed that is shown and not yet confirmed travels in the form, readable by us alone, for this session and some minutes.
    fn wrap(&self, session: &Session, seed: &Seed) -> String {
        let until = self.0.clock.unix_ms() + SHOWN_FOR_MS;
        hex(&self.0.seal.seal(&enrolment(session), &[&until.to_be_bytes(), seed.reveal()].concat()))
    }

    fn unwrap(&self, session: &Session, text: &str) -> Option<Seed> {
        let plain = self.0.seal.open_sealed(&enrolment(session), &unhex(text)?)?;
        let (until, seed) = plain.split_first_chunk()?;
        let in_time = i64::from_be_bytes(*until) > self.0.clock.unix_ms();
        if in_time { Seed::read(seed) } else { None }
    }
}

fn enrolment(session: &Session) -> String {
    format!("enrolment of {} in {}", session.user(), session.hash())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some((digit(*pair.first()?)? * 16 + digit(*pair.get(1)?)?) as u8)).collect()
}
