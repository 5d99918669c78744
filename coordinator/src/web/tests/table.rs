//! What holds of each route in the table, so that none is forgotten.

use axum::body::Body;
use http::{Method, StatusCode};

use super::*;

fn forms() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.method == Method::POST)
}

#[tokio::test]
async fn every_answer_has_the_headers_that_bind_the_browser() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let mut browsers = [site.browser(), site.signed_in("alice").await];
    for browser in &mut browsers {
        for route in ROUTES {
            for method in [&Method::GET, &Method::POST, &Method::DELETE] {
                // Cookies that an answer sets are not kept.
                let answer = browser
                    .clone()
                    .send(browser.request(method.clone(), route.path).body(Body::empty()).unwrap())
                    .await;
                for (name, value) in HEADERS {
                    assert_eq!(answer.header(name), *value, "{name} of {method} {}", route.path);
                }
                assert!(!answer.header("cache-control").is_empty());
                assert!(answer.headers.get("strict-transport-security").is_none());
                if answer.header("content-type").starts_with("text/html") {
                    assert_eq!(answer.header("cache-control"), "no-store", "{}", route.path);
                    let scripts = answer.between("<script", "</script>");
                    let ours = format!(" src=\"{}\" defer>", super::routes::assets::script_path());
                    assert_eq!(scripts, [ours], "{}", route.path);
                    assert!(!answer.says("style=") && !answer.says("onclick"), "{}", route.path);
                }
            }
        }
    }
    assert_eq!(
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'"
    );
}

#[tokio::test]
async fn browsers_are_bound_to_tls_only_where_that_was_asked_for_and_there_is_tls() {
    let site = site_with(Settings { hsts: true, ..Default::default() }).await;
    assert_eq!(site.browser().get("/sign-in").await.header("strict-transport-security"), "max-age=15768000");
    assert_eq!(site.plain_browser().get("/sign-in").await.header("strict-transport-security"), "");
}

#[tokio::test]
async fn who_is_not_signed_in_sees_the_open_routes_only() {
    let site = site().await;
    for route in ROUTES {
        let mut browser = site.browser();
        let answer = match route.method {
            Method::GET => browser.get(route.path).await,
            _ => browser.post(route.path, &[]).await,
        };
        match (route.who, route.needs_form_token()) {
            (Who::Open, false) => assert!(
                answer.status != StatusCode::UNAUTHORIZED && !answer.location().starts_with("/sign-in?next"),
                "{}",
                route.path
            ),
            (Who::Open, true) => assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", route.path),
            (Who::Program, _) => assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", route.path),
            (_, false) => assert!(answer.location().starts_with("/sign-in"), "{}", route.path),
            (_, true) => assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", route.path),
        }
    }
}

#[tokio::test]
async fn no_form_is_taken_that_no_page_of_ours_made_for_this_browser() {
    let site = site().await;
    site.add("alice", Role::Admin).await;
    site.add("mallory", Role::User).await;
    let mut alice = site.signed_in("alice").await;
    // She has a form of the time before she signed in, too.
    alice.cookies.extend(site.browser().get("/sign-in").await.cookies().iter().map(|line| {
        let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    }));
    let mut mallory = site.signed_in("mallory").await;
    let mallorys = mallory.get("/").await.hidden("form_token");
    let before = site.events().await;
    for route in forms() {
        for token in ["", "0", &mallorys] {
            let answer =
                alice.post(route.path, &[("form_token", token), ("name", "alice"), ("password", PASSWORD)]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{} with {token:?}", route.path);
            assert!(answer.says("That form is too old"), "{}", answer.text);
        }
    }
    assert_eq!(site.events().await, before, "nothing was done");
    assert!(alice.user().await.is_some());
}

#[tokio::test]
async fn no_form_is_taken_from_a_foreign_site() {
    let site = site().await;
    site.add("alice", Role::Admin).await;
    let mut alice = site.signed_in("alice").await;
    let token = alice.get("/").await.hidden("form_token");
    let before = site.events().await;
    for headers in [
        vec![("origin", "https://evil.example".to_owned())],
        vec![("origin", "null".to_owned())],
        vec![("origin", "https://desk.lan:7433".to_owned()), ("sec-fetch-site", "cross-site".to_owned())],
        vec![("sec-fetch-site", "same-site".to_owned())],
        vec![("origin", "http://desk.lan:7433".to_owned())],
    ] {
        alice.headers.clone_from(&headers);
        for route in forms() {
            let answer = alice.post(route.path, &[("form_token", &token)]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{} with {headers:?}", route.path);
            assert!(answer.says("Nothing was changed."), "{}", answer.text);
        }
    }
    assert_eq!(site.events().await, before);
}

#[tokio::test]
async fn no_form_is_taken_that_is_too_large_or_none() {
    let site = site().await;
    site.add("alice", Role::Admin).await;
    let mut alice = site.signed_in("alice").await;
    let token = alice.get("/").await.hidden("form_token");
    for route in forms() {
        let large = alice.post_text(route.path, format!("form_token={token}&name={}", "x".repeat(64 << 10))).await;
        assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", route.path);
        let streamed =
            Body::from_stream(futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 4096])));
        let request =
            alice.request(Method::POST, route.path).header("content-type", "application/x-www-form-urlencoded");
        let endless = alice.send(request.body(streamed).unwrap()).await;
        assert_eq!(endless.status, StatusCode::PAYLOAD_TOO_LARGE, "{} without a length", route.path);
        let request = alice.request(Method::POST, route.path).header("content-type", "application/json");
        let json = alice.send(request.body(Body::from("{}")).unwrap()).await;
        assert_eq!(json.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{}", route.path);
        let twice = alice.post_text(route.path, format!("form_token={token}&form_token={token}")).await;
        assert_eq!(twice.status, StatusCode::BAD_REQUEST, "{}", route.path);
        let long = alice.post(route.path, &[("form_token", &token), ("name", &"x".repeat(3000))]).await;
        assert_eq!(long.status, StatusCode::BAD_REQUEST, "{}", route.path);
    }
    assert!(alice.user().await.is_some());
}

#[tokio::test]
async fn a_form_that_never_ends_is_given_up() {
    let site = site_with(Settings { form_takes: Duration::from_millis(1), ..Default::default() }).await;
    let mut browser = site.browser();
    let request = browser.request(Method::POST, "/sign-in").header("content-type", "application/x-www-form-urlencoded");
    let answer = browser.send(
        request.body(Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>())).unwrap(),
    );
    assert_eq!(answer.await.status, StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn nothing_else_is_there_and_a_request_from_nowhere_is_not_answered() {
    let site = site().await;
    let missing = not_found();
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert!(missing.headers().contains_key("content-security-policy"));
    let mut browser = site.browser();
    let mut request = browser.request(Method::GET, "/sign-in").body(Body::empty()).unwrap();
    request.extensions_mut().remove::<crate::net::Peer>();
    assert_eq!(browser.send(request).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    let head = browser.request(Method::HEAD, "/sign-in").body(Body::empty()).unwrap();
    let head = browser.send(head).await;
    assert_eq!((head.status, head.text.as_str()), (StatusCode::OK, ""));
}

#[tokio::test]
async fn whoever_watches_over_services_learns_that_this_one_works_and_no_more() {
    let site = site().await;
    let answer = site.browser().get("/healthz").await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, "ok\n"));
}

#[tokio::test]
async fn every_page_can_be_read_by_a_screen_reader() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let mut alice = site.signed_in("alice").await;
    let link = site.web.sign_in_link(Bearer::Home { name: "root".to_owned() }).path;
    let mut pages = Vec::new();
    for path in ["/", "/account", "/account/second-factor"] {
        pages.push((path, alice.get(path).await));
    }
    for path in ["/sign-in", link.as_str()] {
        pages.push((path, site.browser().get(path).await));
    }
    for (path, page) in pages {
        assert!(
            page.says("<html lang=\"en\">") && page.says("<main id=\"main\">") && page.says("class=\"skip\""),
            "{path}"
        );
        assert_eq!(page.text.matches("<h1>").count(), 1, "{path}");
        let ids = page.between(" id=\"", "\"");
        let unique: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len(), "{path}: {ids:?}");
        for input in page.between("<input ", ">") {
            let id = input.strip_prefix("id=\"").and_then(|rest| rest.split('"').next());
            let labelled = id.is_some_and(|id| page.says(&format!("<label for=\"{id}\">")));
            assert!(labelled || input.contains("hidden"), "{path}: {input}");
        }
        for named in page.between("aria-labelledby=\"", "\"").iter().chain(&page.between("aria-describedby=\"", "\"")) {
            assert!(named.split(' ').all(|id| ids.iter().any(|other| other == id)), "{path}: {named}");
        }
    }
}
