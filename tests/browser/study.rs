//! A study is watched while it runs: nothing is loaded anew, and yet the page is right.

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

fn says(words: &str) -> String {
    format!("document.querySelector('main').innerText.includes({words:?})")
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
    browser.until(&says("followed"));
    assert!(is_the_same(&mut browser), "the overview tells of a new study by itself");

    let link = browser.find("main a", "followed");
    browser.follow(&link);
    assert_eq!(browser.path(), "/sweeps/s1");
    mark(&mut browser);
    browser.until("[...document.querySelectorAll('#jobs tr')].filter(row => row.innerText.includes('running')).length >= 3");
    for _ in 0..2 {
        site.let_go("1", "on");
    }
    browser.until("[...document.querySelectorAll('#jobs tr')].some(row => row.innerText.includes('succeeded'))");
    site.let_go("2", "on");
    site.let_go("2", "fail");
    browser.until("[...document.querySelectorAll('#jobs tr')].some(row => row.innerText.includes('failed'))");
    assert!(is_the_same(&mut browser));
    browser.picture("sweep");
}
