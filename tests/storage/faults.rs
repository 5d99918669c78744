//! The server goes away, falls ill, is slow, or does not know us: nothing that was not kept is said to be, and all goes on by itself.

use std::fs;
use std::io::Write as _;

use crate::door::Mode;
use crate::kept::STUDY;
use crate::site::Site;

#[test]
fn while_the_bucket_is_away_results_wait_and_what_is_here_can_be_read() {
    let Some(mut site) = Site::at_work("a bucket that is away") else { return };
    site.work("name: before\nstages:\n  a: { command: { run: [/bin/sh, -c, 'echo a > a'], outputs: [a] } }\n");
    for mode in [Mode::Shut, Mode::Ill] {
        site.door.set(mode);
        let plan = format!(
            "name: during\n# {mode:?}\nstages:\n  b: {{ command: {{ run: [/bin/sh, -c, 'echo {mode:?} > b'], outputs: [b] }} }}\n"
        );
        let watch = site.submit(&plan);
        let said = site.said("the artifact store cannot be used");
        assert!(said.contains(&site.url()) && said.contains("asked again until it answers"), "{said}");
        assert_ne!(site.state("b"), "succeeded", "its file is nowhere but at the agent");
        let told = site.done(&["status"]);
        assert!(
            told.contains("warning: the artifact store cannot be used") && told.contains("wait on their agents' disks"),
            "{told}"
        );
        // What the home has can be read, and what was done is not forgotten.
        assert!(site.done(&["results"]).contains("during") || site.done(&["list"]).contains("before"));
        site.door.set(Mode::Open);
        let (status, said) = watch.finish();
        assert_eq!(status.code(), Some(0), "{said}");
        assert_eq!(site.state("b"), "succeeded");
        site.said("the artifact store can be used again");
    }
    assert_eq!(site.server.blobs("study").len(), 3);
    assert!(site.done(&["db", "check", "--full"]).contains("sound"));
}

#[test]
fn a_coordinator_starts_and_works_while_the_bucket_is_away() {
    let Some(mut site) = Site::at_work("a start while the bucket is away") else { return };
    site.work(STUDY);
    site.stop_agents();
    site.kill_coordinator();
    site.door.set(Mode::Shut);
    site.serve();
    site.said("the artifact store cannot be used");
    assert_eq!(site.state("large"), "succeeded");
    let check = site.done(&["db", "check"]);
    assert!(check.contains("sound"), "the cache has all of it: {check}");
    site.forget_cache();
    let (code, check) = site.run(&["db", "check"]);
    assert!(
        code == 1 && check.contains("2 files could not be looked at") && check.contains("s3://lab/study"),
        "{check}"
    );
    site.door.set(Mode::Open);
    site.said("the artifact store can be used again");
    site.said("the artifact store is known");
    assert!(site.done(&["db", "check", "--full"]).contains("sound"));
}

#[test]
fn an_upload_that_is_cut_in_the_middle_leaves_nothing_half() {
    let Some(mut site) = Site::at_work("an upload to a bucket that is cut") else { return };
    site.door.set(Mode::Cut { up: true, after: 25_000_000 });
    let watch = site.submit(STUDY);
    site.door.wait_cut();
    site.said("the artifact store cannot be used");
    let large = |site: &Site| site.server.blobs("study").iter().filter(|hash| size(site, hash) == 40_000_000).count();
    assert_eq!((large(&site), site.state("large") == "succeeded"), (0, false));
    site.door.set(Mode::Open);
    let (status, said) = watch.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(large(&site), 1);
    assert!(site.done(&["db", "check", "--full"]).contains("sound"));
}

#[test]
fn a_download_that_is_cut_in_the_middle_is_continued() {
    let Some(mut site) = Site::at_work("a download from a bucket that is cut") else { return };
    site.work(STUDY);
    site.stop_agents();
    site.forget_cache();
    site.door.set(Mode::Cut { up: false, after: 10_000_000 });
    let watch = {
        site.agent("another");
        site.submit(&format!("{STUDY}{}", crate::kept::READER))
    };
    site.door.wait_cut();
    site.said("the artifact store cannot be used");
    site.door.set(Mode::Open);
    let (status, said) = watch.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(site.state("reader"), "succeeded", "the bytes are the same");
}

#[test]
fn a_slow_bucket_holds_up_only_those_who_wait_for_its_bytes() {
    let Some(mut site) = Site::at_work("a slow bucket") else { return };
    site.said("the artifact store is known");
    site.door.set(Mode::Held);
    let watch =
        site.submit("name: slow\nstages:\n  b: { command: { run: [/bin/sh, -c, 'echo b > b'], outputs: [b] } }\n");
    site.door.wait_held();
    assert_ne!(site.state("b"), "succeeded");
    // Other work, which keeps nothing, is done meanwhile.
    site.work("name: other\nstages:\n  c: { command: { run: [/bin/echo, c] } }\n");
    site.door.set(Mode::Open);
    assert_eq!(watch.finish().0.code(), Some(0));
    site.stop();
}

#[test]
fn who_is_refused_is_told_why_and_what_to_do() {
    let Some(mut site) = Site::new("a bucket that refuses the keys") else { return };
    let serve = |site: &Site, name: &str, value: &str| {
        let output = site.sweep().args(["serve", "--listen", "127.0.0.1:0"]).env(name, value).output().unwrap();
        (output.status.code().unwrap(), sweep_tests::text(&output))
    };
    let (code, said) = serve(&site, "AWS_SECRET_ACCESS_KEY", "wrong");
    assert!(
        code == 2 && said.contains("SignatureDoesNotMatch") && said.contains("AWS_SECRET_ACCESS_KEY"),
        "{code} {said}"
    );
    let (code, said) = serve(&site, "SWEEP_ARTIFACTS", "s3://no-such-bucket/a");
    assert!(code == 2 && said.contains("there is no such bucket"), "{code} {said}");
    let (code, said) = serve(&site, "AWS_ENDPOINT_URL", "http://10.0.0.1:9000");
    assert!(code == 2 && said.contains("artifacts_http"), "{code} {said}");
    let (code, said) = serve(&site, "SWEEP_ARTIFACTS", "/mnt/lab");
    assert!(code == 2 && said.contains("s3://BUCKET"), "{code} {said}");
    site.door.set(Mode::Shut);
    let (code, said) = serve(&site, "SWEEP_LISTEN", "127.0.0.1:0");
    assert!(code == 3 && said.contains("asked again"), "{code} {said}");
    site.door.set(Mode::Open);

    // Keys of a file, which are wrong for a while: what waits goes on once they are right, without a restart.
    fs::create_dir(site.home.file(".aws")).unwrap();
    let credentials = site.home.file(".aws/credentials");
    let keys = |secret: &str| {
        let mut file = fs::File::create(&credentials).unwrap();
        writeln!(file, "[default]\naws_access_key_id = {}\naws_secret_access_key = {secret}", crate::server::KEY)
            .unwrap();
    };
    keys(crate::server::SECRET);
    site.without_keys = true;
    site.serve();
    site.said("the artifact store is known");
    site.agent("agent");
    keys("wrong");
    let watch =
        site.submit("name: refused\nstages:\n  b: { command: { run: [/bin/sh, -c, 'echo b > b'], outputs: [b] } }\n");
    let said = site.said("the artifact store cannot be used");
    assert!(said.contains("refuses the keys"), "{said}");
    assert_ne!(site.state("b"), "succeeded");
    keys(crate::server::SECRET);
    assert_eq!(watch.finish().0.code(), Some(0));
}

#[test]
fn bytes_that_changed_in_the_bucket_are_given_to_nobody() {
    let Some(mut site) = Site::at_work("bytes that changed in the bucket") else { return };
    site.work(STUDY);
    site.stop_agents();
    site.forget_cache();
    let blobs = site.server.blobs("study");
    let hash = blobs.iter().find(|hash| size(&site, hash) == 40_000_000).unwrap();
    let path = site.server.path(&format!("study/artifacts/{}/{hash}", &hash[..2]));
    let mut bytes = fs::read(&path).unwrap();
    bytes[20_000_000] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(site.done(&["db", "check"]).contains("sound"), "the size is right");
    let (code, check) = site.run(&["db", "check", "--full"]);
    assert!(code == 1 && check.contains("large.bin of j1") && check.contains("holds other bytes"), "{check}");
    site.agent("another");
    let (status, said) = site.submit(&format!("{STUDY}{}", crate::kept::READER)).finish();
    assert_eq!(status.code(), Some(1), "{said}");
    assert_eq!(site.state("reader"), "failed");
    fs::remove_file(&path).unwrap();
    let (code, check) = site.run(&["db", "check"]);
    assert!(code == 1 && check.contains("is gone (s3://lab/study/artifacts/"), "{check}");
}

fn size(site: &Site, hash: &str) -> u64 {
    fs::metadata(site.server.path(&format!("study/artifacts/{}/{hash}", &hash[..2]))).unwrap().len()
}
