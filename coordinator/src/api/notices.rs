//! What people are told: the outbox, and a notice to try the ways out.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use sweep_shared::notices::{phone, wrong_email};
use sweep_shared::wire::v1;
use tonic::{Request, Status};

use super::{Api, caller};
use crate::notices::channels::{Address, SendError};
use crate::notices::{Courier, Message};
use crate::store::notices::CopyRow;

/// Copies in one answer.
const MOST: u32 = 1000;
/// Addresses that are tried at once.
const MOST_TRIED: usize = 50;
/// Whoever tries it waits for the answer.
const PATIENCE: Duration = Duration::from_secs(45);

pub async fn list(api: &Api, request: &v1::NoticesRequest) -> Result<v1::NoticesReply, Status> {
    let limit = if request.limit == 0 { MOST } else { request.limit.min(MOST) };
    let copies = api.store.copies(request.waiting, limit).await?;
    Ok(v1::NoticesReply { copies: copies.into_iter().map(copy).collect() })
}

fn copy(row: CopyRow) -> v1::NoticeCopy {
    v1::NoticeCopy {
        id: row.id(),
        to: Some(wire(&row.copy.to)),
        occasion: row.occasion,
        title: row.title,
        sweep: row.sweep.map_or(0, |sweep| sweep.0),
        at_ms: row.at_ms,
        state: row.state,
        tries: row.tries,
        not_before_ms: row.not_before_ms,
        changed_ms: row.changed_ms,
        answer: row.answer,
        into: row.into.map_or(0, |notice| notice.0),
    }
}

fn wire(to: &Address) -> v1::NoticeAddress {
    v1::NoticeAddress { channel: to.channel().to_owned(), address: to.name().to_owned() }
}

pub async fn test(api: &Api, request: Request<v1::TestNoticeRequest>) -> Result<v1::TestNoticeReply, Status> {
    let who = caller::of(&request)?.name;
    let to = request.into_inner().to;
    let Some(courier) = &api.notices.courier else {
        return Err(Status::failed_precondition(
            "this coordinator lives for this command only, and tells nobody; try it where `sweep serve` runs",
        ));
    };
    let to = if to.is_empty() { api.notices.rules.everybody() } else { named(to)? };
    if to.is_empty() {
        return Err(Status::failed_precondition(
            "nobody is to be told: `[notify.to]` in sweep.toml names no address; name one with --to",
        ));
    }
    let message = message(api, &who);
    let tried = join_all(to.iter().map(|to| attempt(&**courier, &message, to))).await;
    Ok(v1::TestNoticeReply { tried })
}

/// Those of the request, each once.
fn named(to: Vec<v1::NoticeAddress>) -> Result<Vec<Address>, Status> {
    if to.len() > MOST_TRIED {
        return Err(Status::invalid_argument(format!("more than {MOST_TRIED} addresses")));
    }
    let all: BTreeSet<Address> = to.into_iter().map(address).collect::<Result<_, _>>()?;
    Ok(all.into_iter().collect())
}

fn address(to: v1::NoticeAddress) -> Result<Address, Status> {
    let v1::NoticeAddress { channel, address } = to;
    let wrong = |why: &str| Status::invalid_argument(format!("{address:?}: {why}"));
    if channel == "email" || channel == "sms" && address.contains('@') {
        if let Some(why) = wrong_email(&address) {
            return Err(wrong(why));
        }
    } else if channel == "sms" {
        let number = phone(&address).map_err(wrong)?;
        return Ok(Address::Sms(number));
    }
    let found = Address::new(&channel, address.clone());
    found.ok_or_else(|| wrong(&format!("{channel:?} is not one of email, sms and webhook")))
}

fn message(api: &Api, who: &str) -> Message {
    let at_ms = api.clock.unix_ms();
    Message {
        // No notice of the outbox is called so.
        id: format!("test{at_ms}@{}", api.notices.page.rsplit('/').next().unwrap_or("sweep").replace(':', ".")),
        at_ms,
        event: "test".to_owned(),
        title: "A test of sweep's notices".to_owned(),
        lines: vec![
            "If you read this, what happens here while you are away will reach you.".to_owned(),
            format!("{who} asked for it; there is nothing to do."),
        ],
        link: Some(api.notices.page.clone()).filter(|page| !page.is_empty()),
        facts: serde_json::json!({ "test": true }),
        ..Message::default()
    }
}

async fn attempt(courier: &dyn Courier, message: &Message, to: &Address) -> v1::TriedNotice {
    let answer = match tokio::time::timeout(PATIENCE, courier.carry(message, to)).await {
        Ok(answer) => answer,
        Err(_) => Err(SendError::Later { why: format!("no answer within {} s", PATIENCE.as_secs()), after: None }),
    };
    let to = Some(wire(to));
    match answer {
        Ok(sent) => v1::TriedNotice { to, sent: true, answer: sent.answer, later: false },
        Err(SendError::Later { why, .. }) => v1::TriedNotice { to, sent: false, answer: why, later: true },
        Err(SendError::Never { why }) => v1::TriedNotice { to, sent: false, answer: why, later: false },
    }
}
