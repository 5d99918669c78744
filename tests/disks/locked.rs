//! Somebody else has the database locked.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection, Executor as _};
use sweep_tests::text;

use crate::site::Site;

#[test]
fn a_lock_of_another_program_is_named_and_waited_out() {
    let mut site = Site::start();
    site.begin();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = SqliteConnectOptions::new().filename(site.database());
    let mut other = runtime.block_on(SqliteConnection::connect_with(&options)).unwrap();
    runtime.block_on(other.execute("BEGIN IMMEDIATE")).unwrap();
    let refused = site.home.run(&["priority", "s1", "7"]);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused));
    let said = text(&refused);
    let me = format!("(pid {})", std::process::id());
    assert!(said.contains("sweep.db is locked by") && said.contains(&me), "{me}: {said}");
    assert_eq!(site.status()["read_only"]["kind"], "locked");
    site.go();
    for question in ["status", "results", "agents"] {
        let answered = site.home.run(&[question]);
        assert!(answered.status.success() && text(&answered).contains("is locked by"), "{}", text(&answered));
    }
    runtime.block_on(other.execute("COMMIT")).unwrap();
    site.coordinator_says("is free again: the work goes on");
    site.ends();
    runtime.block_on(other.close()).unwrap();
}
