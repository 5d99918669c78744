//! The coordinator's disk fails while a job runs.

use libc::{EDQUOT, EIO, EROFS};
use sweep_tests::text;

use crate::site::Site;

/// A change is refused at once, in words; questions are answered, each with the banner; nothing is lost, and all goes on by itself.
fn goes_on_after(error: i32, kind: &str, words: &str) {
    let mut site = Site::start();
    site.begin();
    site.disk.fails(error);
    let refused = site.home.run(&["priority", "s1", "7"]);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused));
    let said = text(&refused);
    let folder = site.home.file("home");
    for words in ["SWEEP_HOME is read-only", words, folder.to_str().unwrap(), "running work goes on"] {
        assert!(said.contains(words), "{words:?} is missing in: {said}");
    }
    site.coordinator_says("nothing can be recorded");
    for question in [&["status"][..], &["explain", "j1"], &["logs", "j1"], &["results"], &["agents"], &["events"]] {
        let answered = site.home.run(question);
        assert_eq!(answered.status.code(), Some(0), "{question:?}: {}", text(&answered));
        let banner = String::from_utf8_lossy(&answered.stderr).matches("SWEEP_HOME is read-only").count();
        assert_eq!(banner, 1, "{question:?}: {}", text(&answered));
    }
    assert_eq!(site.status()["read_only"]["kind"], kind);
    // Its end cannot be recorded, and nothing else begins.
    site.go();
    let status = site.status();
    assert_eq!((&status["jobs"][0]["state"], &status["jobs"][1]["state"]), (&"running".into(), &"blocked".into()));
    // Still asked while the dispatcher waits.
    let explained = site.home.run(&["explain", "j2"]);
    assert_eq!(explained.status.code(), Some(0), "{}", text(&explained));
    site.disk.works();
    site.coordinator_says("the work goes on");
    site.ends();
    let changed = site.home.run(&["retry", "s1"]);
    assert!(changed.status.success() && !text(&changed).contains("read-only"), "{}", text(&changed));
}

#[test]
fn a_file_system_that_turns_read_only_is_told_and_waited_out() {
    goes_on_after(EROFS, "read_only", "cannot be written to (Read-only file system)");
}

#[test]
fn a_quota_that_is_used_up_is_told_and_waited_out() {
    goes_on_after(EDQUOT, "full", "quota is used up");
}

#[test]
fn a_disk_with_errors_is_told_and_tried_again_until_it_works() {
    goes_on_after(EIO, "io", "fails");
}
