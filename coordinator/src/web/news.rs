//! Failed sign-ins, told as events that a stranger cannot flood: twenty at once, then one a minute, and how many others there were.

use std::sync::Mutex;
use std::time::Duration;

const AT_ONCE: f64 = 20.0;
const EACH: Duration = Duration::from_mins(1);

/// Names that exist and names that do not are told apart, so that a flood of the latter does not hide the former.
#[derive(Debug, Default)]
pub struct News {
    known: Mutex<Bucket>,
    unknown: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Duration,
    untold: u64,
}

impl Default for Bucket {
    fn default() -> Self {
        Self { left: AT_ONCE, at: Duration::ZERO, untold: 0 }
    }
}

impl News {
    /// What the event says; `None`: there were too many lately. `name`: `None` for one that is nobody's, which is not repeated: it
    /// may be a password in the wrong field.
    pub fn failed(&self, now: Duration, name: Option<&str>, place: &str, why: &str) -> Option<String> {
        let bucket = if name.is_some() { &self.known } else { &self.unknown };
        let untold = bucket.lock().expect("no holder panics").take(now)?;
        let name = name.unwrap_or("a name that is nobody's");
        let others = if untold == 0 { String::new() } else { format!(" (and {untold} more since the last)") };
        Some(format!("{name} from {place}: {why}{others}"))
    }
}

impl Bucket {
    /// How many were not told before this one.
    fn take(&mut self, now: Duration) -> Option<u64> {
        let grown = now.saturating_sub(self.at).as_secs_f64() / EACH.as_secs_f64();
        (self.left, self.at) = ((self.left + grown).min(AT_ONCE), now);
        if self.left < 1.0 {
            self.untold += 1;
            return None;
        }
        self.left -= 1.0;
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_in_a_few_words() {
        let news = News::default();
        let told = |at: u64| news.failed(Duration::from_secs(at), Some("alice"), "203.0.113.0/24", "wrong password");
        assert_eq!(told(0).unwrap(), "alice from 203.0.113.0/24: wrong password");
        assert_eq!((0..1000).filter_map(|_| told(0)).count(), 19);
        assert_eq!(told(59), None);
        let next = told(61).unwrap();
        assert_eq!(next, "alice from 203.0.113.0/24: wrong password (and 982 more since the last)");
        let day = (61..86_461).filter_map(told).count();
        assert!(day <= 1440, "{day} in a day");
    }

    #[test]
    fn a_flood_of_nobodys_names_does_not_hide_somebodys() {
        let news = News::default();
        for _ in 0..100 {
            news.failed(Duration::ZERO, None, "::/48", "wrong password");
        }
        assert!(news.failed(Duration::ZERO, None, "::/48", "wrong password").is_none());
        assert!(news.failed(Duration::ZERO, Some("alice"), "::/48", "wrong password").is_some());
    }
}
