//! In whose name a call is made.

use tonic::{Request, Status};

use super::Api;
use crate::access::Principal;
use crate::store::{Target, read};

/// Whom the gate let in.
pub fn of<T>(request: &Request<T>) -> Result<Principal, Status> {
    let principal = request.extensions().get::<Principal>().cloned();
    principal.ok_or_else(|| Status::internal("the call did not come through the gate"))
}

/// Refuses to change what is somebody else's.
pub async fn owns(api: &Api, caller: &Principal, target: Target) -> Result<(), Status> {
    // Saves administrators, and everybody on a machine of their own, the look.
    if caller.may_change("") {
        return Ok(());
    }
    let (sweep, owner) = read::owner_of(&api.store, target).await?;
    if caller.may_change(&owner) {
        return Ok(());
    }
    let owner = if owner.is_empty() { "the administrators".to_owned() } else { owner };
    Err(Status::permission_denied(format!(
        "sweep {sweep} belongs to {owner}; {} may look at it, and its owner and administrators may change it",
        caller.name
    )))
}
