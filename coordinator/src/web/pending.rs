//! Between the password and the code: who has shown the password, for some minutes.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use super::ticket::Ticket;

/// Somebody has shown the password and owes the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub user: String,
    /// The password's hash, as it was.
    pub phc: String,
    pub sealed: Vec<u8>,
    pub next: String,
}

/// By the cookie that the browser got for the password.
#[derive(Debug, Default)]
pub struct PendingSignIns(Mutex<HashMap<String, (Pending, Duration)>>);

const LASTS: Duration = Duration::from_mins(5);
/// Each of them took a right password.
const MOST: usize = 1000;

impl PendingSignIns {
    pub fn begin(&self, now: Duration, ticket: &Ticket, pending: Pending) {
        let mut all = self.0.lock().expect("no holder panics");
        all.retain(|_, (_, until)| *until > now);
        if all.len() >= MOST
            && let Some(oldest) = all.iter().min_by_key(|(_, (_, until))| *until).map(|(key, _)| key.clone())
        {
            all.remove(&oldest);
        }
        all.insert(ticket.hash(), (pending, now + LASTS));
    }

    pub fn of(&self, now: Duration, ticket: &Ticket) -> Option<Pending> {
        let all = self.0.lock().expect("no holder panics");
        all.get(&ticket.hash()).filter(|(_, until)| *until > now).map(|(pending, _)| pending.clone())
    }

    pub fn end(&self, ticket: &Ticket) {
        self.0.lock().expect("no holder panics").remove(&ticket.hash());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> Pending {
        Pending { user: "alice".to_owned(), phc: String::new(), sealed: vec![], next: "/".to_owned() }
    }

    #[test]
    fn it_holds_for_its_browser_and_some_minutes() {
        let (all, ticket) = (PendingSignIns::default(), Ticket::fresh());
        all.begin(Duration::ZERO, &ticket, alice());
        assert_eq!(all.of(Duration::from_secs(299), &ticket), Some(alice()));
        assert_eq!(all.of(Duration::ZERO, &Ticket::fresh()), None);
        assert_eq!(all.of(LASTS, &ticket), None);
        all.end(&ticket);
        assert_eq!(all.of(Duration::ZERO, &ticket), None);
    }

    #[test]
    fn only_so_many_are_remembered() {
        let all = PendingSignIns::default();
        let tickets: Vec<Ticket> = (0..MOST + 10).map(|_| Ticket::fresh()).collect();
        for (at, ticket) in tickets.iter().enumerate() {
            all.begin(Duration::from_millis(at as u64), ticket, alice());
        }
        assert_eq!(all.0.lock().unwrap().len(), MOST);
        assert!(all.of(Duration::ZERO, &tickets[0]).is_none() && all.of(Duration::ZERO, &tickets[MOST]).is_some());
    }
}
