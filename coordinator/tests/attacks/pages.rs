//! The page's routes × what must be refused, over real connections.

use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use sweep_coordinator::{ManualClock, PageWho, ROUTES, Route};
use sweep_shared::wire::v1;
use tonic::body::Body;
use tower::{Service as _, ServiceExt as _};

use super::call::{Call, exchange};
use super::database;
use super::site::{Caller, Shown, Site};

/// Method, path, and whether it is for everybody.
const EXPECTED: &[(&str, &str, bool)] = &[
    ("GET", "/", false),
    ("GET", "/sweeps/{sweep}", false),
    ("GET", "/sweeps/{sweep}/plan", false),
    ("GET", "/jobs/{job}", false),
    ("GET", "/jobs/{job}/file", false),
    ("GET", "/jobs/{job}/log", false),
    ("GET", "/sign-in", true),
    ("POST", "/sign-in", true),
    ("GET", "/sign-in/code", true),
    ("POST", "/sign-in/code", true),
    ("GET", "/sign-in/link", true),
    ("POST", "/sign-in/link", true),
    ("POST", "/sign-out", false),
    ("GET", "/account", false),
    ("POST", "/account/password", false),
    ("GET", "/account/second-factor", false),
    ("POST", "/account/second-factor", false),
    ("POST", "/account/second-factor/off", false),
    ("POST", "/account/recovery-codes", false),
    ("POST", "/account/sessions/end", false),
    ("POST", "/account/sessions/end-others", false),
    ("GET", "/api/v1/sweeps", false),
    ("GET", "/api/v1/sweeps/{sweep}", false),
    ("GET", "/api/v1/sweeps/{sweep}/jobs", false),
    ("GET", "/api/v1/sweeps/{sweep}/results", false),
    ("GET", "/api/v1/jobs/{job}", false),
    ("GET", "/api/v1/agents", false),
    ("GET", "/api/v1/agents/{agent}", false),
    ("GET", "/api/v1/events", false),
    ("GET", "/api/v1/openapi.json", false),
    ("GET", "/metrics", false),
    ("GET", "/healthz", true),
    ("GET", "/agents", false),
    ("GET", "/agents/{agent}", false),
    ("GET", "/agents/{agent}/drain", false),
    ("POST", "/agents/{agent}/drain", false),
    ("GET", "/sweeps/{sweep}/change/{change}", false),
    ("POST", "/sweeps/{sweep}/change/{change}", false),
    ("GET", "/jobs/{job}/change/{change}", false),
    ("POST", "/jobs/{job}/change/{change}", false),
    ("GET", "/events", false),
    ("GET", "/live", false),
    ("GET", "/style.css", true),
    ("GET", "/live.js", true),
    ("GET", "/favicon.svg", true),
];

/// As somebody might ask for it.
fn path(route: &Route) -> String {
    let parts = route.path.split('/').map(|part| if part.starts_with('{') { "1" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

const PASSWORD: &str = "a horse that nobody rides";

#[test]
fn no_route_is_forgotten() {
    let rows = ROUTES.iter().map(|route| (route.method.as_str(), route.path, route.who == PageWho::Open));
    assert_eq!(rows.collect::<Vec<_>>(), EXPECTED, "tests/attacks/pages.rs");
}

/// What came back.
#[derive(Debug)]
struct Page {
    status: StatusCode,
    location: String,
    cookies: Vec<String>,
    text: String,
}

/// A browser's request, with these headers and this form.
async fn ask(site: &Site, (method, path): (&Method, &str), headers: &[(&str, String)], form: Vec<u8>) -> Page {
    let mut channel = site.channel(&Shown::default()).0;
    let mut request = http::Request::builder().method(method).uri(path);
    if *method == Method::POST {
        request = request.header("content-type", "application/x-www-form-urlencoded");
    }
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let request = request.body(Body::new(http_body_util::Full::from(form))).unwrap();
    let answer = channel.ready().await.unwrap().call(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let header = |name: &str| head.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let cookies = head.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect();
    // The server may answer before it has read all that was sent.
    let text = body.collect().await.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned());
    Page { status: head.status, location: header("location"), cookies, text: text.unwrap_or_default() }
}

fn cookie(page: &Page, name: &str) -> String {
    let start = format!("{name}=");
    let line = page.cookies.iter().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{page:?}"));
    line.split(';').next().unwrap().to_owned()
}

/// Signs in as root; the session's cookie.
async fn sign_in(site: &Site) -> String {
    let host = if site.is_tls() { "__Host-" } else { "" };
    let page = ask(site, (&Method::GET, "/sign-in"), &[], Vec::new()).await;
    let token = page.text.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = format!("form_token={token}&name=root&password={}", PASSWORD.replace(' ', "+"));
    let headers = [("cookie", cookie(&page, &format!("{host}sweep-form")))];
    let page = ask(site, (&Method::POST, "/sign-in"), &headers, form.into_bytes()).await;
    cookie(&page, &format!("{host}sweep"))
}

async fn give_password(site: &Site) {
    let user = v1::SetUserRequest { name: "root".to_owned(), password: PASSWORD.to_owned(), ..Default::default() };
    let call = Call::new("/sweep.v1.Access/SetUser").with_message(&user);
    assert_eq!(site.as_caller(Caller::Admin, call).await.code, tonic::Code::Ok);
}

fn closed() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.who != PageWho::Open)
}

/// Pages lead to the sign-in, forms are refused.
fn is_refused(route: &Route, page: &Page) -> bool {
    match route.method {
        _ if route.who == PageWho::Program => page.status == StatusCode::UNAUTHORIZED,
        Method::GET => page.status.is_redirection() && page.location.starts_with("/sign-in"),
        _ => page.status == StatusCode::UNAUTHORIZED,
    }
}

#[tokio::test]
async fn nobody_sees_a_page_without_a_session_that_stands() {
    let site = Site::new().await;
    give_password(&site).await;
    let ended = sign_in(&site).await;
    let user = v1::SetUserRequest { name: "root".to_owned(), role: "admin".to_owned(), ..Default::default() };
    // A new password ends all sessions.
    let renewed = v1::SetUserRequest { password: format!("{PASSWORD} twice"), ..user };
    let call = Call::new("/sweep.v1.Access/SetUser").with_message(&renewed);
    assert_eq!(site.as_caller(Caller::Admin, call).await.code, tonic::Code::Ok);
    let before = database::dump(&site.home()).await;
    let token = site.token(Caller::Admin).unwrap();
    let worthless = [
        ("nothing", vec![]),
        ("a made-up cookie", vec![("cookie", format!("__Host-sweep={}", "a".repeat(64)))]),
        ("an empty cookie", vec![("cookie", "__Host-sweep=".to_owned())]),
        ("the cookie of loopback", vec![("cookie", ended.trim_start_matches("__Host-").to_owned())]),
        ("an ended session", vec![("cookie", ended.clone())]),
        ("a token for calls", vec![("authorization", format!("Bearer {token}"))]),
    ];
    for route in closed() {
        for (what, headers) in &worthless {
            if route.who == PageWho::Program && *what == "a token for calls" {
                // Programs show just that; `nobody_reads_without_a_persons_token_or_a_session` has more.
                continue;
            }
            let page = ask(&site, (&route.method, &path(route)), headers, Vec::new()).await;
            assert!(is_refused(route, &page), "{} {} with {what}: {page:?}", route.method, route.path);
        }
    }
    assert_eq!(database::dump(&site.home()).await, before);
}

#[tokio::test]
async fn sessions_expire() {
    let clock = std::sync::Arc::new(ManualClock::default());
    let site = Site::plain_with(clock.clone()).await;
    give_password(&site).await;
    let session = [("cookie", sign_in(&site).await)];
    let page = ask(&site, (&Method::GET, "/"), &session, Vec::new()).await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    clock.advance(std::time::Duration::from_hours(24 * 8));
    for route in closed() {
        let page = ask(&site, (&route.method, &path(route)), &session, Vec::new()).await;
        assert!(is_refused(route, &page), "{} {}: {page:?}", route.method, route.path);
    }
}

#[tokio::test]
async fn foreign_pages_and_long_forms_are_refused_even_of_those_who_are_signed_in() {
    let site = Site::new().await;
    give_password(&site).await;
    let session = ("cookie", sign_in(&site).await);
    let before = database::dump(&site.home()).await;
    for route in ROUTES {
        for origin in ["https://evil.example", "null"] {
            let headers = [session.clone(), ("origin", origin.to_owned())];
            let page = ask(&site, (&route.method, &path(route)), &headers, Vec::new()).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{} {}: {page:?}", route.method, route.path);
        }
    }
    for route in ROUTES.iter().filter(|route| route.method == Method::POST) {
        let form = vec![b'x'; 65 << 10];
        let page = ask(&site, (&route.method, &path(route)), std::slice::from_ref(&session), form).await;
        assert_eq!(page.status, StatusCode::PAYLOAD_TOO_LARGE, "{}: {page:?}", route.path);
        let page = ask(&site, (&route.method, &path(route)), std::slice::from_ref(&session), Vec::new()).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{} without the page's own token: {page:?}", route.path);
    }
    assert_eq!(database::dump(&site.home()).await, before);
}

#[tokio::test]
async fn without_tls_no_page_is_shown() {
    let site = Site::new().await;
    for route in ROUTES {
        let head = format!("{} {} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", route.method, path(route));
        let answer = String::from_utf8_lossy(&exchange(site.address(), head.as_bytes()).await).into_owned();
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("https://"), "{}: {answer}", route.path);
    }
}
