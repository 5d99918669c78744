//! Somebody sets up a second factor, and comes back with it.

use std::time::SystemTime;

use totp_rs::{Builder, Secret};

use crate::browser::Browser;
use crate::needs;
use crate::site::{NAME, PASSWORD, Site};

/// What the app on somebody's phone shows, so many steps of thirty seconds from now.
fn code(seed: &str, steps: u64) -> String {
    let secret = Secret::try_from_base32(seed.replace(' ', "")).expect("the page shows a seed");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    Builder::new().with_secret(secret).build().expect("it is long enough").generate(now + 30 * steps).to_string()
}

#[test]
fn with_the_second_factor() {
    if !needs::met("browser: sign-in with the second factor") {
        return;
    }
    let site = Site::start();
    let mut browser = site.browser();
    assert_eq!(browser.path(), "/");
    browser.open(&site.at("/account"));
    browser.follow("a[href='/account/second-factor']");
    let seed = browser.text("p.key code");
    browser.picture("second-factor");
    browser.fill("input[name=current]", PASSWORD);
    let first = code(&seed, 0);
    browser.fill("input[name=code]", &first);
    browser.follow("main button[type=submit]");
    assert!(browser.text("main").contains("Recovery codes"), "{}", browser.text("main"));

    let mut other = Browser::start();
    other.open(&site.at("/account"));
    assert!(other.path().starts_with("/sign-in?"), "{}", other.path());
    other.fill("input[name=name]", NAME);
    other.fill("input[name=password]", PASSWORD);
    other.enter();
    assert_eq!(other.path(), "/sign-in/code");
    assert_eq!(other.barriers(), Vec::<String>::new());
    other.fill("input[name=code]", &first);
    other.follow("main button[type=submit]");
    assert_eq!(other.path(), "/sign-in/code");
    assert!(other.text("main").contains("used"), "a code works once: {}", other.text("main"));
    other.fill("input[name=code]", &code(&seed, 1));
    other.follow("main button[type=submit]");
    assert!(!other.path().starts_with("/sign-in"), "{}", other.text("main"));
}
