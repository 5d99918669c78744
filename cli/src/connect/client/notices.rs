//! What people are told.

use sweep_shared::wire::v1;

use super::Client;
use crate::answer::{Notice, TriedNotice};
use crate::exit::Outcome;

impl Client {
    /// The newest first; `waiting`: only those that still wait.
    pub async fn notices(&mut self, limit: u32, waiting: bool) -> Outcome<Vec<Notice>> {
        let reply = self.sweeps.notices(v1::NoticesRequest { limit, waiting }).await?.into_inner();
        Ok(reply.copies.into_iter().map(Notice::from).collect())
    }

    /// Sends these (channel, address) a notice; none: all whom the settings name.
    pub async fn test_notice(&mut self, to: Vec<(String, String)>) -> Outcome<Vec<TriedNotice>> {
        let to = to.into_iter().map(|(channel, address)| v1::NoticeAddress { channel, address }).collect();
        let reply = self.sweeps.test_notice(v1::TestNoticeRequest { to }).await?.into_inner();
        Ok(reply.tried.into_iter().map(TriedNotice::from).collect())
    }
}
