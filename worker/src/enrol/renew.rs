//! The next certificate, before the one that is used expires.

use std::time::{Duration, SystemTime};

use sweep_link::{Link, words};
use sweep_shared::wire::v1;
use sweep_shared::wire::v1::access_client::AccessClient;

use super::folder::Folder;
use super::{request, time};
use crate::luck::Luck;

/// Renewed when two thirds of its life are over, or a little later, so that not all agents come at once.
const SHARE: f64 = 2.0 / 3.0;
const JITTER: f64 = 1.0 / 30.0;
/// The clock may be set, and the machine may sleep.
const LOOK_EVERY: Duration = Duration::from_mins(10);
/// After each try.
const AGAIN_AFTER: Duration = Duration::from_mins(1);

/// Connections that are up stay as they are; later ones show the new certificate.
pub async fn keep_renewed(link: Link, folder: Folder) {
    let mut luck = Luck::new();
    while let Some(identity) = link.identity() {
        let due = identity.moment(SHARE + JITTER * luck.share());
        let mut wait = due.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
        while !wait.is_zero() {
            tokio::time::sleep(wait.min(LOOK_EVERY)).await;
            wait = due.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
        }
        match renew(&link, &folder, &identity.name).await {
            Ok(until) => {
                tracing::info!(%until, "the certificate was renewed");
                // However short its life, and whatever the coordinator's clock says: not in a circle.
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            Err(why) => {
                let until = time(identity.not_after);
                tracing::warn!(why, %until, "cannot renew this agent's certificate yet; trying again");
                tokio::time::sleep(AGAIN_AFTER.mul_f64(1.0 + luck.share())).await;
            }
        }
    }
}

/// Until when the new one is valid.
async fn renew(link: &Link, folder: &Folder, agent: &str) -> Result<jiff::Timestamp, String> {
    let key = folder.next_key().map_err(|error| error.to_string())?;
    let signing_request = request::signing_request(&key, agent).map_err(|error| error.to_string())?;
    let ca = match folder.open().map_err(|error| error.to_string())? {
        Some(joined) => joined.ca.fingerprint(),
        None => return Err(format!("{} holds no certificate any more", folder.path().display())),
    };
    let reply = AccessClient::new(link.channel()).renew(v1::RenewRequest { signing_request }).await;
    let reply = reply.map_err(|status| words(&status))?.into_inner();
    let (identity, _) = request::received(&reply, &key, agent, ca)?;
    folder.renewed(&reply.certificate).map_err(|error| error.to_string())?;
    let until = time(identity.not_after);
    link.identify(identity);
    Ok(until)
}
