//! What each answer of the page tells the browser not to do.

use axum::response::Response;
use http::{HeaderName, HeaderValue, header};

/// Scripts, styles and pictures from here only and none within a page, forms to here only, in nobody's frame.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// `Referrer-Policy` is `same-origin` and not `no-referrer`: both tell other sites nothing, but under the latter browsers send
/// `Origin: null` with our own forms, which could not be told from a foreign page's.
pub const ALWAYS: &[(&str, &str)] = &[
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
];

/// For half a year, once it was asked for.
const HSTS: &str = "max-age=15768000";

/// `hsts`: the browser shall refuse to come without TLS from now on, and to let people click a warning about the certificate away.
/// Only where somebody asked for it: with our own CA, not yet known to the browser, it would shut its user out.
pub fn seal(mut response: Response, hsts: bool) -> Response {
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if hsts {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
    response
}
