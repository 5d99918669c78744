//! Whether a form was sent from a page of ours, as the browser tells: the second wall behind the token in the form.

use http::{HeaderMap, Uri, header};

/// Why not.
#[derive(Debug, PartialEq, Eq)]
pub struct Foreign(pub String);

/// Browsers send at least one of the two headers with each form; who sends neither is no browser, and cannot be misled by a
/// foreign page.
pub fn check(headers: &HeaderMap, uri: &Uri, tls: bool) -> Result<(), Foreign> {
    if let Some(site) = headers.get("sec-fetch-site")
        && site != "same-origin"
        && site != "none"
    {
        return Err(Foreign(format!("Sec-Fetch-Site: {}", site.to_str().unwrap_or("?"))));
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or("?");
    let ours = host(headers, uri).map(|host| format!("{}://{host}", if tls { "https" } else { "http" }));
    if ours.is_some_and(|ours| ours.eq_ignore_ascii_case(origin)) {
        return Ok(());
    }
    Err(Foreign(format!("Origin: {origin}")))
}

/// The name and port by which the browser knows us: HTTP/2's `:authority`, or HTTP/1.1's `Host`.
pub fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let authority = uri.authority().map(|authority| authority.as_str());
    authority.or_else(|| headers.get(header::HOST)?.to_str().ok())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn checked(headers: &[(&'static str, &'static str)], tls: bool) -> Result<(), Foreign> {
        let headers = headers.iter().map(|(name, value)| {
            let name: http::HeaderName = name.parse().unwrap();
            (name, HeaderValue::from_static(value))
        });
        check(&headers.collect(), &Uri::from_static("/sign-in"), tls)
    }

    const HOST: (&str, &str) = ("host", "desk.lan:7433");

    #[test]
    fn our_own_pages_and_what_is_no_browser_may() {
        assert_eq!(checked(&[HOST], true), Ok(()));
        assert_eq!(
            checked(&[HOST, ("origin", "https://desk.lan:7433"), ("sec-fetch-site", "same-origin")], true),
            Ok(())
        );
        assert_eq!(checked(&[HOST, ("origin", "http://Desk.lan:7433")], false), Ok(()));
        assert_eq!(checked(&[HOST, ("sec-fetch-site", "none")], true), Ok(()));
    }

    #[test]
    fn other_sites_other_ports_and_other_schemes_may_not() {
        for origin in
            ["null", "https://evil.example", "https://desk.lan", "https://desk.lan:7434", "http://desk.lan:7433", ""]
        {
            let headers = [HOST, ("origin", origin)];
            assert!(checked(&headers, true).is_err(), "{origin}");
        }
        for site in ["cross-site", "same-site", "nonsense"] {
            let headers = [HOST, ("sec-fetch-site", site), ("origin", "https://desk.lan:7433")];
            assert!(checked(&headers, true).is_err(), "{site}");
        }
        assert!(checked(&[("origin", "http://desk.lan")], false).is_err(), "no host to compare with");
    }

    #[test]
    fn http_2_names_the_host_in_its_address() {
        let headers = [(header::ORIGIN, HeaderValue::from_static("https://desk.lan:7433"))].into_iter().collect();
        assert_eq!(check(&headers, &Uri::from_static("https://desk.lan:7433/sign-in"), true), Ok(()));
    }
}
