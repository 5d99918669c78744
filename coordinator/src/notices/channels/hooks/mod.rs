//! Web hooks: one POST in the shape that its server wants.
//!
//! Each shape is a pure function from a message to a body; who signs and who authorizes differs. `json` is ours, after the rules of
//! <https://www.standardwebhooks.com>, for which there are libraries in most languages.

mod discord;
mod json;
mod ntfy;
mod slack;

use std::time::{SystemTime, UNIX_EPOCH};

use super::http::{Answer, Http, Target, any, confidential};
use super::{SendError, Sent, secret};
use crate::notices::{Hook, Message, Shape};

/// Shorter parts of a path are words, as in `/api/webhooks`.
const SHORTEST_SECRET: usize = 9;

pub async fn send(http: &Http, hook: &Hook, message: &Message) -> Result<Sent, SendError> {
    let name = format!("the hook {}", hook.name);
    let secret = match &hook.secret_file {
        Some(path) => Some(secret::read(path, &format!("the secret of {name}")).await?),
        None => None,
    };
    let secret = secret.as_ref().map(secret::Secret::text);
    // Ours is signed, not authorized: nothing on its way lets anybody else in.
    let open = hook.shape == Shape::Json || hook.shape == Shape::Ntfy && secret.is_none();
    let url = if open { any(&hook.url, &name)? } else { confidential(&hook.url, &name)? };
    let path = url.path().to_owned();
    let mut target = Target { url, name, secrets: secret.into_iter().collect() };
    if matches!(hook.shape, Shape::Slack | Shape::Discord) && path.len() > 1 {
        // Whoever knows it may post. Servers repeat all of it, or the part that they do not know.
        target.secrets.push(&path);
        target.secrets.extend(path.split('/').filter(|part| part.len() >= SHORTEST_SECRET));
    }
    let (body, headers) = match hook.shape {
        Shape::Json => json::request(message, secret, now())?,
        Shape::Slack => (slack::body(message), Vec::new()),
        Shape::Discord => {
            // Else the answer comes before the message is there, or is not.
            target.url.query_pairs_mut().append_pair("wait", "true");
            (discord::body(message), Vec::new())
        }
        Shape::Ntfy => ntfy::request(message, secret, &mut target)?,
    };
    let mut request = http.post(&target).header("Content-Type", "application/json");
    request = request.header("Idempotency-Key", &message.id);
    for (header, value) in headers {
        request = request.header(header, value);
    }
    let answer = http.ask(&target, request.body(body)).await?;
    if !answer.status.is_success() {
        return Err(match hook.shape {
            Shape::Discord => discord::refusal(&answer, &target),
            _ => answer.refusal(&target),
        });
    }
    match denial(&answer, hook.shape) {
        None => Ok(answer.taken(&target)),
        Some(Denial::Busy) => Err(super::failure::later(format!("{} answered {}", target.name, answer.words(&target)))),
        Some(Denial::Refused) => {
            Err(super::failure::never(format!("{} answered {}", target.name, answer.words(&target))))
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Denial {
    Busy,
    Refused,
}

/// Servers that say "no" under the status of "yes": Slack's API does, and what is put before a server to sign people in.
fn denial(answer: &Answer, shape: Shape) -> Option<Denial> {
    if shape == Shape::Json {
        // Whoever wrote the other end decides what it answers.
        return None;
    }
    let body = answer.body.trim_start();
    if body.starts_with("<!") || body.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("<html")) {
        return Some(Denial::Busy);
    }
    let said = answer.json()?;
    if said.get("ok") != Some(&serde_json::Value::Bool(false)) {
        return None;
    }
    let busy = said.get("error").and_then(|error| error.as_str()).is_some_and(|error| {
        matches!(error, "ratelimited" | "rate_limited" | "internal_error" | "fatal_error" | "service_unavailable")
    });
    Some(if busy { Denial::Busy } else { Denial::Refused })
}

/// Unix seconds.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

type Headers = Vec<(&'static str, String)>;
