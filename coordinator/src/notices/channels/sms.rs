//! Text messages, by Twilio's API and by those that speak it too.

use reqwest::Url;
use serde_json::Value;

use super::clean::words;
use super::failure::{later, never};
use super::http::{Http, Target, confidential};
use super::short::{Room, compose, parts};
use super::{SendError, Sent, secret};
use crate::notices::{Message, Sms};

pub async fn send(http: &Http, sms: &Sms, message: &Message, to: &str) -> Result<Sent, SendError> {
    if !is_number(to) {
        return Err(never(format!(
            "`{to}` is no telephone number: it begins with + and the country's code, like +15550100"
        )));
    }
    let name = "the SMS service";
    let token = secret::read(&sms.token_file, "the SMS service's token").await?;
    let target = Target { url: confidential(&sms.url, name)?, name: name.to_owned(), secrets: vec![token.text()] };
    let text = compose(message, Room::TEXT);
    // One notice to two people is two messages.
    let key = format!("{}/{to}", message.id);
    let request = http
        .post(&target)
        .basic_auth(&sms.account, Some(token.text()))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Idempotency-Key", &key)
        .header("I-Twilio-Idempotency-Token", &key)
        .body(form(&[("From", &sms.from), ("To", to), ("Body", &text)]));
    let answer = http.ask(&target, request).await?;
    if !answer.status.is_success() {
        return Err(answer.refusal(&target));
    }
    // A service that took it says so in JSON. Anything else is a sign-in page of some network, or an error in a friendly tone.
    let Some(Value::Object(said)) = answer.json() else {
        return Err(later(format!("the SMS service answered what it never should: {}", answer.words(&target))));
    };
    let failed = |key: &str| said.get(key).is_some_and(|value| !value.is_null());
    let status = said.get("status").and_then(Value::as_str).unwrap_or_default();
    if failed("error_code") || matches!(status, "failed" | "undelivered" | "canceled") {
        return Err(never(format!("the SMS service did not take it: {}", answer.words(&target))));
    }
    let id = said.get("sid").and_then(Value::as_str).unwrap_or("without an id");
    // Each part is billed.
    let parts = parts(&text);
    Ok(Sent { answer: words(&format!("{} {status} {id}, {parts} part(s)", answer.status.as_str()), &target.secrets) })
}

/// E.164.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (5..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0')
}

/// As a browser sends a form.
fn form(fields: &[(&str, &str)]) -> String {
    let mut url = Url::parse("form:").expect("it is one");
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_written_as_browsers_write_them() {
        let written = form(&[("To", "+15550100"), ("Body", "93.1 % & é\n#1")]);
        assert_eq!(written, "To=%2B15550100&Body=93.1+%25+%26+%C3%A9%0A%231");
    }

    #[test]
    fn numbers_are_international() {
        for (text, is) in
            [("+15550100", true), ("15550100", false), ("+1 555", false), ("+015550100", false), ("+", false)]
        {
            assert_eq!(is_number(text), is, "{text}");
        }
    }
}
