//! Users change their own accounts.

use http::StatusCode;

use super::sign_in::{App, with_second_factor};
use super::*;

const NEW: &str = "velvet canyon thirteen";

#[tokio::test]
async fn a_new_password_ends_all_sessions_but_this_one_which_has_a_new_cookie() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let mut other = site.signed_in("alice").await;
    let mut alice = site.signed_in("alice").await;
    let mut stolen = alice.clone();
    let answer =
        alice.submit("/account", "/account/password", &[("current", PASSWORD), ("new", NEW), ("again", NEW)]).await;
    assert_eq!(answer.location(), "/account?done=password", "{}", answer.text);
    assert!(alice.get("/account?done=password").await.says("Your password is changed"));
    assert_eq!((other.user().await, stolen.user().await), (None, None));
    assert_eq!(site.browser().sign_in("alice", PASSWORD).await.status, StatusCode::FORBIDDEN);
    assert_eq!(site.browser().sign_in("alice", NEW).await.location(), "/");
    assert_eq!(site.events_of("password_changed").await, 1);
}

#[tokio::test]
async fn a_password_is_not_changed_without_the_present_one_nor_to_a_bad_one() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let mut alice = site.signed_in("alice").await;
    for (current, new, again, words, field) in [
        ("wrong password", NEW, NEW, "This is not your present password.", "current"),
        (PASSWORD, "short", "short", "it has 5 characters, and must have at least 12", "new"),
        (PASSWORD, "password123456", "password123456", "among those that are tried first", "new"),
        (PASSWORD, NEW, "velvet canyon fourteen", "The two are not the same.", "again"),
    ] {
        let fields = [("current", current), ("new", new), ("again", again)];
        let answer = alice.submit("/account", "/account/password", &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{words}");
        assert!(answer.says(words), "{words} in {}", answer.text);
        let tied = answer.text.split(&format!("id=\"{field}\"")).nth(1).unwrap().split('>').next().unwrap();
        assert!(tied.contains("aria-invalid") && tied.contains(&format!("{field}-error")), "{tied}");
        assert!(!answer.says(NEW) && !answer.says(PASSWORD), "no password comes back");
    }
    assert_eq!(site.browser().sign_in("alice", PASSWORD).await.location(), "/");
}

#[tokio::test]
async fn whoever_holds_a_session_cannot_try_passwords_without_end() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let mut thief = site.signed_in("alice").await;
    let mut statuses = Vec::new();
    for _ in 0..8 {
        let fields = [("current", "wrong password"), ("new", NEW), ("again", NEW)];
        statuses.push(thief.submit("/account", "/account/password", &fields).await.status.as_u16());
    }
    assert_eq!(statuses, [422, 422, 422, 422, 422, 422, 429, 429]);
}

#[tokio::test]
async fn the_second_factor_counts_once_a_code_has_shown_that_the_app_has_it() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let mut alice = site.signed_in("alice").await;
    let mut other = site.signed_in("alice").await;
    let page = alice.get("/account/second-factor").await;
    assert!(
        page.says("<svg class=\"qr\"") && page.says("otpauth://totp/sweep%20desk.lan%3A7433:alice?secret="),
        "{}",
        page.text
    );
    let app = App::scan(&page);
    let (token, seed, code) = (page.hidden("form_token"), page.hidden("seed"), app.code(&site));
    let hers = alice.clone();
    let send = |code: &str, current: &str, seed: &str| {
        let fields = [
            ("form_token", token.clone()),
            ("seed", seed.to_owned()),
            ("code", code.to_owned()),
            ("current", current.to_owned()),
        ];
        let mut browser = hers.clone();
        async move {
            let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
            browser.post("/account/second-factor", &fields).await
        }
    };
    let wrong = send("000000", PASSWORD, &seed).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(App::scan(&wrong).code(&site), code, "the same key is shown again");
    assert!(send(&code, "wrong password", &seed).await.says("This is not your password."));
    assert_eq!(site.events_of("totp_enabled").await, 0);
    assert!(other.user().await.is_some());
    let on = send(&code, PASSWORD, &seed).await;
    assert_eq!(on.between("<li><code>", "</code>").len(), 10);
    assert_eq!(site.events_of("totp_enabled").await, 1);
    assert_eq!(other.user().await, None, "sessions that began without it end");
    assert!(alice.user().await.is_some());
    let twice = send(&code, PASSWORD, &seed).await;
    assert_eq!(twice.status, StatusCode::CONFLICT, "{}", twice.text);
}

#[tokio::test]
async fn a_key_that_was_shown_to_another_or_long_ago_is_not_taken() {
    let site = site().await;
    site.add("alice", Role::User).await;
    site.add("bob", Role::User).await;
    let (mut alice, mut bob) = (site.signed_in("alice").await, site.signed_in("bob").await);
    let shown = bob.get("/account/second-factor").await;
    let (app, seed) = (App::scan(&shown), shown.hidden("seed"));
    let code = app.code(&site);
    for seed in [seed.as_str(), "", "00", "xyz", &"0".repeat(2000)] {
        let fields = [("seed", seed), ("code", &code), ("current", PASSWORD)];
        let answer = alice.submit("/account", "/account/second-factor", &fields).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{seed}");
    }
    site.pass(Duration::from_mins(15));
    let code = app.code(&site);
    let late = bob
        .submit("/account", "/account/second-factor", &[("seed", &seed), ("code", &code), ("current", PASSWORD)])
        .await;
    assert!(late.says("shown too long ago"), "{}", late.text);
}

#[tokio::test]
async fn new_recovery_codes_make_the_old_ones_worthless() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let mut alice = site.signed_in("alice").await;
    let (app, old) = with_second_factor(&site, &mut alice).await;
    let code = app.code(&site);
    let wrong =
        alice.submit("/account", "/account/recovery-codes", &[("current", "wrong password"), ("code", &code)]).await;
    assert!(wrong.says("The password or the code is wrong."), "{}", wrong.text);
    let renewed = alice.submit("/account", "/account/recovery-codes", &[("current", PASSWORD), ("code", &code)]).await;
    let new = renewed.between("<li><code>", "</code>");
    assert_eq!(new.len(), 10, "{}", renewed.text);
    let again = alice.submit("/account", "/account/recovery-codes", &[("current", PASSWORD), ("code", &code)]).await;
    assert!(again.says("This code was used already"), "{}", again.text);
    for (code, status) in [(&old[1], StatusCode::FORBIDDEN), (&new[1], StatusCode::SEE_OTHER)] {
        let mut browser = site.browser();
        browser.sign_in("alice", PASSWORD).await;
        assert_eq!(browser.submit("/sign-in/code", "/sign-in/code", &[("code", code)]).await.status, status);
    }
}

#[tokio::test]
async fn the_second_factor_is_switched_off_with_password_and_code_only() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let mut alice = site.signed_in("alice").await;
    let (_, codes) = with_second_factor(&site, &mut alice).await;
    for fields in [[("current", PASSWORD), ("code", "000000")], [("current", "wrong password"), ("code", &codes[0])]] {
        let answer = alice.submit("/account", "/account/second-factor/off", &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
    }
    assert_eq!(site.browser().sign_in("alice", PASSWORD).await.location(), "/sign-in/code");
    let off =
        alice.submit("/account", "/account/second-factor/off", &[("current", PASSWORD), ("code", &codes[0])]).await;
    assert_eq!(off.location(), "/account?done=off", "{}", off.text);
    assert_eq!(site.browser().sign_in("alice", PASSWORD).await.location(), "/");
    assert_eq!(site.events_of("totp_disabled").await, 1);
}

#[tokio::test]
async fn a_changed_password_asks_for_the_second_factor_again() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let mut alice = site.signed_in("alice").await;
    let (app, _) = with_second_factor(&site, &mut alice).await;
    let answer =
        alice.submit("/account", "/account/password", &[("current", PASSWORD), ("new", NEW), ("again", NEW)]).await;
    assert_eq!(answer.location(), "/sign-in?why=password");
    assert_eq!(alice.user().await, None);
    assert_eq!(alice.sign_in("alice", NEW).await.location(), "/sign-in/code");
    assert_eq!(alice.submit("/sign-in/code", "/sign-in/code", &[("code", &app.code(&site))]).await.location(), "/");
}
