//! A user's own sessions: where they are, and their end.

use http::header;
use maud::{Markup, html};

use crate::store::web::{EndSessions, OwnSession, Which};
use crate::web::Web;
use crate::web::call::{Answer, Call};
use crate::web::cookies::Cookie;
use crate::web::layout::{see_other, time, token};
use crate::web::place::words;
use crate::web::session::Session;
use crate::web::trouble::Trouble;

pub async fn end(web: Web, call: Call) -> Answer {
    let session = call.session()?;
    let hash = call.fields.get("session");
    if hash.len() != 64 {
        return Err(Trouble::BadForm("no session is named".to_owned()));
    }
    let which = Which::One(hash.to_owned());
    let end = EndSessions { user: session.user().to_owned(), account: session.has_account(), which };
    web.0.store.write(end).await?;
    if hash == session.hash() {
        let mut answer = see_other("/sign-in?why=out");
        answer.headers_mut().append(header::SET_COOKIE, Cookie::Session.clear(call.peer.tls));
        return Ok(answer);
    }
    Ok(see_other("/account?done=ended"))
}

pub async fn end_others(web: Web, call: Call) -> Answer {
    let session = call.session()?;
    let which = Which::AllBut(session.hash().to_owned());
    web.0.store.write(EndSessions { user: session.user().to_owned(), account: session.has_account(), which }).await?;
    Ok(see_other("/account?done=ended"))
}

/// The list, as the account's page shows it.
pub fn list(session: &Session, sessions: &[OwnSession]) -> Markup {
    let form_token = session.ticket.form_token();
    html! {
        section.card aria-labelledby="sessions" {
            h2 id="sessions" { "Where you are signed in" }
            ul.sessions {
                @for other in sessions {
                    @let own = other.hash == session.hash();
                    li {
                        div {
                            p { strong { (words(&other.place)) } @if own { " " span.role { "this one" } } }
                            p.hint { "since " (time(other.created_ms)) ", last used " (time(other.seen_ms)) }
                        }
                        form method="post" action="/account/sessions/end" {
                            (token(&form_token))
                            input type="hidden" name="session" value=(other.hash);
                            button.quiet type="submit" aria-label=(format!("End the session from {}", words(&other.place))) { "End" }
                        }
                    }
                }
            }
            @if sessions.len() > 1 {
                form method="post" action="/account/sessions/end-others" {
                    (token(&form_token))
                    button.second type="submit" { "End all others" }
                }
            }
        }
    }
}
