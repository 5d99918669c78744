//! In whose name a call is made.

use tonic::{Request, Status};

use super::Api;
use super::changes::Unchanged;
use crate::access::Principal;
use crate::store::{Target, read};

/// Whom the gate let in.
pub fn of<T>(request: &Request<T>) -> Result<Principal, Status> {
    let principal = request.extensions().get::<Principal>().cloned();
    principal.ok_or_else(|| Status::internal("the call did not come through the gate"))
}

/// Refuses to change what is somebody else's.
pub async fn owns(api: &Api, caller: &Principal, target: Target) -> Result<(), Unchanged> {
    // Saves administrators, and everybody on a machine of their own, the look.
    if caller.may_change("") {
        return Ok(());
    }
    let (sweep, owner) = read::owner_of(&api.store, target).await?;
    if caller.may_change(&owner) {
        return Ok(());
    }
    let owner = if owner.is_empty() { "the administrators".to_owned() } else { owner };
    Err(Unchanged::Foreign { sweep, owner, name: caller.name.clone() })
}
