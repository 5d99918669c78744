//! Whether somebody may change what a page is about: the same rules as for calls.

use sweep_shared::access::Role;
use sweep_shared::ids::{JobId, SweepId};

use super::live;
use super::session::Session;
use super::trouble::Trouble;
use crate::api::Api;
use crate::store::{StoreError, Target, read};

/// `place`: what stands where the page's path has `{sweep}`, `{job}`, `{agent}`. Of pages about nothing that one could change: no.
pub async fn change(api: &Api, session: &Session, place: &[(String, String)]) -> Result<bool, Trouble> {
    let Some(target) = target(place)? else {
        let of_agent = place.iter().any(|(name, _)| name == "agent");
        return Ok(of_agent && session.role().covers(Role::Admin));
    };
    let (_, owner) = match read::owner_of(&api.store, target).await {
        Err(StoreError::Unknown(_)) => return Err(Trouble::NotFound),
        found => found?,
    };
    Ok(session.principal().may_change(&owner))
}

/// The sweep or job that a path names.
pub fn target(place: &[(String, String)]) -> Result<Option<Target>, Trouble> {
    let number = |text: &str| live::number(text).ok_or(Trouble::NotFound);
    for (name, value) in place {
        match name.as_str() {
            "sweep" => return Ok(Some(Target::Sweep(SweepId(number(value)?)))),
            "job" => return Ok(Some(Target::Job(JobId(number(value)?)))),
            _ => {}
        }
    }
    Ok(None)
}
