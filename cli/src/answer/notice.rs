//! Notices: what people were told, and how a try to tell them went.

use std::time::SystemTime;

use sweep_shared::ids::SweepId;
use sweep_shared::wire::v1;

use super::instant;

/// A notice, as one address gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// As receivers know it: `n42@3f9c…`.
    pub id: String,
    pub channel: String,
    pub address: String,
    pub occasion: String,
    /// Empty: not put into words yet.
    pub title: String,
    pub sweep: Option<SweepId>,
    pub at: Option<SystemTime>,
    /// `queued`, `sent`, `failed`, `folded`.
    pub state: String,
    pub tries: u32,
    pub not_before: Option<SystemTime>,
    pub changed: Option<SystemTime>,
    pub answer: String,
    /// The number of the notice that it was told within.
    pub into: Option<i64>,
}

impl From<v1::NoticeCopy> for Notice {
    fn from(copy: v1::NoticeCopy) -> Self {
        let to = copy.to.unwrap_or_default();
        Self {
            id: copy.id,
            channel: to.channel,
            address: to.address,
            occasion: copy.occasion,
            title: copy.title,
            sweep: Some(copy.sweep).filter(|id| *id > 0).map(SweepId),
            at: instant(copy.at_ms),
            state: copy.state,
            tries: copy.tries,
            not_before: instant(copy.not_before_ms),
            changed: instant(copy.changed_ms),
            answer: copy.answer,
            into: Some(copy.into).filter(|id| *id > 0),
        }
    }
}

/// How it went to send somebody a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriedNotice {
    pub channel: String,
    pub address: String,
    pub sent: bool,
    pub answer: String,
    /// Not sent, but another try may help.
    pub later: bool,
}

impl From<v1::TriedNotice> for TriedNotice {
    fn from(tried: v1::TriedNotice) -> Self {
        let v1::NoticeAddress { channel, address } = tried.to.unwrap_or_default();
        Self { channel, address, sent: tried.sent, answer: tried.answer, later: tried.later }
    }
}
