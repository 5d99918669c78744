//! What a browser's cookie holds: 256 random bits. The database keeps a hash of it, and each form a token that follows from it,
//! from neither of which it can be had back.

use crate::home::hex;

/// Of a session, or, before somebody has signed in, of a form. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket(String);

impl Ticket {
    pub fn fresh() -> Self {
        Self(hex(&rand::random::<[u8; 32]>()))
    }

    /// `None`: no cookie of ours.
    pub fn read(text: &str) -> Option<Self> {
        let ours = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        ours.then(|| Self(text.to_owned()))
    }

    /// For the browser only.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// By which it is found again.
    pub fn hash(&self) -> String {
        blake3::hash(self.0.as_bytes()).to_hex().to_string()
    }

    /// What each form bears that was made for this browser, and no other site can know.
    pub fn form_token(&self) -> String {
        hex(&blake3::derive_key("sweep 2026-11-29 token in forms", self.0.as_bytes()))
    }

    /// Whether the form is one of ours. Compared as hashes, in constant time.
    pub fn made(&self, form_token: &str) -> bool {
        blake3::hash(form_token.as_bytes()) == blake3::hash(self.form_token().as_bytes())
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticket(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_new_is_read_back_and_does_not_show() {
        let (one, other) = (Ticket::fresh(), Ticket::fresh());
        assert_ne!(one.reveal(), other.reveal());
        assert_eq!(Ticket::read(one.reveal()), Some(one.clone()));
        assert!(!format!("{one:?}").contains(&one.reveal()[..8]));
        assert!(!one.hash().contains(one.reveal()) && !one.form_token().contains(one.reveal()));
    }

    #[test]
    fn a_form_is_of_one_browser() {
        let (one, other) = (Ticket::fresh(), Ticket::fresh());
        assert!(one.made(&one.form_token()));
        for wrong in ["", "0", &other.form_token(), &one.hash(), one.reveal(), &one.form_token().to_uppercase()] {
            assert!(!one.made(wrong));
        }
    }

    #[test]
    fn other_cookies_are_not_ours() {
        let long = "a".repeat(65);
        let upper = "A".repeat(64);
        for text in ["", "abc", &long, &upper, &"é".repeat(32)] {
            assert_eq!(Ticket::read(text), None);
        }
    }
}
