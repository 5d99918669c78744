//! A study is watched while it runs: nothing is loaded anew, and yet the page is right. Then somebody looks around in it.

use crate::browser::Browser;
use crate::needs;
use crate::site::Site;

/// It goes when the page is loaded anew.
fn mark(browser: &mut Browser) {
    browser.look("window.isTheSame = true");
}

fn is_the_same(browser: &mut Browser) -> bool {
    browser.look("window.isTheSame === true") == true
}

/// As many rows of the jobs' table say this word.
fn rows(word: &str, least: usize) -> String {
    format!(
        "[...document.querySelectorAll('#jobs tbody tr')].filter(row => row.innerText.includes({word:?})).length >= {least}"
    )
}

#[test]
fn the_page_follows_a_study_and_leads_through_it() {
    if !needs::met("browser: a study is followed while it runs") {
        return;
    }
    let site = Site::start();
    let mut browser = site.browser();
    mark(&mut browser);
    site.submit("followed");
    browser.until("document.querySelector('#sweeps').innerText.includes('followed')");
    assert!(is_the_same(&mut browser), "the overview tells of a new study by itself");

    browser.follow_words("#sweeps a", "followed");
    assert_eq!(browser.path(), "/sweeps/s1");
    mark(&mut browser);
    browser.until(&rows("running", 3));
    for gate in ["1-first", "1-second", "2-first", "2-second"] {
        site.let_go(gate, "on");
    }
    browser.until(&rows("succeeded", 2));
    site.let_go("3-first", "on");
    site.let_go("3-second", "fail");
    browser.until(&rows("failed", 1));
    browser.until("document.querySelectorAll('#front a.spot').length === 2");
    site.let_go("last", "on");
    browser.until("document.querySelector('#sweep').innerText.includes('finished')");
    assert!(is_the_same(&mut browser), "all of that was told while the page stayed open");

    the_chart_names_what_is_pointed_at(&mut browser);
    jobs_can_be_filtered_and_sorted(&mut browser);
    assert_eq!(browser.complaints, Vec::<String>::new());
    let foreign: Vec<&String> = browser.requests.iter().filter(|url| !url.starts_with(&site.at("/"))).collect();
    assert!(foreign.is_empty(), "asked elsewhere: {foreign:?}");
}

fn the_chart_names_what_is_pointed_at(browser: &mut Browser) {
    let tip = "getComputedStyle(document.querySelector('#front a.spot .tip')).visibility";
    assert_eq!(browser.look(tip), "hidden");
    browser.hover("#front a.spot .reach");
    assert_eq!(browser.look(tip), "visible");
    let name = browser.look("document.querySelector('#front a.spot .tip').textContent");
    assert!(name.as_str().unwrap_or_default().contains("base"), "{name}");
    browser.picture("pointed-at");
    browser.follow("#front a.spot .reach");
    assert!(browser.path().starts_with("/jobs/j"), "{}", browser.path());
    assert!(browser.text("#curves").contains("accuracy"), "{}", browser.text("#curves"));
    assert!(browser.text("#log").contains("heard on"), "{}", browser.text("#log"));
    browser.picture("job");
}

fn jobs_can_be_filtered_and_sorted(browser: &mut Browser) {
    browser.follow_words(".crumbs a", "followed");
    browser.choose("#filter-state", "failed");
    browser.follow_words("#jobs button", "Filter");
    assert!(browser.path().contains("state=failed"), "{}", browser.path());
    assert_eq!(browser.count("#jobs tbody tr"), 1);
    assert!(browser.text("#jobs tbody").contains("the test wanted it"), "{}", browser.text("#jobs tbody"));
    browser.follow_words("#jobs a", "Show all");
    assert_eq!(browser.count("#jobs tbody tr"), 4);
    browser.follow_words("#jobs th a", "Stage");
    assert!(browser.path().contains("sort=stage"), "{}", browser.path());
    browser.fill("#filter-text", "i=2");
    browser.enter();
    assert_eq!(browser.count("#jobs tbody tr"), 1);
}

#[test]
fn what_runs_is_cancelled_from_the_page_after_a_question() {
    if !needs::met("browser: a sweep is cancelled") {
        return;
    }
    let site = Site::start();
    site.submit("unwanted");
    let mut browser = site.browser();
    browser.open(&site.at("/sweeps/s1"));
    browser.until(&rows("running", 3));
    browser.follow_words("#sweep a", "Cancel");
    assert!(browser.text("h1").contains("Cancel sweep s1?"), "{}", browser.text("main"));
    browser.picture("question");
    browser.follow("main form button[type=submit]");
    assert!(browser.path().starts_with("/sweeps/s1"), "{}", browser.path());
    browser.until(&rows("cancelled", 4));
    assert_eq!(site.home.json(&["status", "s1"])["state"], "cancelled");

    site.add_user("eve", "viewer");
    let mut viewer = Browser::start();
    site.sign_in(&mut viewer, "eve");
    viewer.open(&site.at("/sweeps/s1"));
    assert_eq!(viewer.count("#sweep a.button"), 0, "a viewer sees no buttons");
    viewer.open(&site.at("/sweeps/s1/change/retry"));
    assert_eq!(viewer.count("main form"), 0, "{}", viewer.text("main"));
}

#[test]
fn an_open_page_hears_that_its_session_has_ended() {
    if !needs::met("browser: a session ends under an open page") {
        return;
    }
    let site = Site::start();
    let mut browser = site.browser();
    browser.until("document.querySelector('#live-state').innerText === 'Live'");
    let gone = site.home.run(&["users", "remove", crate::site::NAME]);
    assert!(gone.status.success(), "{}", sweep_tests::text(&gone));
    browser.until("document.querySelector('#live-state').innerText.startsWith('Signed out')");
}
