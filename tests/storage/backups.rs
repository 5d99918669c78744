//! Backups of the database in the bucket, and a coordinator that moves to another home by one.

use std::fs;

use serde_json::Value;
use sweep_tests::text;

use crate::kept::STUDY;
use crate::site::Site;

#[test]
fn a_coordinator_moves_to_another_home_by_its_newest_backup() {
    let Some(mut site) = Site::at_work("a move by a backup in the bucket") else { return };
    site.work(STUDY);
    let said = site.done(&["db", "backup"]);
    assert!(said.contains("s3://lab/study/backups/sweep-") && said.contains("1 sweep with 1 job"), "{said}");
    assert!(said.contains("are in s3://lab/study"), "{said}");
    let listed = site.json(&["db", "backups"]);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    site.stop_agents();
    site.stop();

    // Another host: nothing but the settings.
    let away = site.home.file("away");
    let elsewhere = |args: &[&str]| {
        let output = site.sweep().env("SWEEP_HOME", &away).args(args).output().unwrap();
        (output.status.code().unwrap(), text(&output))
    };
    let (code, said) = elsewhere(&["db", "restore", "--latest"]);
    assert!(
        code == 0 && said.contains("is s3://lab/study/backups/sweep-") && !said.contains("are gone since"),
        "{said}"
    );
    let (code, said) = elsewhere(&["db", "check", "--full"]);
    assert!(code == 0 && said.contains("sound"), "{said}");
    let (code, said) = elsewhere(&["results"]);
    assert!(code == 0, "{said}");
    let left: Vec<_> = fs::read_dir(&away).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".sweep-db-")), "{left:?}");
}

#[test]
fn backups_have_names_of_their_own_older_ones_go_and_damaged_ones_are_refused() {
    let Some(mut site) = Site::new("backups in a bucket") else { return };
    site.serve();
    site.stop();
    for name in ["sweep-20200101T000000Z.db", "sweep-20200102T000000Z.db"] {
        site.done(&["db", "backup", &format!("s3://lab/backups/{name}")]);
    }
    let (code, said) = site.run(&["db", "backup", "s3://lab/backups/sweep-20200101T000000Z.db"]);
    assert!(code == 2 && said.contains("exists") && said.contains("--force"), "{said}");
    site.done(&["db", "backup", "s3://lab/backups/mine.db"]);
    let said = site.done(&["db", "backup", "s3://lab/backups", "--keep", "2"]);
    assert!(said.contains("removed sweep-20200101T000000Z.db"), "{said}");
    let listed = site.json(&["db", "backups", "s3://lab/backups"]);
    let urls: Vec<&str> = listed.as_array().unwrap().iter().map(|backup| backup["url"].as_str().unwrap()).collect();
    assert_eq!(urls.len(), 3, "one that somebody named stays: {urls:?}");
    assert!(urls.contains(&"s3://lab/backups/mine.db"));

    let (code, said) = site.run(&["db", "restore", "s3://lab/backups/none.db"]);
    assert!(code == 2 && said.contains("s3://lab/backups/none.db"), "{said}");
    let path = site.server.path("backups/mine.db");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (code, said) = site.run(&["db", "restore", "s3://lab/backups/mine.db"]);
    assert!(code != 0 && said.contains("other bytes than were put there") && said.contains("mine.db"), "{said}");
    fs::write(&path, "nothing of the kind").unwrap();
    let (code, said) = site.run(&["db", "restore", "s3://lab/backups/mine.db"]);
    assert!(code != 0 && said.contains("mine.db"), "{said}");
    let events: Value = site.json(&["events"]);
    assert!(!events.to_string().contains("restored"), "nothing was put back");
}
