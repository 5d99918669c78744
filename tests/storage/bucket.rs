//! The library's own door to a bucket: what it promises of files, names and listings.

use std::collections::BTreeMap;
use std::fs;

use sweep_coordinator::bucket::{Bucket, Cause, Settings};

use crate::door::Mode;
use crate::server::{KEY, SECRET};
use crate::site::Site;

fn open(site: &Site, place: &str) -> Bucket {
    let environment = [
        ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ("AWS_ENDPOINT_URL", format!("http://{}", site.door.address)),
    ];
    let environment: BTreeMap<_, _> = environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Bucket::open(&Settings::new(place.parse().unwrap(), environment)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_go_and_come_whole_whatever_their_size() {
    let Some(site) = Site::new("files of every size") else { return };
    let bucket = open(&site, "s3://lab/a=1/b+c");
    for size in [0, 1, (16 << 20) - 1, 16 << 20, (16 << 20) + 1, 50_000_000] {
        let bytes: Vec<u8> = (0..size).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let (from, to) = (site.home.file("from"), site.home.file("to"));
        fs::write(&from, &bytes).unwrap();
        let _ = fs::remove_file(&to);
        bucket.put_file("x/file", &from, Some(("blake3", "note".to_owned()))).await.unwrap();
        assert!(fs::read(site.server.path("a=1/b+c/x/file")).unwrap() == bytes, "{size}");
        assert_eq!(bucket.size("x/file").await.unwrap(), Some(u64::from(size)));
        assert_eq!(bucket.note("x/file", "blake3").await.unwrap().as_deref(), Some("note"));
        // Half of it is there already.
        fs::write(&to, &bytes[..bytes.len() / 2]).unwrap();
        bucket.get_file("x/file", &to).await.unwrap();
        assert!(fs::read(&to).unwrap() == bytes, "{size}");
    }
    bucket.delete("x/file").await.unwrap();
    bucket.delete("x/file").await.unwrap();
    assert_eq!(bucket.size("x/file").await.unwrap(), None);
    let missing = bucket.get_file("x/file", &site.home.file("none")).await.unwrap_err();
    assert_eq!(missing.cause(), Some(Cause::Missing));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listings_are_whole_and_end_at_their_place() {
    let Some(site) = Site::new("a listing of more than a page") else { return };
    let (bucket, beside) = (open(&site, "s3://lab/a"), open(&site, "s3://lab/ab"));
    assert_eq!(bucket.list("artifacts").await.unwrap(), []);
    // S3 lists a thousand at once.
    let folder = site.server.path("a/artifacts");
    fs::create_dir_all(&folder).unwrap();
    for n in 0..1_203 {
        fs::write(folder.join(format!("{n:04}")), n.to_string()).unwrap();
    }
    assert!(beside.put_new("artifacts/other", vec![1]).await.unwrap());
    let mut names: Vec<String> =
        bucket.list("artifacts").await.unwrap().into_iter().map(|object| object.name).collect();
    names.sort();
    assert_eq!((names.len(), names[1_202].as_str()), (1_203, "artifacts/1202"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_is_taken_is_not_taken_again() {
    let Some(site) = Site::new("a name that is taken") else { return };
    let bucket = open(&site, "s3://lab");
    assert!(bucket.put_new("mark", b"one".to_vec()).await.unwrap());
    assert!(!bucket.put_new("mark", b"two".to_vec()).await.unwrap());
    assert_eq!(bucket.get("mark").await.unwrap().as_deref(), Some(&b"one"[..]));
    assert_eq!(bucket.get("none").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_has_a_cause_and_a_remedy() {
    let Some(site) = Site::new("causes and remedies") else { return };
    let bucket = open(&site, "s3://lab/a");
    site.door.set(Mode::Ill);
    let ill = bucket.probe().await.unwrap_err();
    assert_eq!(ill.cause(), Some(Cause::Away));
    assert!(ill.to_string().contains("We are ill (InternalError)"), "{ill}");
    site.door.set(Mode::Open);
    let nowhere = open(&site, "s3://nobody/a").probe().await.unwrap_err();
    assert_eq!(nowhere.cause(), Some(Cause::NoBucket), "{nowhere}");
    bucket.probe().await.unwrap();
}
