//! Cookies: their names and flags, and how they are read.
//!
//! Under TLS the names begin with `__Host-`, which browsers accept only from this very host, over TLS and for all its paths: no
//! neighbour in the domain can plant one. Without TLS, on loopback, browsers refuse such names, and `Secure` would keep the
//! cookie from being sent at all.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

use super::ticket::Ticket;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookie {
    /// Somebody is signed in.
    Session,
    /// A form was shown to somebody who is not.
    Form,
}

impl Cookie {
    fn name(self, tls: bool) -> &'static str {
        match (self, tls) {
            (Self::Session, true) => "__Host-sweep",
            (Self::Session, false) => "sweep",
            (Self::Form, true) => "__Host-sweep-form",
            (Self::Form, false) => "sweep-form",
        }
    }

    /// What the browser sent. Two of one name are none: one was planted.
    pub fn read(self, headers: &HeaderMap, tls: bool) -> Option<Ticket> {
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut ours = pairs.filter(|(name, _)| *name == self.name(tls));
        let (_, value) = ours.next()?;
        if ours.next().is_some() { None } else { Ticket::read(value) }
    }

    /// `lasts`: `None`, until the browser is closed.
    pub fn set(self, ticket: &Ticket, tls: bool, lasts: Option<Duration>) -> HeaderValue {
        let age = lasts.map_or(String::new(), |lasts| format!("; Max-Age={}", lasts.as_secs()));
        self.header(ticket.reveal(), &age, tls)
    }

    pub fn clear(self, tls: bool) -> HeaderValue {
        self.header("", "; Max-Age=0", tls)
    }

    fn header(self, value: &str, age: &str, tls: bool) -> HeaderValue {
        let secure = if tls { "; Secure" } else { "" };
        let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{age}", self.name(tls));
        HeaderValue::try_from(text).expect("names and hexadecimal digits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (header::COOKIE, HeaderValue::from_str(line).unwrap())).collect()
    }

    #[test]
    fn flags_are_as_strict_as_the_connection_allows() {
        let ticket = Ticket::read(&"a".repeat(64)).unwrap();
        let tls = Cookie::Session.set(&ticket, true, Some(Duration::from_hours(1)));
        let value = "a".repeat(64);
        assert_eq!(tls, format!("__Host-sweep={value}; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=3600"));
        let plain = Cookie::Form.set(&ticket, false, None);
        assert_eq!(plain, format!("sweep-form={value}; Path=/; HttpOnly; SameSite=Strict"));
        assert_eq!(Cookie::Session.clear(false), "sweep=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    }

    #[test]
    fn one_is_found_among_others_and_a_doubled_one_is_not_believed() {
        let ticket = Ticket::fresh();
        let ours = format!("sweep={}", ticket.reveal());
        assert_eq!(Cookie::Session.read(&sent(&["theme=dark", &ours]), false), Some(ticket.clone()));
        assert_eq!(Cookie::Session.read(&sent(&[&format!("a=b; {ours} ;c")]), false), Some(ticket));
        let other = format!("sweep={}", Ticket::fresh().reveal());
        assert_eq!(Cookie::Session.read(&sent(&[&format!("{ours}; {other}")]), false), None);
    }

    #[test]
    fn a_cookie_of_another_kind_of_connection_is_not_read() {
        let ours = format!("sweep={}", Ticket::fresh().reveal());
        assert_eq!(Cookie::Session.read(&sent(&[&ours]), true), None);
        assert_eq!(Cookie::Form.read(&sent(&[&ours]), false), None);
    }
}
