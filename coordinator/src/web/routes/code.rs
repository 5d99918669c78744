//! The second factor, after the password.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::html;

use crate::store::StoreError;
use crate::store::web::{Account, Factor, Proof, account};
use crate::web::Web;
use crate::web::call::{Answer, Call};
use crate::web::layout::{Input, alert, input, page, see_other, token};
use crate::web::pending::Pending;
use crate::web::recovery;
use crate::web::ticket::Ticket;
use crate::web::totp::Seed;
use crate::web::tries::Try;
use crate::web::trouble::{Trouble, sentence};

/// More than any code has, however it is grouped.
pub const LONGEST_CODE: usize = 40;

pub async fn show(web: Web, call: Call) -> Answer {
    let Some((ticket, pending)) = owing(&web, &call) else { return Ok(see_other("/sign-in?why=late")) };
    Ok(form(&ticket, &pending, StatusCode::OK, None))
}

/// Who has shown the password with this browser.
fn owing(web: &Web, call: &Call) -> Option<(Ticket, Pending)> {
    let ticket = call.form_ticket.clone()?;
    let pending = web.0.pending.of(web.0.clock.now(), &ticket)?;
    Some((ticket, pending))
}

fn form(ticket: &Ticket, pending: &Pending, status: StatusCode, error: Option<&str>) -> Response {
    let form_token = ticket.form_token();
    let body = html! {
        h1 { "Second factor" }
        @if let Some(error) = error { (alert(error)) }
        form.card method="post" action="/sign-in/code" {
            (token(&form_token))
            p { "Signing in as " strong { (pending.user) } "." }
            (input(&Input { id: "code", name: "code", label: "Code from your app", kind: "text", complete: "one-time-code",
                hint: "Six digits, new every thirty seconds.", focus: true, numeric: true, longest: LONGEST_CODE, ..Default::default() }))
            button type="submit" { "Go on" }
        }
        details {
            summary { "Your phone is not at hand?" }
            form method="post" action="/sign-in/code" {
                (token(&form_token))
                (input(&Input { id: "recovery", name: "code", label: "Recovery code", kind: "text", complete: "off",
                    hint: "One of the ten that you wrote down. Each works once.", longest: LONGEST_CODE, ..Default::default() }))
                button.second type="submit" { "Use it" }
            }
            p { "Without those, an administrator can reset your second factor: "
                code { "sweep users reset-2fa " (pending.user) } "." }
        }
        p { a href="/sign-in" { "Sign in as somebody else" } }
    };
    let title = if error.is_some() { "Error: second factor" } else { "Second factor" };
    (status, page(title, None, &body)).into_response()
}

pub async fn submit(web: Web, call: Call) -> Answer {
    let Some((ticket, pending)) = owing(&web, &call) else { return Ok(see_other("/sign-in?why=late")) };
    let code = call.fields.get("code").trim();
    if code.is_empty() || code.len() > LONGEST_CODE {
        return Ok(form(&ticket, &pending, StatusCode::UNPROCESSABLE_ENTITY, Some("Enter a code.")));
    }
    let this = web.begin_try(&call, &pending.user).await?;
    let shown = web.factor(&pending.user, &pending.sealed, code);
    let begun = match shown {
        Err(Unshown::Wrong) => Err("the code is wrong; look whether your phone's clock is right".to_owned()),
        Err(Unshown::Unreadable) => Err(UNREADABLE.to_owned()),
        Ok(factor) => {
            let proof = Proof::Both { phc: pending.phc.clone(), factor };
            let (answer, from) = (see_other(&pending.next), (call.peer, call.session.as_ref()));
            match web.begin(&pending.user, proof, from, answer).await {
                Err(StoreError::Refused(why)) => Err(why),
                begun => Ok(begun?),
            }
        }
    };
    match begun {
        Ok(answer) => {
            web.0.pending.end(&ticket);
            web.0.tries.done(web.0.clock.now(), &this);
            Ok(answer)
        }
        Err(why) => {
            let account = account(&web.0.store, &pending.user).await?;
            web.note_failed(account.as_ref(), &call, "wrong second factor");
            Ok(form(&ticket, &pending, StatusCode::FORBIDDEN, Some(&sentence(&why))))
        }
    }
}

const UNREADABLE: &str = "the coordinator cannot read your second factor any more (its seal.key is not the one it was set up with); \
     use a recovery code, or ask an administrator to reset it";

/// Why what was typed is no second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unshown {
    Wrong,
    /// The seed cannot be unsealed.
    Unreadable,
}

impl From<Unshown> for Trouble {
    fn from(why: Unshown) -> Self {
        match why {
            Unshown::Wrong => Self::Refused("the code is wrong".to_owned()),
            Unshown::Unreadable => Self::Refused(UNREADABLE.to_owned()),
        }
    }
}

impl Web {
    /// What was typed, as a second factor: six digits are a code of the app's, anything else is from paper. Whether the latter is
    /// right is known when it is used up.
    pub(in crate::web) fn factor(&self, user: &str, sealed: &[u8], typed: &str) -> Result<Factor, Unshown> {
        let compact: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        if compact.len() != 6 || !compact.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Factor::Code { hash: recovery::hash(user, typed) });
        }
        let Some(seed) = self.unseal(user, sealed) else {
            tracing::error!(
                user,
                "the second factor cannot be unsealed: SWEEP_HOME/seal.key is not the one it was sealed with"
            );
            return Err(Unshown::Unreadable);
        };
        let step = seed.step_of(&compact, self.0.clock.unix_ms()).ok_or(Unshown::Wrong)?;
        Ok(Factor::Step { sealed: sealed.to_vec(), step })
    }

    fn unseal(&self, user: &str, sealed: &[u8]) -> Option<Seed> {
        Seed::read(&self.0.seal.open_sealed(&purpose(user), sealed)?)
    }

    /// As the database keeps it.
    pub(in crate::web) fn seal(&self, user: &str, seed: &Seed) -> Vec<u8> {
        self.0.seal.seal(&purpose(user), seed.reveal())
    }

    /// The password once more, before something grave. Users who have none, and came by a link, have nothing to say. The answer is
    /// the try, to be told as done once everything else was right, too; `None`: it is not the password.
    pub(in crate::web) async fn confirm(&self, call: &Call, account: &Account) -> Result<Option<Try>, Trouble> {
        let this = Try::again(&account.name, call.peer.address);
        self.0.tries.begin(self.0.clock.now(), &this).map_err(Trouble::Wait)?;
        let Some(phc) = account.password.clone() else { return Ok(Some(this)) };
        let right = self.0.passwords.verify(call.fields.get("current").to_owned(), Some(phc)).await?;
        Ok(right.then_some(this))
    }

    pub(in crate::web) fn confirmed(&self, this: &Try) {
        self.0.tries.done(self.0.clock.now(), this);
    }
}

fn purpose(user: &str) -> String {
    format!("second factor of {user}")
}
