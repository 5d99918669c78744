//! Where a coordinator is, as users write it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The one port for everything.
pub const DEFAULT_PORT: u16 = 7433;

/// Host and port, and whether TLS is spoken there. Written `host`, `host:port`, `http://host:port` or `https://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// `None`: not said.
    tls: Option<bool>,
    host: String,
    port: u16,
}

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an address of a coordinator: one looks like https://desk:7433, or 127.0.0.1:7433 on this machine"
)]
pub struct NoAddress(String);

impl Address {
    /// With the scheme, `https://desk:7433`.
    pub fn url(&self) -> String {
        let scheme = if self.is_tls() { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }

    /// As it was said; otherwise to other machines only.
    pub fn is_tls(&self) -> bool {
        self.tls.unwrap_or(!self.is_loopback())
    }

    /// Where nothing was said: as the coordinator is known to speak.
    pub fn or_tls(self, tls: bool) -> Self {
        Self { tls: self.tls.or(tls.then_some(true)), ..self }
    }

    pub fn is_loopback(&self) -> bool {
        let bare = self.bare_host();
        bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Without the brackets of `[::1]`.
    pub fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        let wrong = || NoAddress(text.to_owned());
        let (tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (Some(true), rest),
            (_, Some(rest)) => (Some(false), rest),
            _ => (None, text),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            // The colons within [::1] are none before a port.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| wrong())?),
            _ => (rest, DEFAULT_PORT),
        };
        let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let good = match bracketed {
            Some(inside) => inside.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || "-._".contains(c)),
        };
        if !good || port == 0 {
            return Err(wrong());
        }
        Ok(Self { tls, host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_users_write_them() {
        let cases = [
            ("desk", "https://desk:7433", false),
            ("127.0.0.1:80", "http://127.0.0.1:80", true),
            ("http://localhost:7433/", "http://localhost:7433", true),
            ("[::1]", "http://[::1]:7433", true),
            ("[::1]:9", "http://[::1]:9", true),
            ("https://127.0.0.1:7433", "https://127.0.0.1:7433", true),
            ("http://10.0.0.5:7433", "http://10.0.0.5:7433", false),
            ("10.0.0.5", "https://10.0.0.5:7433", false),
        ];
        for (text, url, loopback) in cases {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.url().as_str(), address.is_loopback()), (url, loopback), "{text}");
            assert_eq!(address.url().parse::<Address>().unwrap().url(), url);
        }
    }

    #[test]
    fn what_was_said_holds_whatever_is_known() {
        let known = |text: &str, tls| text.parse::<Address>().unwrap().or_tls(tls).url();
        assert_eq!(known("127.0.0.1", true), "https://127.0.0.1:7433");
        assert_eq!(known("127.0.0.1", false), "http://127.0.0.1:7433");
        assert_eq!(known("http://127.0.0.1", true), "http://127.0.0.1:7433");
        assert_eq!(known("desk", false), "https://desk:7433");
    }

    #[test]
    fn what_is_no_address_is_refused_in_words() {
        for text in ["", "http://", "desk:port", "desk:0", "a b", "http://desk:1/path", "ftp://desk", "[desk]", "[::1"]
        {
            let refused = text.parse::<Address>().unwrap_err();
            assert!(refused.to_string().contains("https://desk:7433"), "{text}");
        }
    }
}
