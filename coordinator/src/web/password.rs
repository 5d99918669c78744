//! Passwords: which are good enough, and their hashes (Argon2id, with the parameters that OWASP recommends: 19 MiB, two passes,
//! one lane).
//!
//! A hash takes tens of milliseconds and much memory on purpose, so only a few are computed at a time, on threads of their own,
//! and only so many wait. A name that is nobody's takes as long as any: it is compared with a hash that nobody's password has.

use std::collections::BTreeSet;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

/// In characters. Where the password is all there is, NIST SP 800-63B asks for 15 and OWASP for as many, with a second factor
/// for 8; failures here are few and slow, so the middle will do.
pub const SHORTEST: usize = 12;
/// In bytes: nobody types more, and whoever sends more wants to keep us busy.
pub const LONGEST: usize = 512;

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    #[error(
        "it has {0} characters, and must have at least {SHORTEST}; a few words that do not belong together are easy to remember"
    )]
    Short(usize),
    #[error("it is longer than {LONGEST} bytes")]
    Long,
    #[error("it consists of very few different characters")]
    Even,
    #[error("it is little more than the user's name")]
    Name,
    #[error("it is among those that are tried first")]
    Common,
}

/// Of twelve characters and more, what people choose most. Compared without digits and punctuation at the end.
const COMMON: &[&str] = &[
    "password",
    "passwordpassword",
    "passw0rd",
    "p@ssw0rd",
    "p@ssword",
    "qwertyuiop",
    "qwertyuiopasdf",
    "qwertyuiopasdfghjkl",
    "qwertzuiop",
    "asdfghjkl",
    "asdfghjklqwertyuiop",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "q1w2e3r4t5y6",
    "abcdefghijkl",
    "abcdefghijklmnop",
    "iloveyou",
    "iloveyouiloveyou",
    "administrator",
    "adminadminadmin",
    "letmeinletmein",
    "changeme",
    "changemechangeme",
    "correcthorsebatterystaple",
    "correct horse battery staple",
    "welcome",
    "unbelievable",
    "sweepsweep",
];

/// Whether a password may be chosen. No rules about capitals and digits: they make passwords that are hard to remember and easy
/// to guess.
pub fn check(password: &str, name: &str) -> Result<(), Weak> {
    let characters = password.chars().count();
    if password.len() > LONGEST {
        return Err(Weak::Long);
    }
    if characters < SHORTEST {
        return Err(Weak::Short(characters));
    }
    if password.chars().collect::<BTreeSet<_>>().len() < 5 {
        return Err(Weak::Even);
    }
    let lower = password.to_lowercase();
    if !name.is_empty() && lower.replace(&name.to_lowercase(), "").chars().count() < SHORTEST / 2 {
        return Err(Weak::Name);
    }
    let core = lower.trim_end_matches(|c: char| c.is_ascii_digit() || c.is_ascii_punctuation());
    if COMMON.contains(&core) || COMMON.contains(&lower.as_str()) || counts(&lower) {
        return Err(Weak::Common);
    }
    Ok(())
}

/// Digits, each one up or down from the last.
fn counts(password: &str) -> bool {
    let digits: Option<Vec<u32>> = password.chars().map(|c| c.to_digit(10)).collect();
    digits.is_some_and(|digits| digits.windows(2).all(|pair| matches!((pair[1] + 10 - pair[0]) % 10, 1 | 9)))
}

fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

/// In the PHC format. Slow: not to be called where others wait for the thread; [`Passwords::hash`] is for that.
pub fn hash(password: &str) -> String {
    argon2().hash_password(password.as_bytes()).expect("salt and output are as long as they may be").to_string()
}

/// Slow, like [`hash`].
fn matches(password: &str, phc: &str) -> bool {
    match PasswordHash::new(phc) {
        Ok(wanted) => argon2().verify_password(password.as_bytes(), &wanted).is_ok(),
        Err(error) => {
            tracing::error!(%error, "a password's hash in the database cannot be read");
            false
        }
    }
}

/// Nobody's: random digits in the form of a hash.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$kqgPyZAMSzCY4l0PmkopAw$oS6OI1xsKVFUKmT6H9W0gAr15WtpRGI9ANAqTf3ggoE";

impl super::Web {
    /// Looks at a password that an administrator chose, and hashes it.
    pub async fn hash_password(&self, name: &str, password: &str) -> Result<String, tonic::Status> {
        check(password, name)
            .map_err(|weak| tonic::Status::invalid_argument(format!("choose another password: {weak}")))?;
        let hashed = self.0.passwords.hash(password.to_owned()).await;
        hashed.map_err(|Busy| tonic::Status::unavailable("too many passwords are being looked at; try again"))
    }
}

/// Too many passwords are being looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

/// Computes hashes, a few at a time.
#[derive(Clone)]
pub struct Passwords {
    working: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// Each takes 19 MiB.
const AT_A_TIME: usize = 4;
const MOST_WAITING: usize = 32;

impl Default for Passwords {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let working = Arc::new(Semaphore::new(cores.min(AT_A_TIME)));
        Self { working, waiting: Arc::new(Semaphore::new(MOST_WAITING)) }
    }
}

impl Passwords {
    pub async fn hash(&self, password: String) -> Result<String, Busy> {
        self.work(move || hash(&password)).await
    }

    /// Whether this is the password of that hash. Without one it never is, and takes as long.
    pub async fn verify(&self, password: String, phc: Option<String>) -> Result<bool, Busy> {
        self.work(move || {
            // An empty or endless one is nobody's; it is not worth the time.
            let possible = !password.is_empty() && password.len() <= LONGEST;
            let matches = possible && matches(&password, phc.as_deref().unwrap_or(DECOY));
            matches && phc.is_some()
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, slow: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let _waiting = self.waiting.clone().try_acquire_owned().map_err(|_| Busy)?;
        let working = self.working.clone().acquire_owned().await.expect("nobody closes it");
        // The permit goes along: a caller who leaves must not make room for another hash.
        let done = tokio::task::spawn_blocking(move || {
            let _working = working;
            slow()
        });
        done.await.map_err(|_| Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_and_character_classes_do_not() {
        for good in [
            "tulip orbit wagon",
            "twelve chars",
            "ein paar wörter",
            "日本語のとても長い合言葉です",
            "correct horse battery stable",
        ] {
            assert_eq!(check(good, "alice"), Ok(()), "{good}");
        }
        assert_eq!(check("elevenchars", "alice"), Err(Weak::Short(11)));
        assert_eq!(check(&"long password ".repeat(50), "alice"), Err(Weak::Long));
    }

    #[test]
    fn what_is_tried_first_is_not_taken() {
        assert_eq!(check("abababababab", "alice"), Err(Weak::Even));
        assert_eq!(check("Aliceliddell", "aliceliddell"), Err(Weak::Name));
        assert_eq!(check("alice-alice-1", "alice"), Err(Weak::Name));
        for common in ["Password1234", "password2026!", "123456789012", "qwertyuiop123", "Correct Horse Battery Staple"]
        {
            assert_eq!(check(common, "bob"), Err(Weak::Common), "{common}");
        }
    }

    #[test]
    fn a_hash_has_the_parameters_it_should_and_no_two_are_alike() {
        let (one, other) = (hash("tulip orbit wagon"), hash("tulip orbit wagon"));
        let settings = |phc: &str| phc.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(settings(&one).unwrap(), "$argon2id$v=19$m=19456,t=2,p=1");
        assert_eq!(settings(DECOY), settings(&one), "comparing with it takes as long");
        assert_eq!((DECOY.len(), PasswordHash::new(DECOY).is_ok()), (one.len(), true));
        assert_ne!(one, other);
        assert!(matches("tulip orbit wagon", &one) && !matches("tulip orbit wagons", &one));
        assert!(!matches("", &one) && !matches("x", "no hash"));
    }

    #[tokio::test]
    async fn nobodys_password_is_compared_and_never_right() {
        let passwords = Passwords::default();
        assert_eq!(passwords.verify("tulip orbit wagon".to_owned(), None).await, Ok(false));
        let phc = passwords.hash("tulip orbit wagon".to_owned()).await.unwrap();
        assert_eq!(passwords.verify("tulip orbit wagon".to_owned(), Some(phc.clone())).await, Ok(true));
        assert_eq!(passwords.verify(String::new(), Some(phc.clone())).await, Ok(false));
        assert_eq!(passwords.verify("x".repeat(LONGEST + 1), Some(phc)).await, Ok(false));
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let passwords = Passwords::default();
        let all = passwords.waiting.clone().try_acquire_many_owned(MOST_WAITING as u32).unwrap();
        assert_eq!(passwords.verify("tulip orbit wagon".to_owned(), None).await, Err(Busy));
        drop(all);
        assert_eq!(passwords.verify("tulip orbit wagon".to_owned(), None).await, Ok(false));
    }
}
