//! What every request passes before a handler sees it.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body::{Frame, SizeHint};
use sweep_shared::wire::ACTOR_HEADER;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;

use super::Access;
use super::live::Stay;
use super::origin::{self, Foreign};
use super::principal::Refusal;
use super::rights::{self, Who};
use crate::net::Peer;

/// What the gate needs to know.
#[derive(Clone)]
pub struct Gate {
    pub access: Access,
}

/// Lets through what may pass, with the caller's [`Principal`] in the request's extensions.
///
/// [`Principal`]: super::Principal
pub async fn pass(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let Some(peer) = request.extensions().get::<Peer>().cloned() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if let Err(foreign) = origin::check(request.headers(), request.uri(), peer.tls) {
        return turn_away(&request, &foreign);
    }
    let Some(who) = rights::rpc(request.uri().path()) else {
        return unknown(&request);
    };
    if who == Who::Open {
        return next.run(request).await;
    }
    let headers = request.headers();
    let actor = text(headers, ACTOR_HEADER).unwrap_or_default();
    let (principal, stay) = match gate.access.enter(&peer, bearer(headers), actor) {
        Ok(entered) => entered,
        Err(refusal) => return refused(&refusal),
    };
    peer.prove();
    if !who.admits(&principal) {
        let role = principal.role();
        let status = Status::permission_denied(format!(
            "this is for {}; {} has the role {role}",
            who.describe(),
            principal.name
        ));
        return status.into_http();
    }
    request.extensions_mut().insert(principal);
    let response = tokio::select! {
        // Uploads, and calls that wait.
        refusal = stay.fallen() => return refused(&refusal),
        response = next.run(request) => response,
    };
    response.map(|body| Body::new(Held::new(body, stay)))
}

/// The token that a request shows. A header that is none of ours counts as a wrong token, not as none.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?;
    let bearer = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
    Some(bearer.map_or("", str::trim))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn refused(refusal: &Refusal) -> Response {
    Status::unauthenticated(refusal.to_string()).into_http()
}

fn is_grpc(request: &Request) -> bool {
    text(request.headers(), "content-type").is_some_and(|kind| kind.starts_with("application/grpc"))
}

fn turn_away(request: &Request, foreign: &Foreign) -> Response {
    if is_grpc(request) {
        return Status::permission_denied(foreign.to_string()).into_http();
    }
    (StatusCode::FORBIDDEN, format!("{foreign}\n")).into_response()
}

fn unknown(request: &Request) -> Response {
    if is_grpc(request) {
        let path = request.uri().path();
        return Status::unimplemented(format!("this coordinator has no procedure {path}; is it an older version?"))
            .into_http();
    }
    crate::web::not_found()
}

/// An answer that ends when what its request showed no longer stands.
struct Held {
    body: Body,
    fallen: Pin<Box<WaitForCancellationFutureOwned>>,
    stay: Stay,
    over: bool,
}

impl Held {
    fn new(body: Body, stay: Stay) -> Self {
        let signal: CancellationToken = stay.signal();
        Self { body, fallen: Box::pin(signal.cancelled_owned()), stay, over: false }
    }
}

impl http_body::Body for Held {
    type Data = axum::body::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if self.over {
            return Poll::Ready(None);
        }
        if self.fallen.as_mut().poll(context).is_ready() {
            self.over = true;
            // Its handler hears of it by this.
            self.body = Body::empty();
            return Poll::Ready(Some(Ok(Frame::trailers(goodbye(&self.stay.why())))));
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// How a call of gRPC ends that had begun to answer.
fn goodbye(refusal: &Refusal) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    if Status::unauthenticated(refusal.to_string()).add_header(&mut trailers).is_err() {
        trailers.insert("grpc-status", HeaderValue::from(tonic::Code::Unauthenticated as i32));
    }
    trailers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_bearer_form_is_a_token_and_other_forms_are_wrong_ones() {
        let shown = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(shown("Bearer abc").as_deref(), Some("abc"));
        for wrong in ["bearer abc", "Basic abc", "abc", ""] {
            assert_eq!(shown(wrong).as_deref(), Some(""), "{wrong}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
