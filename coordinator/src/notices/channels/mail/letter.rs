//! A message as RFC 5322 and MIME want it.

use std::time::{Duration, UNIX_EPOCH};

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MessageBuilder, MultiPart, SinglePart};

use super::super::SendError;
use super::super::failure::{never, set_up};
use super::{html, text};
use crate::notices::Message;

/// By which the HTML finds the picture beside it.
pub const PICTURE: &str = "pareto@sweep";

/// Ready to be sent: for whom, and every byte of it.
#[derive(Debug)]
pub struct Letter {
    pub envelope: Envelope,
    pub bytes: Vec<u8>,
}

impl Letter {
    /// Text, HTML, and the picture (a PNG file, and how wide it is shown) within the HTML.
    pub fn whole(message: &Message, from: &str, to: &str, picture: Option<(Vec<u8>, u32)>) -> Result<Self, SendError> {
        let page = SinglePart::html(html::html(message, picture.as_ref().map(|(_, width)| *width)));
        let plain = MultiPart::alternative().singlepart(SinglePart::plain(text::text(message)));
        let body = match picture {
            None => plain.singlepart(page),
            Some((file, _)) => {
                let png = ContentType::parse("image/png").expect("it is one");
                let inline = Attachment::new_inline_with_name(PICTURE.to_owned(), "pareto.png".to_owned());
                plain.multipart(MultiPart::related().singlepart(page).singlepart(inline.body(file, png)))
            }
        };
        let built = head(message, from, to)?.subject(&message.title).multipart(body);
        Self::of(built)
    }

    /// For a gateway: what it sends on, and nothing else.
    pub fn short(message: &Message, from: &str, to: &str, text: String) -> Result<Self, SendError> {
        Self::of(head(message, from, to)?.subject("sweep").singlepart(SinglePart::plain(text)))
    }

    /// All but addresses has been written in ASCII.
    pub fn is_ascii(&self) -> bool {
        self.bytes.is_ascii()
    }

    fn of(built: Result<lettre::Message, lettre::error::Error>) -> Result<Self, SendError> {
        let built = built.map_err(|error| never(format!("no letter can be made of it: {error}")))?;
        Ok(Self { envelope: built.envelope().clone(), bytes: built.formatted() })
    }
}

fn head(message: &Message, from: &str, to: &str) -> Result<MessageBuilder, SendError> {
    let sender: Mailbox =
        from.parse().map_err(|error| set_up(format!("`{from}` is no sender of mail (notify.smtp.from): {error}")))?;
    let reader: Mailbox = to.parse().map_err(|error| never(format!("`{to}` is no address of mail: {error}")))?;
    // Ids are ASCII.
    let domain = if sender.email.domain().is_ascii() { sender.email.domain() } else { "localhost" }.to_owned();
    let mut head = lettre::Message::builder()
        .message_id(Some(format!("<{}@{domain}>", dotted(&message.id))))
        .date(UNIX_EPOCH + Duration::from_millis(message.at_ms.clamp(0, LAST_MS) as u64))
        .from(sender)
        .to(reader);
    if let Some(thread) = thread(message) {
        // Nobody has ever sent the letter of this name: it only ties those together that are about the same sweep.
        let root = format!("<{thread}@{domain}>");
        head = head.in_reply_to(root.clone()).references(root);
    }
    // Nobody's holiday answers, please.
    let headers = [
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("X-Auto-Response-Suppress", "All".to_owned()),
        ("List-Id", format!("sweep <notices.sweep.{domain}>")),
        ("X-Sweep-Event", message.event.clone()),
        ("X-Sweep-Notice", message.id.clone()),
    ];
    Ok(headers.into_iter().filter(|(_, value)| !value.is_empty()).fold(head, |head, (name, value)| {
        head.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(name), value))
    }))
}

/// 9999-12-31, behind which dates have no form.
const LAST_MS: i64 = 253_402_300_799_000;

/// Ties together what is told of one sweep: `sweep.s3.3f9c`.
fn thread(message: &Message) -> Option<String> {
    let sweep = match message.facts.get("sweep")? {
        serde_json::Value::String(name) => name.clone(),
        serde_json::Value::Number(number) => format!("s{number}"),
        _ => return None,
    };
    let generation = message.id.split_once('@').map_or("", |(_, generation)| generation);
    Some(dotted(&format!("sweep.{sweep}.{generation}")))
}

/// Of that part; it is all ASCII.
const LONGEST: usize = 100;

/// What may stand left of the @ of an id, for certain.
fn dotted(text: &str) -> String {
    let kept = text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '.' });
    let kept: String = kept.collect();
    let parts: Vec<&str> = kept.get(..LONGEST).unwrap_or(&kept).split('.').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "notice".to_owned() } else { parts.join(".") }
}
