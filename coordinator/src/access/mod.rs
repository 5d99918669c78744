//! Who may come in, and what they may do.
//!
//! Each request walks through the `gate`: where it claims to come from, what it shows (a token, a certificate), what `rights`
//! says of its path. What is recorded of users, tokens and certificates is held in memory (`book`) and read anew after each change; then
//! all calls that live on something that no longer stands are ended (`live`). Handlers find the [`Principal`] in the request.
//! Pages have a door and sessions of their own (`web`).

mod book;
mod complaints;
mod gate;
mod live;
pub(crate) mod origin;
mod principal;
mod rights;
pub mod throttle;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use sweep_shared::access::Secret;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

pub use book::Book;
use complaints::Complaints;
pub use gate::{Gate, bearer, pass};
use live::{Live, Stay};
pub use principal::{Credential, Principal, Refusal, Standing};
pub use rights::{RPCS, Who};

use crate::clock::Clock;
use crate::net::Peer;
use crate::store::access::{TokenUsed, TurnedAway, load};
use crate::store::{Store, StoreError};

/// A cheap handle on who may come in.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    /// Of the home's own token.
    home: blake3::Hash,
    book: RwLock<Book>,
    /// Held from reading what is recorded to believing it: what was read earlier must not replace what was read later.
    reading: tokio::sync::Mutex<()>,
    live: Live,
    /// Tokens that were used since this was last written down.
    used: Mutex<BTreeSet<i64>>,
    complaints: Mutex<Complaints>,
}

/// How often what expires by itself is looked at, and what was used is written down.
const TICK: Duration = Duration::from_secs(1);
const WRITE_DOWN: u32 = 60;

impl Access {
    /// As the database has it. `home`: the home's own token.
    pub async fn open(store: Store, clock: Arc<dyn Clock>, home: &str) -> Result<Self, StoreError> {
        let book = Book::new(load(&store).await?);
        let home = blake3::hash(home.as_bytes());
        Ok(Self(Arc::new(Inner {
            store,
            clock,
            home,
            book: RwLock::new(book),
            reading: tokio::sync::Mutex::default(),
            live: Live::default(),
            used: Mutex::default(),
            complaints: Mutex::default(),
        })))
    }

    /// Who calls, and the right to go on as long as what was shown stands. `bearer`: what came after `Bearer `; `actor`: whom the
    /// client says that it speaks for.
    pub fn enter(&self, peer: &Peer, bearer: Option<&str>, actor: &str) -> Result<(Principal, Stay), Refusal> {
        let entered = self.look(peer, bearer, actor);
        if let Err(refusal) = &entered
            && *refusal != Refusal::Nothing
        {
            let mut complaints = self.0.complaints.lock().unwrap_or_else(PoisonError::into_inner);
            complaints.note(peer.ip(), &refusal.to_string(), self.0.clock.now());
        }
        entered
    }

    fn look(&self, peer: &Peer, bearer: Option<&str>, actor: &str) -> Result<(Principal, Stay), Refusal> {
        let now_ms = self.0.clock.unix_ms();
        let book = self.0.book.read().unwrap_or_else(PoisonError::into_inner);
        let principal = match (bearer, &peer.certificate) {
            (Some(text), _) => match text.parse::<Secret>() {
                Ok(secret) => book.secret(&secret, now_ms)?,
                Err(_) if blake3::hash(text.as_bytes()) != self.0.home => return Err(Refusal::UnknownToken),
                Err(_) if !peer.local => return Err(Refusal::HomeTokenFromElsewhere),
                Err(_) => Principal::home(actor),
            },
            (None, Some(certificate)) => book.certificate(certificate, now_ms)?,
            (None, None) => return Err(Refusal::Nothing),
        };
        // While the book is held: whoever changes it looks at all who are in afterwards.
        let stay = self.0.live.enter(&principal.credential);
        drop(book);
        if let Credential::Token(id) = principal.credential {
            self.0.used.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        }
        Ok((principal, stay))
    }

    /// Looks at what is recorded now.
    pub fn read<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.0.book.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads it anew, and ends what no longer stands. Who changes something calls this before answering.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let _turn = self.0.reading.lock().await;
        let book = Book::new(load(&self.0.store).await?);
        *self.0.book.write().unwrap_or_else(PoisonError::into_inner) = book;
        self.end_fallen();
        Ok(())
    }

    fn end_fallen(&self) {
        let now_ms = self.0.clock.unix_ms();
        self.read(|book| self.0.live.end(|credential| book.stands(credential, now_ms).err()));
    }

    /// Follows what others change, and what expires.
    pub async fn follow(self, stop: CancellationToken) {
        let mut changes = self.0.store.watch();
        let mut tick = tokio::time::interval(TICK);
        let mut ticks = 0;
        loop {
            let anew = tokio::select! {
                () = stop.cancelled() => return,
                changed = changes.recv() => match changed {
                    Ok(changes) => changes.access,
                    Err(RecvError::Lagged(_)) => true,
                    Err(RecvError::Closed) => return,
                },
                _ = tick.tick() => {
                    self.end_fallen();
                    self.complain().await;
                    ticks = (ticks + 1) % WRITE_DOWN;
                    if ticks == 0 {
                        self.write_down().await;
                    }
                    false
                }
            };
            if anew && let Err(error) = self.reload().await {
                tracing::warn!(%error, "who may come in could not be read anew");
            }
        }
    }

    async fn complain(&self) {
        let lines = self.0.complaints.lock().unwrap_or_else(PoisonError::into_inner).take(self.0.clock.now());
        if !lines.is_empty() {
            // What cannot be written now is told in the log of a coordinator that has worse troubles.
            let _ = self.0.store.write(TurnedAway { lines }).await;
        }
    }

    async fn write_down(&self) {
        let used = std::mem::take(&mut *self.0.used.lock().unwrap_or_else(PoisonError::into_inner));
        if used.is_empty() {
            return;
        }
        // Of use to people who look for tokens that nobody needs; not worth an error.
        let _ = self.0.store.write(TokenUsed { ids: used.into_iter().collect() }).await;
    }
}

/// A new secret's middle part: 160 bits in letters and digits.
pub fn new_secret() -> String {
    let bytes: [u8; 20] = rand::random();
    const DIGITS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    bytes.chunks(5).fold(String::new(), |mut text, chunk| {
        let bits = chunk.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        text.extend((0..8).map(|at| char::from(DIGITS[(bits >> (35 - 5 * at)) as usize & 31])));
        text
    })
}

/// How the database knows a secret.
pub fn hash_of(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use sweep_shared::access::Role;

    use super::*;
    use crate::store::access::{NewToken, RevokeToken, SetUser, TokenKind};
    use crate::store::testing::bench;

    #[test]
    fn secrets_are_long_and_never_alike() {
        let (one, two) = (new_secret(), new_secret());
        assert_eq!(one.len(), 32);
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(one, two);
    }

    #[tokio::test]
    async fn the_homes_token_opens_from_this_machine_only() {
        let bench = bench().await;
        let access = Access::open(bench.store.clone(), bench.clock.clone(), "h0me").await.unwrap();
        let here: SocketAddr = "10.0.0.1:7433".parse().unwrap();
        let peer = |from: &str| Peer::new(from.parse().unwrap(), here, true, None);
        let enter = |from: &str, token| access.enter(&peer(from), token, "ada@laptop").map(|(who, _)| who);
        assert_eq!(enter("10.0.0.1:9", Some("h0me")).unwrap().name, "ada@laptop");
        assert_eq!(enter("127.0.0.1:9", Some("h0me")).unwrap().credential, Credential::Home);
        assert_eq!(enter("10.0.0.2:9", Some("h0me")).unwrap_err(), Refusal::HomeTokenFromElsewhere);
        assert_eq!(enter("10.0.0.2:9", Some("h0m")).unwrap_err(), Refusal::UnknownToken);
        assert_eq!(enter("127.0.0.1:9", None).unwrap_err(), Refusal::Nothing);
    }

    fn new_user(name: &str) -> SetUser {
        let (name, actor) = (name.to_owned(), "me".to_owned());
        SetUser { name, role: None, password: None, reset_totp: false, create: true, actor }
    }

    fn new_token(user: &str, secret: &str) -> NewToken {
        NewToken {
            kind: TokenKind::User(Role::User),
            user: user.to_owned(),
            hash: hash_of(secret),
            note: String::new(),
            lifetime_ms: 1000,
            actor: "me".to_owned(),
        }
    }

    #[tokio::test]
    async fn what_falls_ends_the_calls_that_live_on_it() {
        let bench = bench().await;
        let access = Access::open(bench.store.clone(), bench.clock.clone(), "h0me").await.unwrap();
        bench.store.write(new_user("ada")).await.unwrap();
        let secret = new_secret();
        let made = bench.store.write(new_token("ada", &secret)).await.unwrap();
        access.reload().await.unwrap();
        let here: SocketAddr = "127.0.0.1:7433".parse().unwrap();
        let shown = format!("swu_{}_{secret}", made.id);
        let enter = || access.enter(&Peer::new(here, here, false, None), Some(&shown), "");
        let (who, stay) = enter().unwrap();
        assert_eq!((who.name.as_str(), who.role()), ("ada", Role::User));
        bench.store.write(RevokeToken { id: made.id, of: None, actor: "me".to_owned() }).await.unwrap();
        access.reload().await.unwrap();
        assert_eq!(stay.fallen().await, Refusal::TokenRevoked { id: made.id });
        assert!(enter().is_err());
    }

    #[tokio::test]
    async fn a_reading_that_others_overtake_is_not_believed() {
        let bench = bench().await;
        let access = Access::open(bench.store.clone(), bench.clock.clone(), "h0me").await.unwrap();
        let ahead = access.0.reading.lock().await;
        let behind = tokio::spawn({
            let access = access.clone();
            async move { access.reload().await }
        });
        tokio::task::yield_now().await;
        bench.store.write(new_user("ada")).await.unwrap();
        drop(ahead);
        behind.await.unwrap().unwrap();
        assert!(access.read(|book| book.user("ada").is_some()), "it was read before its turn");
    }
}
