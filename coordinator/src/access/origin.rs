//! Requests that a web page of somebody else's makes a browser send. Pure.

use http::uri::Authority;
use http::{HeaderMap, Uri, header};

/// Why a request is turned away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    #[error("requests from pages of {0:?} are not answered")]
    Origin(String),
    /// Some name that leads to a loopback address (DNS rebinding).
    #[error(
        "this coordinator is on a loopback address and does not answer to the name {0:?}; call it localhost or 127.0.0.1"
    )]
    Host(String),
    #[error("the request does not say which host it is for")]
    NoHost,
}

/// Looks at `Origin` and `Host`. Without TLS a coordinator is on loopback, and answers to loopback names only.
pub fn check(headers: &HeaderMap, uri: &Uri, tls: bool) -> Result<(), Foreign> {
    let host = host(headers, uri).ok_or(Foreign::NoHost)?;
    if !tls && !is_loopback(host.host()) {
        return Err(Foreign::Host(shown(host.as_str())));
    }
    for origin in headers.get_all(header::ORIGIN) {
        let text = origin.to_str().unwrap_or_default();
        if !is_own(text, &host, tls) {
            return Err(Foreign::Origin(shown(text)));
        }
    }
    Ok(())
}

/// HTTP/2 has it in the URI.
fn host(headers: &HeaderMap, uri: &Uri) -> Option<Authority> {
    if let Some(authority) = uri.authority() {
        return Some(authority.clone());
    }
    headers.get(header::HOST)?.to_str().ok()?.parse().ok()
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fn is_own(origin: &str, host: &Authority, tls: bool) -> bool {
    let scheme = if tls { "https://" } else { "http://" };
    origin.strip_prefix(scheme).is_some_and(|rest| rest.eq_ignore_ascii_case(host.as_str()))
}

/// What can be repeated to whoever sent it.
fn shown(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(host: &str, origin: Option<&str>, tls: bool) -> Result<(), Foreign> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        check(&headers, &"/sign-in".parse().unwrap(), tls)
    }

    #[test]
    fn on_loopback_only_loopback_names_are_answered_to() {
        for host in ["127.0.0.1:7433", "localhost:7433", "LOCALHOST", "[::1]:7433", "127.8.8.8"] {
            assert_eq!(seen(host, None, false), Ok(()), "{host}");
        }
        for host in ["evil.example:7433", "127.0.0.1.evil.example", "10.0.0.1:7433", "localhost.evil.example"] {
            assert_eq!(seen(host, None, false), Err(Foreign::Host(host.to_owned())));
            assert_eq!(seen(host, None, true), Ok(()), "with TLS the certificate has said who is called");
        }
    }

    #[test]
    fn only_our_own_pages_may_send_requests() {
        assert_eq!(seen("localhost:7433", Some("http://localhost:7433"), false), Ok(()));
        assert_eq!(seen("gpu:7433", Some("https://gpu:7433"), true), Ok(()));
        for origin in ["https://evil.example", "null", "http://gpu:7433", "https://gpu", "https://gpu:7434", ""] {
            assert_eq!(seen("gpu:7433", Some(origin), true), Err(Foreign::Origin(origin.to_owned())), "{origin}");
        }
    }

    #[test]
    fn of_several_origins_none_may_be_foreign() {
        let mut headers = HeaderMap::new();
        headers.append(header::ORIGIN, "https://gpu".parse().unwrap());
        headers.append(header::ORIGIN, "https://evil.example".parse().unwrap());
        assert!(check(&headers, &"https://gpu/".parse().unwrap(), true).is_err());
        assert_eq!(check(&HeaderMap::new(), &"/".parse().unwrap(), true), Err(Foreign::NoHost));
    }
}
