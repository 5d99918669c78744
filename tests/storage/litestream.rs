//! The set-up of docs/storage.md with a real Litestream: the database goes to the bucket as it is written, and comes back as a backup does.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use sweep_tests::{Talking, runs, text, workspace_root};

use crate::server::{BUCKET, KEY, SECRET};
use crate::site::Site;

fn program() -> PathBuf {
    workspace_root().join(".tools/litestream/bin/litestream")
}

#[test]
fn a_database_that_litestream_copies_comes_back_by_sweep_db_restore() {
    let lacking = (!program().exists()).then(|| "no litestream (scripts/need-s3.sh)".to_owned());
    if !runs("litestream", lacking, true) {
        return;
    }
    let Some(mut site) = Site::at_work("a bucket for litestream") else { return };
    let database = site.home.file("home/sweep.db");
    let config = site.home.file("litestream.yml");
    // As in the documentation, with this server and this home.
    let documented = fs::read_to_string(workspace_root().join("docs/storage.md")).unwrap();
    let documented = documented.split("# /etc/litestream.yml\n").nth(1).unwrap().split("```").next().unwrap();
    let ours = documented
        .replace("/home/ada/.local/share/sweep/sweep.db", database.to_str().unwrap())
        .replace("bucket: lab", &format!("bucket: {BUCKET}"))
        .replace("https://minio.lab:9000", &format!("http://{}", site.door.address));
    assert!(ours.contains(database.to_str().unwrap()) && ours.contains(&site.door.address), "{ours}");
    fs::write(&config, &ours).unwrap();
    let litestream = |args: &[&str]| {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exec \"$0\" \"$@\" 2>&1"]).arg(program()).args(args);
        // Only what is documented.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
        command.env("LITESTREAM_ACCESS_KEY_ID", KEY).env("LITESTREAM_SECRET_ACCESS_KEY", SECRET);
        command
    };
    let config = config.to_str().unwrap();
    let mut copying = Talking::start(&mut litestream(&["replicate", "-config", config]));
    copying.wait_for(|line| line.contains("snapshot complete"));
    site.work("name: copied\nstages:\n  a: { command: { run: [/bin/sh, -c, 'echo a > a'], outputs: [a] } }\n");
    site.stop_agents();
    site.kill_coordinator();
    copying.signal("-TERM");
    let (status, said) = copying.finish();
    assert!(status.success(), "{said}");
    // What the last second brought.
    let output = { litestream(&["replicate", "-once", "-config", config]) }.output().unwrap();
    assert!(output.status.success(), "{}", text(&output));

    let copy = site.home.file("copy.db");
    let output = litestream(&["restore", "-config", config, "-o", copy.to_str().unwrap(), database.to_str().unwrap()]);
    let output = { output }.output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    for name in ["sweep.db", "sweep.db-wal", "sweep.db-shm"] {
        let _ = fs::remove_file(site.home.file("home").join(name));
    }
    let said = site.done(&["db", "restore", copy.to_str().unwrap()]);
    assert!(said.contains("1 sweep with 1 job") && !said.contains("are gone since"), "{said}");
    assert_eq!(site.state("a"), "succeeded");
    assert!(site.done(&["db", "check", "--full"]).contains("sound"));
}
