//! Every page, for everybody: on a phone, in the dark, with a screen reader, with the keyboard alone.

use crate::browser::Browser;
use crate::needs;
use crate::site::Site;

/// Where to look, and what the picture is called.
const PAGES: &[(&str, &str)] = &[
    ("/", "overview"),
    ("/sweeps/s1", "sweep"),
    ("/sweeps/s1?state=failed&sort=stage", "sweep-filtered"),
    ("/sweeps/s1/plan", "plan"),
    ("/sweeps/s1/change/retry", "retry"),
    ("/jobs/j1", "job"),
    ("/jobs/j3", "job-failed"),
    ("/agents", "agents"),
    ("/events", "events"),
    ("/account", "account"),
    ("/no-such-page", "not-found"),
];

#[test]
fn every_page_is_for_everybody() {
    if !needs::met("browser: every page on a phone, in the dark, with a screen reader") {
        return;
    }
    let site = Site::start();
    site.submit("shown");
    for gate in ["1-first", "1-second", "2-first", "2-second"] {
        site.let_go(gate, "on");
    }
    site.let_go("3-first", "on");
    site.let_go("3-second", "fail");
    site.let_go("last", "on");
    // It ends with a failed job.
    let ended = site.home.run(&["wait", "s1"]);
    assert_eq!(ended.status.code(), Some(1), "{}", sweep_tests::text(&ended));
    let mut browser = site.browser();
    let agent = browser
        .look("fetch('/agents').then(page => page.text()).then(page => page.match(/\"\\/agents\\/[^\"]+\"/)[0])");
    let agent = agent.as_str().expect("an agent").trim_matches('"').to_owned();
    let pages = PAGES.iter().map(|(path, name)| ((*path).to_owned(), *name)).chain([(agent, "agent")]);
    let mut barriers = Vec::new();
    for (path, name) in pages {
        for dark in [false, true] {
            browser.dark(dark);
            browser.desk();
            browser.open(&site.at(&path));
            barriers.extend(browser.barriers().into_iter().map(|found| format!("{path} dark={dark}: {found}")));
            assert!(!browser.is_too_wide(), "{path} at a desk");
            browser.picture(&format!("{name}-{}", if dark { "dark" } else { "light" }));
            browser.phone();
            assert!(!browser.is_too_wide(), "{path} on a phone");
            if !dark {
                barriers.extend(browser.barriers().into_iter().map(|found| format!("{path} on a phone: {found}")));
                browser.picture(&format!("{name}-phone"));
            }
        }
    }
    assert!(barriers.is_empty(), "{}", barriers.join("\n"));
    assert_eq!(
        browser.complaints.iter().filter(|told| !told.contains("no-such-page")).count(),
        0,
        "{:?}",
        browser.complaints
    );
    with_the_keyboard(&site, &mut browser);
}

/// The first thing that Tab reaches skips what all pages have in common, and what has the focus can be seen.
fn with_the_keyboard(site: &Site, browser: &mut Browser) {
    browser.desk();
    browser.open(&site.at("/sweeps/s1"));
    browser.press("Tab");
    assert_eq!(browser.look("document.activeElement.innerText"), "Skip to the content");
    browser.press("Tab");
    assert_eq!(browser.look("getComputedStyle(document.activeElement).outlineStyle"), "solid");
}
