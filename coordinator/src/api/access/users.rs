//! Users.

use sweep_shared::access::Role;
use sweep_shared::wire::v1;
use tonic::Status;

use super::AccessService;
use crate::store::access::{RemoveUser, SetUser};

/// Characters of a user's name.
const NAME_LENGTH: usize = 64;

pub fn list(service: &AccessService) -> v1::ListUsersReply {
    let users = service.access.read(|book| {
        let row = |user: &crate::store::access::UserRow| v1::UserRow {
            name: user.name.clone(),
            role: user.role.to_string(),
            created_ms: user.created_ms,
            has_password: user.has_password,
            has_totp: user.has_totp,
            signed_in_ms: user.signed_in_ms.unwrap_or(0),
        };
        book.users().into_iter().map(row).collect()
    });
    v1::ListUsersReply { users }
}

pub async fn set(service: &AccessService, request: v1::SetUserRequest, actor: String) -> Result<(), Status> {
    check_name(&request.name)?;
    let role = match request.role.as_str() {
        "" => None,
        text => match text.parse() {
            Ok(Role::Agent) => {
                return Err(Status::invalid_argument("a user is an admin, a user or a viewer; agents are no users"));
            }
            Ok(role) => Some(role),
            Err(error) => return Err(Status::invalid_argument(error.to_string())),
        },
    };
    if !request.create && service.access.read(|book| book.user(&request.name).is_none()) {
        return Err(Status::not_found(format!("there is no user {:?}; `sweep users add` makes one", request.name)));
    }
    let password = match request.password.as_str() {
        "" => None,
        text => Some(service.web.hash_password(&request.name, text).await?),
    };
    let set =
        SetUser { name: request.name, role, password, reset_totp: request.reset_totp, create: request.create, actor };
    service.change(set).await.map(drop)
}

pub async fn remove(service: &AccessService, name: String, actor: String) -> Result<(), Status> {
    service.change(RemoveUser { name, actor }).await
}

/// Names go into events, paths of pages, and the names of others: none may look like an agent's host or an address of mail.
fn check_name(name: &str) -> Result<(), Status> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if name.len() > NAME_LENGTH || !starts || !name.chars().all(allowed) {
        return Err(Status::invalid_argument(format!(
            "{:?} cannot be a user's name: it has at most {NAME_LENGTH} letters, digits, and - _ . (not at its beginning)",
            name.chars().take(NAME_LENGTH).collect::<String>()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_plain_and_never_a_persons_at_a_machine() {
        for good in ["ada", "ada.l", "Ada_2", "7"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let long = "a".repeat(65);
        for bad in ["", "ada@laptop", "../ada", ".ada", "-ada", "a b", "ädä", "a\n", long.as_str()] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
