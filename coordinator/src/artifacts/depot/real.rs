//! Against a real server (scripts/need-s3.sh). What only whole programs show is in tests/storage.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::*;
use crate::artifacts::collect::collect_older;
use crate::artifacts::{Artifacts, ArtifactsIn, PlaceError, place};
use crate::bucket::Settings;
use crate::home::HomeLock;
use crate::luck::SystemLuck;
use crate::store::testing::{Bench, bench, job, success};

const KEY: &str = "AKIDSWEEP";
const SECRET: &str = "secret";

struct Server {
    process: Child,
    root: tempfile::TempDir,
    address: String,
}

impl Server {
    /// `None`, and why on standard error, where the program is not installed. On CI it must be.
    fn start(story: &str) -> Option<Self> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/bin/s3s-fs");
        if !program.exists() {
            assert!(std::env::var("CI").is_err(), "{story}: CI must have s3s-fs (scripts/need-s3.sh)");
            eprintln!("{story}: skipped: no s3s-fs (scripts/need-s3.sh)");
            return None;
        }
        eprintln!("{story}: ran");
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("lab")).unwrap();
        let mut command = Command::new(program);
        command.arg(root.path()).args([
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--access-key",
            KEY,
            "--secret-key",
            SECRET,
        ]);
        let mut process = command.env("RUST_LOG", "info").stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let said =
            lines.map_while(Result::ok).find_map(|line| Some(line.split_once("running at ")?.1.trim().to_owned()));
        Some(Self { process, root, address: said.expect("it says where it listens") })
    }

    fn settings(&self) -> Settings {
        let environment =
            [("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET), ("AWS_ENDPOINT_URL", &self.address)];
        let environment: BTreeMap<_, _> = environment.map(|(n, v)| (n.to_owned(), v.to_owned())).into();
        Settings::new("s3://lab/study".parse().unwrap(), environment)
    }

    fn has(&self, hash: &ContentHash) -> bool {
        self.root.path().join("lab/study").join(name_of(hash)).exists()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = (self.process.kill(), self.process.wait());
    }
}

async fn placed(bench: &Bench, server: &Server) -> Result<(HomeLock, Artifacts), PlaceError> {
    let lock = Home::new(bench.folder.path()).lock().unwrap();
    let artifacts = Artifacts::new(lock.home().clone(), 1 << 30);
    let wanted = ArtifactsIn::Bucket(server.settings());
    Ok((lock, place(artifacts, &wanted, 0, &bench.store, &SystemLuck).await?))
}

async fn put(artifacts: &Artifacts, bytes: &[u8]) -> ContentHash {
    let hash = ContentHash::of(bytes);
    let mut incoming = artifacts.receive(hash.clone(), bytes.len() as u64, 0).unwrap().unwrap();
    incoming.write(bytes).unwrap();
    artifacts.finish(incoming).await.unwrap();
    hash
}

#[tokio::test]
async fn what_no_row_names_and_nobody_asks_for_goes_from_the_bucket() {
    let Some(server) = Server::start("rubbish in a bucket") else { return };
    let bench = bench().await;
    let (_lock, artifacts) = placed(&bench, &server).await.unwrap();
    let depot = artifacts.depot().unwrap();
    let used = put(&artifacts, b"of a point").await;
    let unused = put(&artifacts, b"of a checkpoint that is no longer needed").await;
    let (_, jobs) = bench.submit(vec![job("a")]).await;
    bench.run(jobs[0], success("of a point")).await;
    let later = SystemTime::now() + Duration::from_hours(1);
    assert_eq!(collect_older(&artifacts, &bench.store, later).await.unwrap(), 0, "the bucket has not been listed");
    depot.round().await.unwrap();
    assert_eq!(collect_older(&artifacts, &bench.store, SystemTime::now() - Duration::from_hours(1)).await.unwrap(), 0);
    // An upload of the same bytes begins meanwhile: whoever is at it goes first.
    let turn = depot.turns().take(&unused).unwrap();
    collect_older(&artifacts, &bench.store, later).await.unwrap();
    assert!(server.has(&unused) && artifacts.has(&unused));
    drop(turn);
    assert_eq!(collect_older(&artifacts, &bench.store, later).await.unwrap(), 1);
    assert!(!server.has(&unused) && !artifacts.has(&unused) && !artifacts.path(&unused).exists());
    assert!(server.has(&used) && artifacts.has(&used));
    let again = put(&artifacts, b"of a checkpoint that is no longer needed").await;
    assert!(server.has(&again), "it may come back");
}

#[tokio::test]
async fn the_home_holds_no_more_than_it_may_and_gets_the_rest_back() {
    let Some(server) = Server::start("a bounded cache") else { return };
    let bench = bench().await;
    let (_lock, artifacts) = placed(&bench, &server).await.unwrap();
    let depot = artifacts.depot().unwrap();
    let hash = put(&artifacts, b"a network").await;
    depot.round().await.unwrap();
    assert!(artifacts.path(&hash).exists(), "it was used a moment ago");
    depot.make_room(depot.local(), SystemTime::now() + Duration::from_hours(1));
    assert!(!artifacts.path(&hash).exists() && artifacts.has(&hash));
    assert_eq!(artifacts.find(&hash).await, (true, 9));
    assert!(artifacts.shown(&hash).starts_with("s3://lab/study/artifacts/"));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut artifacts.open(&hash).await.unwrap(), &mut text).unwrap();
    assert_eq!(text, "a network");
    assert!(artifacts.path(&hash).exists());
    let unknown = artifacts.open(&ContentHash::of(b"nobody's")).await.unwrap_err();
    assert!(matches!(unknown, ArtifactError::Unknown(_)), "{unknown}");
}

#[tokio::test]
async fn before_the_list_is_there_the_bucket_itself_is_asked() {
    let Some(server) = Server::start("a bucket that is not known yet") else { return };
    let bench = bench().await;
    let (lock, artifacts) = placed(&bench, &server).await.unwrap();
    let hash = put(&artifacts, b"a network").await;
    std::fs::remove_file(artifacts.path(&hash)).unwrap();
    drop((lock, artifacts));
    let (_lock, artifacts) = placed(&bench, &server).await.unwrap();
    assert!(!artifacts.has(&hash));
    assert_eq!(artifacts.find(&hash).await, (true, 9));
    assert!(artifacts.has(&hash) && artifacts.open(&hash).await.is_ok());
}

#[tokio::test]
async fn a_place_that_another_database_took_in_the_meantime_gets_nothing() {
    let Some(server) = Server::start("two databases, one place") else { return };
    let (one, other) = (bench().await, bench().await);
    let (_lock, first) = placed(&one, &server).await.unwrap();
    let (_other_lock, second) = placed(&other, &server).await.unwrap();
    put(&first, b"the first one's").await;
    let bytes = b"the second one's";
    let mut incoming = second.receive(ContentHash::of(bytes), bytes.len() as u64, 0).unwrap().unwrap();
    incoming.write(bytes).unwrap();
    let refused = second.finish(incoming).await.unwrap_err();
    assert!(matches!(&refused, ArtifactError::Foreign(why) if why.contains("another database")), "{refused}");
    assert!(!server.has(&ContentHash::of(bytes)));
    assert_eq!(second.outage().unwrap().kind, "artifacts_foreign");
    let late = placed(&bench().await, &server).await.err().unwrap().to_string();
    assert!(late.contains("s3://lab/study") && late.contains("another database"), "{late}");
}
