//! What a study makes is in the bucket, comes back from it, and goes from it.

use std::fs;

use crate::site::Site;

/// A file of several parts, a small one, and a job that reads both.
pub const STUDY: &str = "
name: storage
measure: false
stages:
  large: { command: { reuse: true, run: [/bin/sh, -c, 'head -c 40000000 /dev/urandom > large.bin; cksum < large.bin > sum'], outputs: [large.bin, sum] } }
";

pub const READER: &str = "
  reader: { command: { input: large, run: [/bin/sh, -c, 'cksum < \"$0/large.bin\" | cmp - \"$0/sum\" && echo same > verdict', '${input}'], outputs: [verdict] } }
";

#[test]
fn artifacts_are_in_the_bucket_and_another_agent_gets_them_from_there() {
    let Some(mut site) = Site::at_work("a study in a bucket") else { return };
    site.work(STUDY);
    let blobs = site.server.blobs("study");
    assert_eq!(blobs.len(), 2, "{blobs:?}");
    for hash in &blobs {
        let bytes = fs::read(site.server.path(&format!("study/artifacts/{}/{hash}", &hash[..2]))).unwrap();
        assert_eq!(blake3::hash(&bytes).to_hex().as_str(), hash, "the bucket has the very bytes");
    }
    assert!(site.done(&["db", "check", "--full"]).contains("sound"));

    // A host that has nothing of it, and an agent that has not, either.
    site.stop_agents();
    site.forget_cache();
    assert!(site.done(&["db", "check", "--full"]).contains("sound"));
    site.agent("another");
    site.work(&format!("{STUDY}{READER}"));
    assert_eq!(site.state("reader"), "succeeded");
    assert_eq!(site.state("large"), "succeeded");
    assert_eq!(site.server.blobs("study").len(), 3, "nothing was made or sent twice");
}

#[test]
fn a_coordinator_that_was_killed_knows_its_blobs_again_and_rubbish_goes() {
    let Some(mut site) = Site::at_work("a coordinator killed with a bucket") else { return };
    site.work(STUDY);
    let rubbish = blake3::hash(b"of nobody").to_hex().to_string();
    let path = site.server.path(&format!("study/artifacts/{}/{rubbish}", &rubbish[..2]));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "of nobody").unwrap();
    site.kill_coordinator();
    site.forget_cache();
    site.serve();
    site.said("the artifact store is known");
    // Names are given again once somebody asks for the results: the bytes come in the background.
    let results = site.home.file("home/results");
    fs::remove_dir_all(&results).unwrap();
    let named = results.join("s1/large/large.bin");
    while !named.exists() {
        site.done(&["results"]);
    }
    assert_eq!(fs::metadata(named).unwrap().len(), 40_000_000);
    assert!(path.exists(), "rubbish has its grace");
}
