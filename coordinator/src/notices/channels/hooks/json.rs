//! Our own shape, signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::json;

use super::Headers;
use crate::notices::channels::SendError;
use crate::notices::channels::failure::set_up;
use crate::notices::{Message, Mood};

/// Secrets of Standard Webhooks say so, and are base64 behind it.
const PREFIX: &str = "whsec_";

/// `at`: unix seconds, of this try.
pub fn request(message: &Message, secret: Option<&str>, at: u64) -> Result<(String, Headers), SendError> {
    let body = body(message);
    let mut headers = vec![("webhook-id", message.id.clone()), ("webhook-timestamp", at.to_string())];
    if let Some(secret) = secret {
        headers.push(("webhook-signature", signature(&key(secret)?, &message.id, at, &body)));
    }
    Ok((body, headers))
}

fn body(message: &Message) -> String {
    let happened = jiff::Timestamp::from_millisecond(message.at_ms).unwrap_or_default();
    let table = message.table.as_ref().map(|table| json!({ "head": table.head, "rows": table.rows }));
    let body = json!({
        "id": message.id,
        "type": message.event,
        "timestamp": happened.to_string(),
        "data": {
            "trouble": message.mood == Mood::Trouble,
            "title": message.title,
            "lines": message.lines,
            "table": table,
            "link": message.link,
            "facts": message.facts,
        },
    });
    body.to_string()
}

fn key(secret: &str) -> Result<Vec<u8>, SendError> {
    match secret.strip_prefix(PREFIX) {
        None => Ok(secret.as_bytes().to_vec()),
        Some(coded) => STANDARD
            .decode(coded)
            .map_err(|_| set_up("the hook's secret begins with whsec_ and is no base64 behind it")),
    }
}

fn signature(key: &[u8], id: &str, at: u64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let tag = hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_cannot_be_read_is_told_without_it() {
        let error = key("whsec_???").unwrap_err().to_string();
        assert!(!error.contains("???"), "{error}");
    }
}
