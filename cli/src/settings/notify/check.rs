//! Single values of `[notify]`: what each may be, and what is said where it is not.

use std::collections::BTreeSet;

use sweep_coordinator::notices::{Security, Shape};
use sweep_shared::notices::{self, Occasion, wrong_email};
use sweep_shared::plan::{listed, nearest};

use super::{Failure, Outcome};
use crate::settings::mistakes;

/// A mistake in a setting of the file.
pub fn wrong(setting: &str, why: &str) -> Failure {
    Failure::usage(format!("{setting} (sweep.toml): {why}")).hint(mistakes::HELP)
}

pub fn email(setting: &str, text: &str) -> Outcome<String> {
    match wrong_email(text) {
        Some(why) => Err(wrong(setting, &format!("{text:?} is no address for mail: {why}"))),
        None => Ok(text.to_owned()),
    }
}

/// A number, or the address of a gateway that makes text messages of mail.
pub fn phone(setting: &str, text: &str) -> Outcome<String> {
    if text.contains('@') {
        return email(setting, text);
    }
    notices::phone(text).map_err(|why| wrong(setting, &format!("{text:?} is no phone number: {why}")))
}

/// `sweep <sweep@example.org>`, or the address alone.
pub fn sender(setting: &str, text: &str) -> Outcome<String> {
    let address = match text.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>').unwrap_or(""),
        None => text,
    };
    email(setting, address.trim())?;
    Ok(text.to_owned())
}

/// `https://…`, or `http://` to try things on this machine; the whole of it is not shown, as it may be a secret.
pub fn url(setting: &str, text: &str) -> Outcome<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    if host.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(wrong(setting, "expected an address that begins with https:// and has no spaces"));
    }
    Ok(text.to_owned())
}

/// Of an address, what is no secret: `https://hooks.example.org/…`.
pub fn host(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "…".to_owned() };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit('@').next().unwrap_or_default().split(['?', '#']).next().unwrap_or_default();
    if path.is_empty() { format!("{scheme}://{host}") } else { format!("{scheme}://{host}/…") }
}

pub fn number(setting: &str, port: u16) -> Outcome<()> {
    if port == 0 { Err(wrong(setting, "0 is no port")) } else { Ok(()) }
}

pub fn occasions(setting: &str, words: &[String]) -> Outcome<BTreeSet<Occasion>> {
    let of = |word: &String| {
        word.parse::<Occasion>().map_err(|_| {
            let all = Occasion::ALL.map(Occasion::as_str);
            let near = nearest(word, all).map_or_else(|| ".".to_owned(), |near| format!("; did you mean {near:?}?"));
            wrong(
                setting,
                &format!(
                    "{word:?} is nothing that people are told of{near} There are {}",
                    listed(all).replace(" or ", " and ")
                ),
            )
        })
    };
    words.iter().map(of).collect()
}

const SECURITY: [(&str, Security); 3] =
    [("starttls", Security::StartTls), ("tls", Security::Tls), ("off", Security::Off)];

pub fn security(word: &str) -> Outcome<Security> {
    pick("notify.smtp.security", word, &SECURITY)
}

pub fn security_word(security: Security) -> &'static str {
    SECURITY.iter().find(|(_, known)| *known == security).map_or("", |(word, _)| word)
}

const SHAPES: [(&str, Shape); 4] =
    [("json", Shape::Json), ("slack", Shape::Slack), ("discord", Shape::Discord), ("ntfy", Shape::Ntfy)];

pub fn shape(hook: &str, word: &str) -> Outcome<Shape> {
    pick(&format!("{hook}.shape"), word, &SHAPES)
}

pub fn shape_word(shape: Shape) -> &'static str {
    SHAPES.iter().find(|(_, known)| *known == shape).map_or("", |(word, _)| word)
}

fn pick<T: Copy>(setting: &str, word: &str, all: &[(&'static str, T)]) -> Outcome<T> {
    let found = all.iter().find(|(known, _)| *known == word).map(|(_, value)| *value);
    let words = || all.iter().map(|(word, _)| *word);
    found.ok_or_else(|| wrong(setting, &format!("{word:?} is not one of {}", words().collect::<Vec<_>>().join(", "))))
}
