//! From the home into a bucket, from one bucket to another, and home again; and what is nobody else's stays so.

use std::fs;

use crate::kept::{READER, STUDY};
use crate::site::Site;

#[test]
fn what_was_in_the_home_moves_into_the_bucket_and_comes_back_only_whole() {
    let Some(mut site) = Site::new("a move into a bucket and back") else { return };
    site.settings = Some("home".to_owned());
    site.serve();
    site.agent("agent");
    site.work(STUDY);
    assert!(site.server.blobs("study").is_empty());
    site.stop();
    site.settings = None;
    site.serve();
    while site.server.blobs("study").len() < 2 {
        site.done(&["status"]);
    }
    assert!(site.done(&["db", "check", "--full"]).contains("sound"));
    site.stop_agents();
    site.stop();

    // A setting that was forgotten is not taken for an empty store.
    site.settings = Some(String::new());
    let (code, said) = site.run(&["status"]);
    assert!(code == 2 && said.contains("artifacts = \"s3://lab/study\"") && said.contains("aws s3 sync"), "{said}");
    site.settings = Some("home".to_owned());
    site.forget_cache();
    let (code, said) = site.run(&["status"]);
    assert!(code == 2 && said.contains("2 of the files"), "{said}");
    for hash in site.server.blobs("study") {
        fs::copy(site.server.path(&format!("study/artifacts/{}/{hash}", &hash[..2])), site.cached(&hash)).unwrap();
    }
    site.done(&["status"]);
    site.settings = Some(String::new());
    assert!(site.done(&["db", "check", "--full"]).contains("sound"));
    site.serve();
    site.agent("another");
    site.work(&format!("{STUDY}{READER}"));
    assert_eq!(site.server.blobs("study").len(), 2, "what is new is in the home");
}

#[test]
fn a_place_belongs_to_one_database_and_goes_with_a_copy_of_it() {
    let Some(mut site) = Site::at_work("a place of one database") else { return };
    site.work(STUDY);
    site.stop_agents();
    site.stop();
    let other = site.home.file("other");
    let output = site.sweep().env("SWEEP_HOME", &other).args(["serve", "--listen", "127.0.0.1:0"]).output().unwrap();
    let said = sweep_tests::text(&output);
    assert!(output.status.code() == Some(2) && said.contains("another database"), "{said}");
    // Its own, at another place that holds none of it, and then all of it.
    site.prefix = "moved".to_owned();
    let (code, said) = site.run(&["status"]);
    assert!(code == 2 && said.contains("aws s3 sync s3://lab/study s3://lab/moved"), "{said}");
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .args([site.server.path("study"), site.server.path("moved")])
        .status();
    assert!(copied.unwrap().success());
    site.done(&["status"]);
    assert!(site.done(&["db", "check", "--full"]).contains("sound"));
    let events = site.done(&["events"]);
    assert!(events.contains("artifacts are kept in s3://lab/moved"), "{events}");
}
