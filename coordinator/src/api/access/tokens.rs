//! Tokens.

use std::time::Duration;

use sweep_shared::access::{Role, Secret, SecretKind};
use sweep_shared::wire::v1;
use tonic::Status;

use super::AccessService;
use crate::access::{Credential, Principal, hash_of, new_secret};
use crate::store::access::{NewToken, RevokeToken, TokenKind, TokenRow};

/// How long tokens count where nothing is said, and at most.
const USER_LIFETIME: Duration = Duration::from_hours(24 * 90);
const JOIN_LIFETIME: Duration = Duration::from_hours(24);
const LONGEST: Duration = Duration::from_hours(24 * 366 * 5);
/// Characters of a note.
const NOTE_LENGTH: usize = 200;
/// Tokens of one user that count. More are a mistake of some script's.
const MOST_TOKENS: usize = 200;

pub async fn create(
    service: &AccessService,
    request: v1::CreateTokenRequest,
    caller: Principal,
) -> Result<v1::CreateTokenReply, Status> {
    let kind = match request.kind.as_str() {
        "join" => join(&request, &caller)?,
        "user" => TokenKind::User(role(service, &request, &caller)?),
        other => return Err(Status::invalid_argument(format!("{other:?} is not a kind of token (user, join)"))),
    };
    let user = match kind {
        TokenKind::User(_) if !request.user.is_empty() => request.user.clone(),
        _ => caller.name.clone(),
    };
    let lifetime = lifetime(request.lifetime_s, kind)?;
    if request.note.chars().count() > NOTE_LENGTH || request.note.chars().any(char::is_control) {
        return Err(Status::invalid_argument(format!("a note is one line of at most {NOTE_LENGTH} characters")));
    }
    let now_ms = service.clock.unix_ms();
    let counting = service
        .access
        .read(|book| book.tokens().iter().filter(|token| token.user == user && counts(token, now_ms)).count());
    if counting >= MOST_TOKENS {
        return Err(Status::resource_exhausted(format!(
            "{user} has {counting} tokens that count; revoke some of them first (`sweep tokens list`)"
        )));
    }
    let secret = new_secret();
    let hash = hash_of(&secret);
    let new =
        NewToken { kind, user, hash, note: request.note, lifetime_ms: lifetime.as_millis() as i64, actor: caller.name };
    let made = service.change(new).await?;
    let kind = if let TokenKind::Join { .. } = kind { SecretKind::Join } else { SecretKind::User };
    let fingerprint = service.authority.as_ref().map(|authority| authority.fingerprint());
    let token = Secret::new(kind, made.id, secret, fingerprint).reveal();
    Ok(v1::CreateTokenReply { id: made.id, token, expires_ms: made.expires_ms })
}

fn join(request: &v1::CreateTokenRequest, caller: &Principal) -> Result<TokenKind, Status> {
    if !caller.role().covers(Role::Admin) {
        return Err(Status::permission_denied(format!(
            "only administrators let agents in; {} has the role {}",
            caller.name,
            caller.role()
        )));
    }
    if !request.user.is_empty() || !request.role.is_empty() {
        return Err(Status::invalid_argument("a join token has neither user nor role: it is for an agent"));
    }
    Ok(TokenKind::Join { uses: (request.uses > 0).then_some(request.uses) })
}

/// In which role the token shall act: at most its user's, and at most the caller's.
fn role(service: &AccessService, request: &v1::CreateTokenRequest, caller: &Principal) -> Result<Role, Status> {
    let name = if request.user.is_empty() { &caller.name } else { &request.user };
    if *name != caller.name && !caller.role().covers(Role::Admin) {
        return Err(Status::permission_denied(format!("{} may make tokens for {} only", caller.name, caller.name)));
    }
    let of_user = service.access.read(|book| book.user(name).map(|user| user.role));
    let of_user = of_user.ok_or_else(|| {
        if caller.credential == Credential::Home && request.user.is_empty() {
            Status::invalid_argument("say whose token it shall be (--user NAME); `sweep users add NAME` makes a user")
        } else {
            Status::not_found(format!("there is no user {name:?}; `sweep users add` makes one"))
        }
    })?;
    let wanted = match request.role.as_str() {
        "" => of_user,
        text => text.parse::<Role>().map_err(|error| Status::invalid_argument(error.to_string()))?,
    };
    if wanted == Role::Agent {
        return Err(Status::invalid_argument(
            "agents join with a join token (`sweep agents invite`), not with a user's",
        ));
    }
    let bound = if *name == caller.name && of_user.covers(caller.role()) { caller.role() } else { of_user };
    if !bound.covers(wanted) {
        return Err(Status::permission_denied(format!(
            "{name} has the role {bound}; a token cannot have more ({wanted})"
        )));
    }
    Ok(if request.role.is_empty() { bound } else { wanted })
}

fn lifetime(seconds: u64, kind: TokenKind) -> Result<Duration, Status> {
    let lifetime = match (seconds, kind) {
        (0, TokenKind::User(_)) => USER_LIFETIME,
        (0, TokenKind::Join { .. }) => JOIN_LIFETIME,
        (seconds, _) => Duration::from_secs(seconds),
    };
    if lifetime > LONGEST {
        return Err(Status::invalid_argument("tokens expire after 5 years at most"));
    }
    Ok(lifetime)
}

fn counts(token: &TokenRow, now_ms: i64) -> bool {
    token.revoked_ms.is_none() && token.expires_ms > now_ms && token.uses_left != Some(0)
}

/// An administrator sees everybody's.
pub fn list(service: &AccessService, all: bool, caller: &Principal) -> v1::ListTokensReply {
    let (now_ms, admin) = (service.clock.unix_ms(), caller.role().covers(Role::Admin));
    let mine = |token: &TokenRow| admin || (!token.is_join && token.user == caller.name);
    let tokens = service.access.read(|book| {
        let tokens = book.tokens().into_iter().filter(|token| mine(token) && (all || counts(token, now_ms)));
        tokens.map(row).collect()
    });
    v1::ListTokensReply { tokens }
}

fn row(token: &TokenRow) -> v1::TokenRow {
    v1::TokenRow {
        id: token.id,
        kind: if token.is_join { "join" } else { "user" }.to_owned(),
        user: token.user.clone(),
        role: token.role.to_string(),
        note: token.note.clone(),
        created_ms: token.created_ms,
        expires_ms: token.expires_ms,
        revoked_ms: token.revoked_ms.unwrap_or(0),
        used_ms: token.used_ms.unwrap_or(0),
        uses: token.uses.unwrap_or(0),
        uses_left: token.uses_left.unwrap_or(0),
    }
}

pub async fn revoke(service: &AccessService, id: i64, caller: Principal) -> Result<bool, Status> {
    let of = (!caller.role().covers(Role::Admin)).then(|| caller.name.clone());
    service.change(RevokeToken { id, of, actor: caller.name }).await
}
