//! Signing in by password and code.

use super::*;
use http::StatusCode;

use crate::web::totp::Seed;

/// As an authenticator app reads it from the page.
pub struct App(Seed);

impl App {
    pub fn scan(page: &browser::Answer) -> Self {
        let key = page.between("<p class=\"key\"><code>", "</code>").remove(0).replace(' ', "");
        let seed = totp_rs::Secret::try_from_base32(key).unwrap();
        Self(Seed::read(seed.as_bytes()).unwrap())
    }

    pub fn code(&self, site: &Site) -> String {
        let secret = totp_rs::Secret::new_stack(self.0.reveal().try_into().unwrap());
        let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
        totp.generate((site.clock.unix_ms() / 1000) as u64).to_string()
    }
}

/// Sets it up, and answers the app and the recovery codes.
pub async fn with_second_factor(site: &Site, browser: &mut Browser) -> (App, Vec<String>) {
    let page = browser.get("/account/second-factor").await;
    let app = App::scan(&page);
    let code = app.code(site);
    let fields = [
        ("form_token", page.hidden("form_token")),
        ("seed", page.hidden("seed")),
        ("code", code),
        ("current", PASSWORD.to_owned()),
    ];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answer = browser.post("/account/second-factor", &fields).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let codes = answer.between("<li><code>", "</code>");
    assert_eq!(codes.len(), 10);
    // The code that confirmed it is used up.
    site.pass(Duration::from_secs(30));
    (app, codes)
}

async fn to_the_code(site: &Site, name: &str) -> Browser {
    let mut browser = site.browser();
    assert_eq!(browser.sign_in(name, PASSWORD).await.location(), "/sign-in/code");
    assert_eq!(browser.session(), None, "the password alone is not enough");
    assert_eq!(browser.user().await, None);
    browser
}

#[tokio::test]
async fn name_and_password_are_enough_without_a_second_factor() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let mut browser = site.browser();
    assert_eq!(browser.get("/").await.location(), "/sign-in");
    let answer = browser.sign_in("alice", PASSWORD).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/"));
    let cookie = answer.cookies().into_iter().find(|line| line.starts_with("__Host-sweep=")).unwrap().to_owned();
    for flag in ["; Secure", "; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=604800"] {
        assert!(cookie.contains(flag), "{flag} in {cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    assert_eq!(browser.user().await.as_deref(), Some("alice"));
    assert_eq!(
        site.events().await,
        [
            "alice signed_in: from 203.0.113.0/24, as user, by password",
            "alice signed_in_new_place: from 203.0.113.0/24, as user, by password",
        ]
    );
}

#[tokio::test]
async fn on_plain_loopback_the_cookie_is_one_that_browsers_send_back() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let mut browser = site.plain_browser();
    let answer = browser.sign_in("alice", PASSWORD).await;
    let cookie = answer.cookies().into_iter().find(|line| line.starts_with("sweep=")).unwrap().to_owned();
    assert!(!cookie.contains("Secure") && cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    assert_eq!(browser.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn wrong_passwords_and_names_that_are_nobodys_look_alike() {
    let site = site().await;
    site.add("alice", Role::User).await;
    site.sql("INSERT INTO users (name, role, created_ms) VALUES ('carol', 'user', 0)").await;
    let wrong = site.browser().sign_in("alice", "tulip orbit wagons").await;
    let nobody = site.browser().sign_in("hunter2 is my password", PASSWORD).await;
    let without = site.browser().sign_in("carol", PASSWORD).await;
    for (answer, name) in [(&wrong, "alice"), (&nobody, "hunter2 is my password"), (&without, "carol")] {
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.says("The name or the password is wrong."));
        assert!(answer.says(&format!("value=\"{name}\"")), "the name need not be typed again");
        assert!(!answer.says(PASSWORD), "the password is not shown");
    }
    let events = site.events().await;
    assert_eq!(
        events,
        [
            "sweep sign_in_failed: alice from 203.0.113.0/24: wrong password",
            "sweep sign_in_failed: a name that is nobody's from 203.0.113.0/24: wrong password",
            "sweep sign_in_failed: carol from 203.0.113.0/24: wrong password",
        ]
    );
    assert!(!holds(&site.bytes_on_disk(), "hunter2"), "what was typed into the name's field is not kept");
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_each_code_works_once() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let (app, _) = with_second_factor(&site, &mut site.signed_in("alice").await).await;
    let code = app.code(&site);
    let mut first = to_the_code(&site, "alice").await;
    let mut second = to_the_code(&site, "alice").await;
    let mut third = to_the_code(&site, "alice").await;
    let wrong = third.submit("/sign-in/code", "/sign-in/code", &[("code", "000000")]).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert!(wrong.says("The code is wrong"), "{}", wrong.text);
    assert_eq!(first.submit("/sign-in/code", "/sign-in/code", &[("code", &code)]).await.location(), "/");
    assert_eq!(first.user().await.as_deref(), Some("alice"));
    let replayed = second.submit("/sign-in/code", "/sign-in/code", &[("code", &code)]).await;
    assert_eq!(replayed.status, StatusCode::FORBIDDEN);
    assert!(replayed.says("This code was used already"), "{}", replayed.text);
    assert_eq!(second.session(), None);
    site.pass(Duration::from_secs(30));
    let next = app.code(&site);
    assert_eq!(second.submit("/sign-in/code", "/sign-in/code", &[("code", &next)]).await.location(), "/");
    // The one before is within the clocks' difference, and older than the one that was used.
    let older = third.submit("/sign-in/code", "/sign-in/code", &[("code", &code)]).await;
    assert!(older.says("This code was used already"), "{}", older.text);
}

#[tokio::test]
async fn two_who_send_the_same_code_at_the_same_time_are_not_both_let_in() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let (app, codes) = with_second_factor(&site, &mut site.signed_in("alice").await).await;
    for code in [app.code(&site), codes[0].clone()] {
        let mut browsers = Vec::new();
        for _ in 0..4 {
            browsers.push(to_the_code(&site, "alice").await);
        }
        let tries = browsers.into_iter().map(|mut browser| {
            let code = code.clone();
            tokio::spawn(
                async move { browser.submit("/sign-in/code", "/sign-in/code", &[("code", &code)]).await.status },
            )
        });
        let statuses: Vec<StatusCode> =
            futures_util::future::join_all(tries).await.into_iter().map(Result::unwrap).collect();
        let let_in = statuses.iter().filter(|status| **status == StatusCode::SEE_OTHER).count();
        assert_eq!(let_in, 1, "{statuses:?}");
        site.pass(Duration::from_hours(1));
    }
}

#[tokio::test]
async fn a_recovery_code_works_once_and_is_told() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let (_, codes) = with_second_factor(&site, &mut site.signed_in("alice").await).await;
    let mut browser = to_the_code(&site, "alice").await;
    let typed = codes[3].to_uppercase().replace('-', " ");
    assert_eq!(browser.submit("/sign-in/code", "/sign-in/code", &[("code", &typed)]).await.location(), "/");
    assert!(browser.get("/account").await.says("9 of 10 recovery codes are left"));
    let mut again = to_the_code(&site, "alice").await;
    let answer = again.submit("/sign-in/code", "/sign-in/code", &[("code", &codes[3])]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.says("This recovery code is wrong, or was used already."), "{}", answer.text);
    let events = site.events().await;
    assert!(events.contains(&"alice recovery_code_used: 9 left".to_owned()), "{events:?}");
    assert!(
        events.contains(&"sweep sign_in_failed: alice from 203.0.113.0/24: wrong second factor".to_owned()),
        "{events:?}"
    );
}

#[tokio::test]
async fn the_password_is_forgotten_after_some_minutes_and_a_change_of_it_counts_at_once() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let (app, _) = with_second_factor(&site, &mut site.signed_in("alice").await).await;
    let mut late = to_the_code(&site, "alice").await;
    let page = late.get("/sign-in/code").await;
    site.pass(Duration::from_mins(5));
    let code = app.code(&site);
    let fields = [("form_token", page.hidden("form_token")), ("code", code)];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(late.post("/sign-in/code", &fields).await.location(), "/sign-in?why=late");
    let mut caught = to_the_code(&site, "alice").await;
    site.sql(&format!("UPDATE users SET password = '{}'", password::hash("another long password"))).await;
    let answer = caught.submit("/sign-in/code", "/sign-in/code", &[("code", &app.code(&site))]).await;
    assert!(answer.says("was changed a moment ago"), "{}", answer.text);
    assert_eq!(caught.session(), None);
}

#[tokio::test]
async fn a_lost_key_is_told_and_recovery_codes_still_work() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let (app, codes) = with_second_factor(&site, &mut site.signed_in("alice").await).await;
    std::fs::remove_file(site.folder.path().join("seal.key")).unwrap();
    let web = Web::open(site.api.clone(), site.access.clone(), Settings::default()).unwrap();
    let site = Site { router: router(web.clone()), web, ..site };
    let mut browser = to_the_code(&site, "alice").await;
    let answer = browser.submit("/sign-in/code", "/sign-in/code", &[("code", &app.code(&site))]).await;
    assert!(answer.says("seal.key is not the one it was set up with"), "{}", answer.text);
    assert_eq!(browser.submit("/sign-in/code", "/sign-in/code", &[("code", &codes[0])]).await.location(), "/");
}

#[tokio::test]
async fn somebody_comes_back_to_the_page_they_wanted_and_to_no_other_host() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let mut browser = site.browser();
    assert_eq!(browser.get("/account?x=1&y=2").await.location(), "/sign-in?next=/account%3Fx%3D1%26y%3D2");
    let fields = [("name", "alice"), ("password", PASSWORD), ("next", "/account?x=1&y=2")];
    assert_eq!(browser.submit("/sign-in", "/sign-in", &fields).await.location(), "/account?x=1&y=2");
    let fields = [("name", "alice"), ("password", PASSWORD), ("next", "//evil.example/")];
    assert_eq!(site.browser().submit("/sign-in", "/sign-in", &fields).await.location(), "/");
}

#[tokio::test]
async fn passwords_seeds_codes_and_cookies_are_not_in_the_database() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let mut browser = site.signed_in("alice").await;
    let before = browser.session().unwrap().clone();
    let page = browser.get("/account/second-factor").await;
    let shown = App::scan(&page);
    let (app, codes) = with_second_factor(&site, &mut browser).await;
    let bytes = site.bytes_on_disk();
    let seed = app.0.reveal().to_vec();
    assert!(!bytes.windows(seed.len()).any(|window| window == seed), "the seed");
    assert!(!holds(&bytes, PASSWORD) && !holds(&bytes, &before), "the password, the cookie");
    assert!(!holds(&bytes, &app.0.words()) && !holds(&bytes, &shown.0.words().replace(' ', "")));
    for code in codes {
        assert!(!holds(&bytes, &code) && !holds(&bytes, &code.replace('-', "")), "a recovery code");
    }
    assert!(holds(&bytes, "$argon2id$v=19$m=19456,t=2,p=1$"), "the search finds what is there");
}
