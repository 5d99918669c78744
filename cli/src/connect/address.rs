//! Where a coordinator is, as users write it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use sweep_coordinator::DEFAULT_PORT;

use crate::exit::Failure;

/// Host and port. Written `host`, `host:port` or `http://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// What a gRPC client wants.
    pub fn url(&self) -> String {
        format!("http://{}:{}", self.host, self.port)
    }

    pub fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for Address {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let wrong = || {
            Failure::usage(format!("{text:?} is not an address of a coordinator"))
                .hint("addresses look like 127.0.0.1:7433 or http://desk:7433")
        };
        if text.starts_with("https://") {
            return Err(Failure::usage("this version has no TLS yet, so https:// addresses cannot be used")
                .hint("tunnel the port over SSH (ssh -L 7433:127.0.0.1:7433 HOST) and use http://127.0.0.1:7433"));
        }
        let rest = text.strip_prefix("http://").unwrap_or(text);
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            // The colons within [::1] are none before a port.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| wrong())?),
            _ => (rest, DEFAULT_PORT),
        };
        let bracketed = host.starts_with('[') && host.ends_with(']') && host.len() > 2;
        let plain = !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || "-._".contains(c));
        if !(plain || bracketed) || port == 0 {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_users_write_them() {
        let cases = [
            ("desk", "http://desk:7433", false),
            ("127.0.0.1:80", "http://127.0.0.1:80", true),
            ("http://localhost:7433/", "http://localhost:7433", true),
            ("[::1]", "http://[::1]:7433", true),
            ("[::1]:9", "http://[::1]:9", true),
            ("http://10.0.0.5:7433", "http://10.0.0.5:7433", false),
        ];
        for (text, url, loopback) in cases {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.url().as_str(), address.is_loopback()), (url, loopback), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_in_words() {
        for text in ["", "http://", "desk:port", "desk:0", "a b", "http://desk:1/path", "ftp://desk"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
        assert!("https://desk:7433".parse::<Address>().unwrap_err().text().contains("TLS"));
    }
}
