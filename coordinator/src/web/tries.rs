//! How often somebody may fail to sign in.
//!
//! Failures count against the name, whether or not anybody bears it, and against the address. A stranger who keeps failing with
//! somebody's name could so keep its owner out; but networks from which the owner has signed in before count by themselves, and a link
//! from the command line needs no try at all.

use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use crate::access::throttle::{Policy, Throttle};

use super::place;

/// With one name: some typing mistakes, then at most some hundred guesses a day.
const NAME: Policy = Policy {
    free: 5,
    first: Duration::from_secs(1),
    longest: Duration::from_mins(15),
    remembered: Duration::from_hours(24),
    most: 10_000,
};

/// From one address: a whole office may share it.
const ADDRESS: Policy = Policy { free: 20, ..NAME };

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Name {
    /// From networks that the user has never signed in from.
    Anywhere(blake3::Hash),
    At(blake3::Hash, String),
    /// Somebody signed in says the password once more.
    Again(blake3::Hash),
}

#[derive(Debug)]
pub struct Tries(Mutex<Both>);

#[derive(Debug)]
struct Both {
    names: Throttle<Name>,
    addresses: Throttle<IpAddr>,
}

impl Default for Tries {
    fn default() -> Self {
        Self(Mutex::new(Both { names: Throttle::new(NAME), addresses: Throttle::new(ADDRESS) }))
    }
}

/// One try: counted as failed until it is known to be none.
#[derive(Debug, Clone)]
pub struct Try {
    name: Name,
    address: IpAddr,
}

impl Try {
    /// `known`: the user has signed in from the address's network before.
    pub fn with_name(name: &str, address: IpAddr, known: bool) -> Self {
        let hash = blake3::hash(name.as_bytes());
        let name = if known { Name::At(hash, place::place(address)) } else { Name::Anywhere(hash) };
        Self { name, address: place::source(address) }
    }

    pub fn again(name: &str, address: IpAddr) -> Self {
        Self { name: Name::Again(blake3::hash(name.as_bytes())), address: place::source(address) }
    }
}

impl Tries {
    /// Counts the try. Refused: how long to wait.
    pub fn begin(&self, now: Duration, this: &Try) -> Result<(), Duration> {
        let mut both = self.0.lock().expect("no holder panics");
        let wait = both.names.wait(now, &this.name).max(both.addresses.wait(now, &this.address));
        if let Some(wait) = wait {
            return Err(wait);
        }
        both.names.failed(now, &this.name);
        both.addresses.failed(now, &this.address);
        Ok(())
    }

    /// It was right, but for what is still to be shown.
    pub fn right(&self, now: Duration, this: &Try) {
        let mut both = self.0.lock().expect("no holder panics");
        both.names.undo(now, &this.name);
        both.addresses.undo(now, &this.address);
    }

    /// Somebody is signed in: their earlier mistakes are forgotten. Those from the address are not, or else a user of ours could
    /// try others' passwords for ever.
    pub fn done(&self, now: Duration, this: &Try) {
        self.right(now, this);
        self.0.lock().expect("no holder panics").names.forget(&this.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "203.0.113.7";
    const AWAY: &str = "198.51.100.7";

    fn of(name: &str, address: &str, known: bool) -> Try {
        Try::with_name(name, address.parse().unwrap(), known)
    }

    fn fail(tries: &Tries, this: &Try, times: u32) {
        let mut now = Duration::ZERO;
        for _ in 0..times {
            while let Err(wait) = tries.begin(now, this) {
                now += wait;
            }
        }
    }

    #[test]
    fn a_stranger_cannot_keep_the_owner_out() {
        let tries = Tries::default();
        fail(&tries, &of("alice", AWAY, false), 15);
        assert!(tries.begin(Duration::ZERO, &of("alice", AWAY, false)).is_err());
        assert!(tries.begin(Duration::ZERO, &of("alice", "192.0.2.1", false)).is_err(), "nor elsewhere guess on");
        assert_eq!(tries.begin(Duration::ZERO, &of("alice", HOME, true)), Ok(()));
    }

    #[test]
    fn many_names_from_one_address_wait_as_well() {
        let tries = Tries::default();
        let refused = (0..30).filter(|n| tries.begin(Duration::ZERO, &of(&format!("user {n}"), AWAY, false)).is_err());
        assert_eq!(refused.count(), 9);
        assert_eq!(tries.begin(Duration::ZERO, &of("user 1", HOME, false)), Ok(()));
    }

    #[test]
    fn who_signs_in_starts_anew_and_their_address_does_not() {
        let tries = Tries::default();
        for n in 0..5 {
            tries.begin(Duration::ZERO, &of("alice", HOME, true)).unwrap_or_else(|_| panic!("try {n}"));
        }
        let right = of("alice", HOME, true);
        tries.begin(Duration::ZERO, &right).unwrap();
        tries.done(Duration::ZERO, &right);
        assert_eq!(tries.begin(Duration::ZERO, &of("alice", HOME, true)), Ok(()), "her own failures are forgotten");
        let guesses = (0..100).take_while(|n| {
            let guess = tries.begin(Duration::ZERO, &of(&format!("user {n}"), HOME, false));
            // Between any two guesses she signs in.
            if tries.begin(Duration::ZERO, &right).is_ok() {
                tries.done(Duration::ZERO, &right);
            }
            guess.is_ok()
        });
        assert_eq!(guesses.count(), 15, "with the six before");
    }

    #[test]
    fn a_right_password_alone_forgives_only_its_own_try() {
        let tries = Tries::default();
        let alice = of("alice", HOME, true);
        fail(&tries, &alice, 5);
        tries.begin(Duration::ZERO, &alice).unwrap();
        tries.right(Duration::ZERO, &alice);
        tries.begin(Duration::ZERO, &alice).unwrap();
        assert!(tries.begin(Duration::ZERO, &alice).is_err(), "the code's tries add to the password's");
    }
}
