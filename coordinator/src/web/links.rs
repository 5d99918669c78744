//! Links that sign somebody in: asked for with a token, good once and for some minutes.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use sweep_shared::access::Role;

use super::Web;
use super::ticket::Ticket;

/// What the one who asks for a link has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bearer {
    /// A token of that user, in its role.
    Token { id: i64, user: String, role: Role },
    /// The home's own token, under whatever name.
    Home { name: String },
}

impl Bearer {
    pub fn name(&self) -> &str {
        match self {
            Self::Token { user, .. } => user,
            Self::Home { name } => name,
        }
    }

    pub fn role(&self) -> Role {
        match self {
            Self::Token { role, .. } => *role,
            Self::Home { .. } => Role::Admin,
        }
    }
}

/// For whoever asked. Whoever has it first is signed in.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// From the first slash on: `/sign-in/link?code=…`.
    pub path: String,
    pub expires_ms: i64,
}

/// By the hash of the code.
#[derive(Debug, Default)]
pub struct Links(Mutex<HashMap<String, (Bearer, Duration)>>);

const LASTS: Duration = Duration::from_mins(5);
/// Of one name, and of all.
const MOST_EACH: usize = 10;
const MOST: usize = 1000;

impl Web {
    /// For `Access.SignInLink`.
    pub fn sign_in_link(&self, bearer: Bearer) -> Link {
        let clock = &self.0.clock;
        let code = self.0.links.offer(clock.now(), bearer);
        let path = format!("/sign-in/link?code={}", code.reveal());
        Link { path, expires_ms: clock.unix_ms() + LASTS.as_millis() as i64 }
    }
}

impl Links {
    fn offer(&self, now: Duration, bearer: Bearer) -> Ticket {
        let mut all = self.0.lock().expect("no holder panics");
        all.retain(|_, (_, until)| *until > now);
        let own = all.values().filter(|(other, _)| other.name() == bearer.name()).count();
        if own >= MOST_EACH || all.len() >= MOST {
            let given_up = all.iter().filter(|(_, (other, _))| own < MOST_EACH || other.name() == bearer.name());
            if let Some(oldest) = given_up.min_by_key(|(_, (_, until))| *until).map(|(key, _)| key.clone()) {
                all.remove(&oldest);
            }
        }
        let code = Ticket::fresh();
        all.insert(code.hash(), (bearer, now + LASTS));
        code
    }

    /// Looks without using it up.
    pub fn look(&self, now: Duration, code: &str) -> Option<Bearer> {
        let code = Ticket::read(code)?;
        let all = self.0.lock().expect("no holder panics");
        all.get(&code.hash()).filter(|(_, until)| *until > now).map(|(bearer, _)| bearer.clone())
    }

    /// Once.
    pub fn take(&self, now: Duration, code: &str) -> Option<Bearer> {
        let code = Ticket::read(code)?;
        let taken = self.0.lock().expect("no holder panics").remove(&code.hash());
        taken.filter(|(_, until)| *until > now).map(|(bearer, _)| bearer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Bearer {
        Bearer::Home { name: name.to_owned() }
    }

    #[test]
    fn a_link_is_good_once_and_for_some_minutes() {
        let links = Links::default();
        let code = links.offer(Duration::ZERO, of("alice"));
        let soon = Duration::from_secs(299);
        assert_eq!(links.look(soon, code.reveal()), Some(of("alice")), "looking does not use it up");
        assert_eq!(links.take(soon, code.reveal()), Some(of("alice")));
        assert_eq!(links.take(soon, code.reveal()), None);
        let late = links.offer(Duration::ZERO, of("alice"));
        assert_eq!((links.look(LASTS, late.reveal()), links.take(LASTS, late.reveal())), (None, None));
        assert_eq!(links.take(Duration::ZERO, "nonsense"), None);
    }

    #[test]
    fn one_who_asks_for_many_loses_their_own_oldest_only() {
        let links = Links::default();
        let bobs = links.offer(Duration::ZERO, of("bob"));
        let codes: Vec<Ticket> = (1..=30).map(|at| links.offer(Duration::from_secs(at), of("alice"))).collect();
        let now = Duration::from_secs(31);
        assert_eq!(links.look(now, bobs.reveal()), Some(of("bob")));
        let good = codes.iter().filter(|code| links.look(now, code.reveal()).is_some()).count();
        assert_eq!(good, MOST_EACH);
        assert!(links.look(now, codes[29].reveal()).is_some());
    }
}
