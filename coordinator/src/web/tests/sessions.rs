//! How sessions begin, are used, and end.

use http::StatusCode;

use super::*;

fn short() -> Settings {
    Settings {
        idle: Duration::from_hours(1),
        absolute: Duration::from_hours(5),
        most_sessions: 3,
        ..Default::default()
    }
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_and_in_the_end_even_if_it_is() {
    let site = site_with(short()).await;
    site.add("alice", Role::User).await;
    let mut idle = site.signed_in("alice").await;
    let mut used = site.signed_in("alice").await;
    site.pass(Duration::from_mins(50));
    assert!(used.user().await.is_some());
    site.pass(Duration::from_mins(10));
    assert_eq!(idle.user().await, None);
    for _ in 0..7 {
        assert!(used.user().await.is_some());
        site.pass(Duration::from_mins(30));
    }
    site.pass(Duration::from_mins(29));
    assert!(used.user().await.is_some());
    site.pass(Duration::from_mins(1));
    assert_eq!(used.user().await, None, "after five hours");
}

#[tokio::test]
async fn a_session_outlives_the_coordinator() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let mut alice = site.signed_in("alice").await;
    let web = Web::open(site.api.clone(), site.access.clone(), Settings::default()).unwrap();
    let mut later = Browser::new(router(web), HOME, true);
    later.cookies.clone_from(&alice.cookies);
    assert_eq!(later.user().await, alice.user().await);
}

#[tokio::test]
async fn each_sign_in_has_a_new_cookie_and_the_old_one_is_worth_nothing() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let mut browser = site.signed_in("alice").await;
    let mut thief = browser.clone();
    // Signed in already, the form sends her on; a second tab may still have it.
    let mut second_tab = site.browser();
    let page = second_tab.get("/sign-in").await;
    browser.cookies.extend(second_tab.cookies);
    let fields =
        [("form_token", page.hidden("form_token")), ("name", "alice".to_owned()), ("password", PASSWORD.to_owned())];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(browser.post("/sign-in", &fields).await.location(), "/");
    assert_ne!(browser.session(), thief.session());
    assert_eq!(thief.user().await, None);
    assert!(browser.user().await.is_some());
}

#[tokio::test]
async fn a_made_up_cookie_opens_nothing() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let alice = site.signed_in("alice").await;
    let hash = crate::web::ticket::Ticket::read(alice.session().unwrap()).unwrap().hash();
    for value in [hash.as_str(), &"0".repeat(64), "", "' OR 1=1 --"] {
        let mut browser = site.browser();
        browser.cookies.insert("__Host-sweep".to_owned(), value.to_owned());
        assert_eq!(browser.user().await, None, "{value}");
        browser.cookies.insert("sweep".to_owned(), alice.session().unwrap().clone());
        assert_eq!(browser.user().await, None, "the name without TLS does not count under TLS");
    }
}

#[tokio::test]
async fn who_has_too_many_loses_the_one_that_was_not_used_for_the_longest_time() {
    let site = site_with(short()).await;
    site.add("alice", Role::User).await;
    let mut browsers = Vec::new();
    for _ in 0..3 {
        browsers.push(site.signed_in("alice").await);
        site.pass(Duration::from_mins(2));
    }
    assert!(browsers[0].user().await.is_some(), "the first was used last");
    browsers.push(site.signed_in("alice").await);
    let mut there = Vec::new();
    for browser in &mut browsers {
        there.push(browser.user().await.is_some());
    }
    assert_eq!(there, [true, false, true, true]);
}

#[tokio::test]
async fn somebody_who_leaves_is_out() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let mut alice = site.signed_in("alice").await;
    let mut copy = alice.clone();
    let answer = alice.submit("/", "/sign-out", &[]).await;
    assert_eq!(answer.location(), "/sign-in?why=out");
    assert_eq!(alice.session(), None, "the cookie goes");
    assert_eq!(copy.user().await, None, "and a copy of it is worth nothing");
}

#[tokio::test]
async fn own_sessions_are_listed_and_ended_one_by_one_or_all_others_and_nobody_elses() {
    let site = site().await;
    site.add("alice", Role::User).await;
    site.add("bob", Role::User).await;
    let mut bob = site.signed_in("bob").await;
    let mut here = site.signed_in("alice").await;
    let mut away = site.browser_at(AWAY);
    away.sign_in("alice", PASSWORD).await;
    let mut third = site.signed_in("alice").await;
    let page = here.get("/account").await;
    let hashes = page.between("name=\"session\" value=\"", "\"");
    assert_eq!(hashes.len(), 3);
    assert!(page.says("198.51.100.0/24") && page.says("this one"), "{}", page.text);
    let bobs = bob.get("/account").await.between("name=\"session\" value=\"", "\"").remove(0);
    here.submit("/account", "/account/sessions/end", &[("session", &bobs)]).await;
    assert!(bob.user().await.is_some(), "not hers to end");
    let aways = crate::web::ticket::Ticket::read(away.session().unwrap()).unwrap().hash();
    here.submit("/account", "/account/sessions/end", &[("session", &aways)]).await;
    assert_eq!((away.user().await, third.user().await.is_some()), (None, true));
    here.submit("/account", "/account/sessions/end-others", &[]).await;
    assert_eq!((third.user().await, here.user().await.is_some(), bob.user().await.is_some()), (None, true, true));
    assert_eq!(site.events_of("sessions_ended").await, 2);
    let own = here.get("/account").await.between("name=\"session\" value=\"", "\"").remove(0);
    here.submit("/account", "/account/sessions/end", &[("session", &own)]).await;
    assert_eq!(here.user().await, None);
}

#[tokio::test]
async fn a_session_has_no_higher_role_than_its_user_has_now() {
    let site = site().await;
    site.add("alice", Role::Admin).await;
    let mut alice = site.signed_in("alice").await;
    site.sql("UPDATE users SET role = 'viewer'").await;
    assert!(alice.get("/").await.says("<span class=\"role\">viewer"));
    site.sql("UPDATE users SET role = 'admin'").await;
    assert!(alice.get("/").await.says("<span class=\"role\">admin"));
    site.sql("UPDATE sessions SET role = 'viewer'").await;
    assert!(alice.get("/").await.says("<span class=\"role\">viewer"));
    site.sql("DELETE FROM users").await;
    assert_eq!(alice.user().await, None);
}

#[tokio::test]
async fn what_decides_elsewhere_learns_who_it_is() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let alice = site.signed_in("alice").await;
    let request = alice.request(http::Method::GET, "/").body(()).unwrap();
    let session = site.web.session(request.headers(), true).await.unwrap().unwrap();
    assert_eq!(
        (session.user(), session.role(), session.has_account(), session.is_full()),
        ("alice", Role::User, true, true)
    );
    assert!(site.web.session(request.headers(), false).await.unwrap().is_none());
    assert!(site.web.session(&http::HeaderMap::new(), true).await.unwrap().is_none());
}

#[tokio::test]
async fn a_link_from_another_site_finds_somebody_who_is_signed_in() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let mut alice = site.signed_in("alice").await;
    let cookies = std::mem::take(&mut alice.cookies);
    // As browsers do with SameSite=Strict.
    let request = alice.request(http::Method::GET, "/account").header("sec-fetch-site", "cross-site");
    let answer = alice.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.says("<meta http-equiv=\"refresh\" content=\"0; url=/account\">"), "{}", answer.text);
    alice.cookies = cookies;
    let request = alice.request(http::Method::GET, "/account").header("sec-fetch-site", "same-origin");
    assert!(alice.send(request.body(axum::body::Body::empty()).unwrap()).await.says("Where you are signed in"));
}

#[tokio::test]
async fn a_backup_that_is_put_back_brings_no_session_with_it() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let mut alice = site.signed_in("alice").await;
    let restored = crate::store::NewGeneration { name: "another generation".to_owned(), why: String::new() };
    site.store.write(restored).await.unwrap();
    assert_eq!(alice.user().await, None);
    assert_eq!(site.browser().sign_in("alice", PASSWORD).await.location(), "/");
}
