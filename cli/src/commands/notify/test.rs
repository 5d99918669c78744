//! `sweep notify test`.

use serde_json::{Value, json};

use crate::answer::TriedNotice;
use crate::connect::Connection;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whom: an email address, a phone number like +15550100, the name of a web hook; sms:ADDRESS for a gateway; repeatable
    /// [default: everybody whom the settings name]
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
}

pub async fn run(context: &Context, args: Args) -> Outcome {
    let mut connection = Connection::live_or_inside(context).await?;
    let to = args.to.iter().map(|to| address(to)).collect();
    let tried = connection.client.test_notice(to).await;
    connection.close().await;
    let tried = tried?;
    if context.json {
        output::json(&tried.iter().map(object).collect::<Value>())?;
    } else {
        tried.iter().try_for_each(|tried| output::print(&line(tried)))?;
    }
    Ok(if tried.iter().all(|tried| tried.sent) { Exit::Done } else { Exit::FailedJobs })
}

/// Channel and address. What begins with a channel's name and a colon is of that channel.
fn address(text: &str) -> (String, String) {
    if let Some((channel @ ("email" | "sms" | "webhook"), address)) = text.split_once(':') {
        return (channel.to_owned(), address.to_owned());
    }
    let channel = if text.contains('@') {
        "email"
    } else if text.starts_with('+') {
        "sms"
    } else {
        "webhook"
    };
    (channel.to_owned(), text.to_owned())
}

fn line(tried: &TriedNotice) -> String {
    let TriedNotice { channel, address, sent, answer, later } = tried;
    let how = match (sent, later) {
        (true, _) => "sent",
        (false, true) => "not sent, would be tried again",
        (false, false) => "not sent",
    };
    let answer = if answer.is_empty() { String::new() } else { format!(": {answer}") };
    format!("{channel} {address}: {how}{answer}")
}

fn object(tried: &TriedNotice) -> Value {
    let TriedNotice { channel, address, sent, answer, later } = tried;
    json!({ "channel": channel, "address": address, "sent": sent, "answer": answer, "later": later })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_by_its_looks_which_channel_it_is_of() {
        let of = |text: &str| {
            let (channel, address) = address(text);
            format!("{channel} {address}")
        };
        assert_eq!(of("me@x.example"), "email me@x.example");
        assert_eq!(of("+1 555-0100"), "sms +1 555-0100");
        assert_eq!(of("sms:15550100@txt.example"), "sms 15550100@txt.example");
        assert_eq!((of("lab"), of("webhook:a@b")), ("webhook lab".to_owned(), "webhook a@b".to_owned()));
    }

    #[test]
    fn what_the_server_answered_is_told() {
        let tried = |sent, later, answer: &str| TriedNotice {
            channel: "email".to_owned(),
            address: "me@x.example".to_owned(),
            sent,
            answer: answer.to_owned(),
            later,
        };
        assert_eq!(line(&tried(true, false, "250 OK")), "email me@x.example: sent: 250 OK");
        assert_eq!(line(&tried(false, false, "550 no")), "email me@x.example: not sent: 550 no");
        assert!(line(&tried(false, true, "")).ends_with("not sent, would be tried again"));
    }
}
