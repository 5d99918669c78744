//! Links that the command line asked for.

use http::StatusCode;

use super::*;

async fn token(site: &Site, user: &str, role: Role) -> Bearer {
    let expires = site.clock.unix_ms() + 3_600_000;
    site.sql(&format!(
        "INSERT INTO tokens (id, kind, user, role, hash, created_ms, expires_ms)
         VALUES (7, 'user', '{user}', '{role}', '{}', 0, {expires})",
        "0".repeat(64)
    ))
    .await;
    Bearer::Token { id: 7, user: user.to_owned(), role }
}

async fn follow(browser: &mut Browser, link: &Link) -> browser::Answer {
    let code = link.path.split_once("code=").unwrap().1;
    browser.submit(&link.path, "/sign-in/link", &[("code", code)]).await
}

#[tokio::test]
async fn a_link_signs_in_once_and_looking_at_it_does_not_use_it_up() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let bearer = token(&site, "alice", Role::Viewer).await;
    let link = site.web.sign_in_link(bearer);
    assert_eq!(link.expires_ms, site.clock.unix_ms() + 300_000);
    for _ in 0..3 {
        let seen = site.browser_at(AWAY).get(&link.path).await;
        assert!(seen.status == StatusCode::OK && seen.says("alice") && seen.says("viewer"), "{}", seen.text);
        assert!(
            seen.cookies().iter().all(|line| line.starts_with("__Host-sweep-form=")),
            "nobody is signed in by looking"
        );
    }
    let mut browser = site.browser();
    assert_eq!(follow(&mut browser, &link).await.location(), "/");
    assert!(browser.get("/").await.says("<span class=\"role\">viewer"), "no more than the token may");
    let mut second = site.browser();
    let gone = second.get(&link.path).await;
    assert_eq!(gone.status, StatusCode::FORBIDDEN);
    assert!(gone.says("works no more") && second.session().is_none());
    let events = site.events().await;
    assert!(
        events.contains(&"alice signed_in: from 203.0.113.0/24, as viewer, by a link, made with a token".to_owned()),
        "{events:?}"
    );
}

#[tokio::test]
async fn two_who_follow_a_link_at_the_same_time_are_not_both_let_in() {
    let site = site().await;
    let link = site.web.sign_in_link(Bearer::Home { name: "root".to_owned() });
    let tries = (0..8).map(|_| {
        let (mut browser, link) = (site.browser(), link.clone());
        tokio::spawn(async move {
            let code = link.path.split_once("code=").unwrap().1.to_owned();
            let page = browser.get("/sign-in").await.hidden("form_token");
            browser.post("/sign-in/link", &[("form_token", &page), ("code", &code)]).await.status
        })
    });
    let statuses: Vec<StatusCode> =
        futures_util::future::join_all(tries).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::SEE_OTHER).count(), 1, "{statuses:?}");
}

#[tokio::test]
async fn an_old_link_or_a_made_up_one_is_worth_nothing() {
    let site = site().await;
    let link = site.web.sign_in_link(Bearer::Home { name: "root".to_owned() });
    let mut browser = site.browser();
    let page = browser.get(&link.path).await;
    site.pass(Duration::from_mins(5));
    let code = link.path.split_once("code=").unwrap().1;
    let late = browser.post("/sign-in/link", &[("form_token", &page.hidden("form_token")), ("code", code)]).await;
    assert_eq!((late.status, browser.session()), (StatusCode::FORBIDDEN, None));
    for n in 0..30 {
        assert_eq!(browser.get(&format!("/sign-in/link?code={n:064x}")).await.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn a_link_lets_in_whom_a_strangers_guesses_keep_out() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let bearer = token(&site, "alice", Role::User).await;
    let mut browser = site.browser();
    while browser.sign_in("alice", "wrong password").await.status != StatusCode::TOO_MANY_REQUESTS {}
    assert_eq!(follow(&mut browser, &site.web.sign_in_link(bearer)).await.location(), "/");
}

#[tokio::test]
async fn a_session_ends_with_the_token_that_its_link_was_made_with() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let bearer = token(&site, "alice", Role::User).await;
    let mut browser = site.browser();
    let waiting = site.web.sign_in_link(bearer.clone());
    follow(&mut browser, &site.web.sign_in_link(bearer.clone())).await;
    assert!(browser.user().await.is_some());
    assert!(browser.cookies.contains_key("__Host-sweep"));
    site.sql("UPDATE tokens SET revoked_ms = 1").await;
    assert_eq!(browser.user().await, None);
    let refused = follow(&mut browser, &waiting).await;
    assert!(refused.says("has expired or was revoked"), "{}", refused.text);
    site.sql("UPDATE tokens SET revoked_ms = NULL").await;
    assert!(browser.user().await.is_some());
    site.pass(Duration::from_hours(1));
    assert_eq!(browser.user().await, None, "the token has expired");
}

#[tokio::test]
async fn with_a_weaker_token_nobody_changes_the_account() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let bearer = token(&site, "alice", Role::Viewer).await;
    let mut browser = site.browser();
    follow(&mut browser, &site.web.sign_in_link(bearer)).await;
    assert!(browser.get("/account").await.says("begun with a token that may do less than you may"));
    let fields = [("current", PASSWORD), ("new", "another long password"), ("again", "another long password")];
    let answer = browser.submit("/account", "/account/password", &fields).await;
    assert!(
        answer.status == StatusCode::UNPROCESSABLE_ENTITY || answer.status == StatusCode::CONFLICT,
        "{}",
        answer.text
    );
    assert_eq!(browser.get("/account/second-factor").await.status, StatusCode::CONFLICT);
    assert_eq!(site.events_of("password_changed").await, 0);
    assert_eq!(site.browser().sign_in("alice", PASSWORD).await.location(), "/");
}

#[tokio::test]
async fn the_homes_own_token_signs_in_without_an_account_and_touches_no_user_of_that_name() {
    let site = site().await;
    site.add("alice", Role::Viewer).await;
    let mut viewer = site.signed_in("alice").await;
    let mut root = site.browser();
    follow(&mut root, &site.web.sign_in_link(Bearer::Home { name: "alice".to_owned() })).await;
    assert!(root.get("/").await.says("<span class=\"role\">admin"));
    assert!(viewer.get("/").await.says("<span class=\"role\">viewer"));
    let page = root.get("/account").await;
    assert!(page.says("that is no account"), "{}", page.text);
    assert_eq!(page.between("name=\"session\" value=\"", "\"").len(), 1, "the user's are not hers");
    root.submit("/account", "/account/sessions/end-others", &[]).await;
    assert!(viewer.user().await.is_some());
    viewer.submit("/account", "/account/sessions/end-others", &[]).await;
    assert!(root.user().await.is_some());
}
