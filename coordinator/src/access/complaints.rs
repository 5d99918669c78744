//! That somebody was turned away, told once in a while and not each time: whoever knocks must not fill the audit log. Pure.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// After an address has been told of, it is quiet about it for so long.
const QUIET: Duration = Duration::from_mins(10);
/// Addresses that are counted apart; what others do meanwhile is not told.
const MOST: usize = 1024;

/// Who was turned away since they were told of last.
#[derive(Debug, Default)]
pub struct Complaints {
    of: HashMap<IpAddr, Complaint>,
}

#[derive(Debug)]
struct Complaint {
    times: u64,
    newest: String,
    quiet_until: Duration,
    last: Duration,
}

impl Complaints {
    pub fn note(&mut self, from: IpAddr, why: &str, now: Duration) {
        if self.of.len() >= MOST && !self.of.contains_key(&from) {
            return;
        }
        let new = || Complaint { times: 0, newest: String::new(), quiet_until: Duration::ZERO, last: now };
        let complaint = self.of.entry(from).or_insert_with(new);
        complaint.times += 1;
        complaint.last = now;
        why.clone_into(&mut complaint.newest);
    }

    /// What there is to tell now. Forgets those who have given up.
    pub fn take(&mut self, now: Duration) -> Vec<String> {
        self.of.retain(|_, complaint| complaint.times > 0 || now < complaint.last + QUIET);
        let mut lines = Vec::new();
        for (from, complaint) in &mut self.of {
            if complaint.times > 0 && complaint.quiet_until <= now {
                let times = if complaint.times == 1 { "once".to_owned() } else { format!("{} times", complaint.times) };
                lines.push(format!("from {from}, {times}: {}", complaint.newest));
                complaint.times = 0;
                complaint.quiet_until = now + QUIET;
            }
        }
        lines.sort();
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_address_is_told_of_at_once_and_then_once_in_a_while() {
        let mut complaints = Complaints::default();
        let from: IpAddr = "10.0.0.9".parse().unwrap();
        complaints.note(from, "wrong", SECOND);
        assert_eq!(complaints.take(SECOND), ["from 10.0.0.9, once: wrong"]);
        for _ in 0..1000 {
            complaints.note(from, "wrong again", SECOND * 2);
        }
        assert!(complaints.take(SECOND * 3).is_empty());
        assert_eq!(complaints.take(QUIET + SECOND), ["from 10.0.0.9, 1000 times: wrong again"]);
        assert!(complaints.take(QUIET * 5).is_empty());
        assert!(complaints.of.is_empty());
    }

    #[test]
    fn many_addresses_cannot_fill_the_memory() {
        let mut complaints = Complaints::default();
        for n in 0..100_000_u32 {
            complaints.note(IpAddr::V4(n.into()), "wrong", SECOND);
        }
        assert_eq!(complaints.of.len(), MOST);
    }
}
