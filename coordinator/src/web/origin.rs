//! Whether a request is answered at all, and a form was sent from a page of ours, as the browser tells: the second wall behind
//! the token in the form.

use http::{HeaderMap, Uri, header};

use super::trouble::Trouble;
use crate::access::origin;

/// Browsers send `Origin`, `Sec-Fetch-Site` or both with each form; who sends neither is no browser, and cannot be misled by a
/// foreign page.
pub fn check(headers: &HeaderMap, uri: &Uri, tls: bool, posts: bool) -> Result<(), Trouble> {
    origin::check(headers, uri, tls).map_err(|foreign| Trouble::Foreign(foreign.to_string()))?;
    match headers.get("sec-fetch-site") {
        Some(site) if posts && site != "same-origin" && site != "none" => {
            let site = site.to_str().unwrap_or("?");
            Err(Trouble::Foreign(format!(
                "the form was sent from a foreign page, says the browser (Sec-Fetch-Site: {site})"
            )))
        }
        _ => Ok(()),
    }
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

    fn may(headers: &[(&'static str, &'static str)], posts: bool) -> bool {
        let headers = headers.iter().map(|(name, value)| {
            let name: http::HeaderName = name.parse().unwrap();
            (name, HeaderValue::from_static(value))
        });
        check(&headers.collect(), &Uri::from_static("/sign-in"), true, posts).is_ok()
    }

    const HOST: (&str, &str) = ("host", "desk.lan:7433");
    const ORIGIN: (&str, &str) = ("origin", "https://desk.lan:7433");

    #[test]
    fn our_own_pages_and_what_is_no_browser_may_send_forms() {
        assert!(may(&[HOST], true));
        assert!(may(&[HOST, ORIGIN, ("sec-fetch-site", "same-origin")], true));
        assert!(may(&[HOST, ("sec-fetch-site", "none")], true));
    }

    #[test]
    fn other_sites_may_link_to_pages_and_send_no_forms() {
        for site in ["cross-site", "same-site", "nonsense"] {
            assert!(!may(&[HOST, ORIGIN, ("sec-fetch-site", site)], true), "{site}");
            assert!(may(&[HOST, ("sec-fetch-site", site)], false), "{site}");
        }
        for posts in [true, false] {
            assert!(!may(&[HOST, ("origin", "https://evil.example")], posts));
            assert!(!may(&[HOST, ("origin", "null")], posts));
        }
    }

    #[test]
    fn http_2_names_the_host_in_its_address() {
        let uri = Uri::from_static("https://desk.lan:7433/sign-in");
        assert_eq!(host(&HeaderMap::new(), &uri), Some("desk.lan:7433"));
        let headers = [(header::HOST, HeaderValue::from_static("gpu"))].into_iter().collect();
        assert_eq!(host(&headers, &Uri::from_static("/")), Some("gpu"));
    }
}
