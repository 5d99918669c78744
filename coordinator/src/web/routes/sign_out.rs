//! Somebody leaves.

use http::{HeaderValue, header};

use crate::store::web::{EndSessions, Which};
use crate::web::Web;
use crate::web::call::{Answer, Call};
use crate::web::cookies::Cookie;
use crate::web::layout::see_other;

pub async fn submit(web: Web, call: Call) -> Answer {
    let session = call.session()?;
    let which = Which::One(session.hash().to_owned());
    let end = EndSessions { user: session.user().to_owned(), account: session.has_account(), which };
    web.0.store.write(end).await?;
    let mut answer = see_other("/sign-in?why=out");
    let headers = answer.headers_mut();
    headers.append(header::SET_COOKIE, Cookie::Session.clear(call.peer.tls));
    // What the browser has kept of pages goes, too.
    headers.append("clear-site-data", HeaderValue::from_static("\"cache\""));
    Ok(answer)
}
