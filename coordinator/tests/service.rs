//! The coordinator as a whole: homes, plans, blobs, watching.

mod support;

use std::time::Duration;

use support::{chain, commands, heard, site, success};
use sweep_coordinator::{Coordinator, Home, Options, StartError, Tls};
use sweep_shared::ids::ContentHash;
use sweep_shared::wire::v1;
use v1::watch_event::Body as Event;

#[tokio::test]
async fn without_tls_only_loopback_is_listened_on() {
    let folder = tempfile::tempdir().unwrap();
    let everywhere = Options { listen: "0.0.0.0:0".parse().unwrap(), ..Options::new(folder.path()) };
    let refused = Coordinator::start(Options { tls: Tls::Off, ..everywhere.clone() }).await.err().unwrap();
    assert!(matches!(refused, StartError::PlainOnNetwork(_)));
    assert!(refused.to_string().contains("--tls auto"), "{refused}");
    let running = Coordinator::start(everywhere).await.expect("with TLS it may");
    assert!(running.address().ip().is_unspecified());
    assert!(running.url().starts_with("https://"), "{}", running.url());
    assert!(running.local_url().starts_with("https://127.0.0.1:"), "{}", running.local_url());
    let endpoint = running.home().endpoint().unwrap().unwrap();
    assert_eq!(endpoint.fingerprint, running.fingerprint().map(|fingerprint| fingerprint.to_string()));
    running.shutdown().await;
}

#[tokio::test]
async fn a_name_that_no_certificate_can_bear_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { names: vec!["gpu one".to_owned()], ..Options::ephemeral(folder.path()) };
    let refused = Coordinator::start(options).await.err().unwrap();
    assert!(refused.to_string().contains("gpu one"), "{refused}");
}

#[tokio::test]
async fn a_lease_that_heartbeats_cannot_keep_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let start = |lease, grace| {
        let (lease, reconnect_grace) = (Duration::from_secs(lease), Duration::from_secs(grace));
        Coordinator::start(Options { lease, reconnect_grace, ..Options::ephemeral(folder.path()) })
    };
    for (lease, grace) in [(4, 2), (6, 7)] {
        let refused = start(lease, grace).await.err().unwrap();
        assert!(matches!(refused, StartError::Terms { .. }), "{refused}");
    }
    start(6, 6).await.expect("short, but possible").shutdown().await;
}

#[tokio::test]
async fn a_home_is_used_by_one_and_found_by_others() {
    let site = site().await;
    let second = Coordinator::start(Options::ephemeral(site.folder.path())).await.err().unwrap();
    assert!(second.to_string().starts_with("another coordinator is using"), "{second}");
    let home = Home::new(site.folder.path());
    assert_eq!(home.endpoint().unwrap().unwrap().address, site.running.url());
    assert_eq!(home.token().unwrap().as_deref(), Some(site.running.token()));
    let token = site.running.token().to_owned();
    let site = site.restart().await;
    assert_eq!(site.running.token(), token);
    site.running.shutdown().await;
    assert_eq!(home.endpoint().unwrap(), None);
}

#[tokio::test]
async fn a_wrong_plan_is_explained() {
    let site = site().await;
    let plan_yaml = "stages:\n  a: { train: { model: small-cmn } }\n".to_owned();
    let request = v1::SubmitRequest { plan_yaml, plan_path: "my.yaml".to_owned(), ..Default::default() };
    let refused = site.user().await.try_submit(request).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    assert!(
        refused.message().contains("my.yaml:2:") && refused.message().contains("small-cnn"),
        "{}",
        refused.message()
    );
}

#[tokio::test]
async fn a_plans_files_must_be_uploaded_before() {
    let site = site().await;
    let mut user = site.user().await;
    let plan_yaml = "name: f\nstages: { a: { command: { run: [./run.sh], files: [run.sh] } } }\n".to_owned();
    let file = v1::File { name: "run.sh".to_owned(), hash: ContentHash::of(b"#!").to_string(), size_bytes: 2 };
    let request = v1::SubmitRequest { plan_yaml, files: vec![file], ..Default::default() };
    let refused = user.try_submit(request.clone()).await.unwrap_err();
    assert_eq!(refused.message(), "these files of the plan were not uploaded: run.sh");
    user.upload(b"#!").await;
    assert_eq!(user.try_submit(request).await.unwrap().jobs, 1);
}

#[tokio::test]
async fn the_same_plan_is_continued_and_the_latest_sweep_is_meant_by_0() {
    let site = site().await;
    let mut user = site.user().await;
    assert_eq!(
        user.sweeps.status(v1::SweepRequest { sweep: 0, ..Default::default() }).await.unwrap_err().message(),
        "there is no sweep yet"
    );
    let request = v1::SubmitRequest { plan_yaml: commands(2), continue_same: true, ..Default::default() };
    let first = user.try_submit(request.clone()).await.unwrap();
    let second = user.try_submit(request).await.unwrap();
    assert_eq!((first.created, second.created, first.sweep), (true, false, second.sweep));
    let third = user.submit(&chain()).await;
    assert_eq!(user.status(0).await.sweep.unwrap().id, third.sweep);
    let listed = user.sweeps.list(v1::ListRequest { limit: 1 }).await.unwrap().into_inner().sweeps;
    assert_eq!(listed.iter().map(|sweep| sweep.id).collect::<Vec<_>>(), [third.sweep]);
    let unknown = user.sweeps.status(v1::SweepRequest { sweep: 99, ..Default::default() }).await.unwrap_err();
    assert_eq!((unknown.code(), unknown.message()), (tonic::Code::NotFound, "sweep s99 does not exist"));
}

#[tokio::test]
async fn a_watcher_sees_the_state_then_the_changes_then_the_end() {
    let site = site().await;
    let mut user = site.user().await;
    let made = user.submit(&commands(1)).await;
    let mut watch = user.watch(made.sweep).await;
    let first = heard(watch.message()).await.unwrap().unwrap().body.unwrap();
    let Event::Snapshot(snapshot) = first else { panic!("{first:?}") };
    assert_eq!(snapshot.jobs[0].state, "ready");
    let mut agent = site.agent("a").await;
    let token = agent.assigned().await.token;
    agent.report(success(token, vec![]));
    let mut states = Vec::new();
    let mut end = String::new();
    while let Some(event) = heard(watch.message()).await.unwrap() {
        match event.body.unwrap() {
            Event::Job(job) => states.push(job.state),
            Event::Sweep(sweep) => end = sweep.state,
            Event::Snapshot(_) => {}
        }
    }
    states.dedup();
    assert_eq!(states.last().map(String::as_str), Some("succeeded"));
    assert_eq!(end, "finished");
    // One who comes later sees the end at once.
    assert_eq!(user.end(made.sweep).await, "finished");
}

#[tokio::test]
async fn a_watcher_is_let_go_when_the_coordinator_stops() {
    let site = site().await;
    let mut user = site.user().await;
    let made = user.submit(&commands(1)).await;
    let mut watch = user.watch(made.sweep).await;
    heard(watch.message()).await.unwrap().unwrap();
    heard(site.running.shutdown()).await;
    assert!(matches!(heard(watch.message()).await, Ok(None) | Err(_)));
}

#[tokio::test]
async fn blobs_go_up_in_parts_and_come_down_from_any_offset() {
    let site = site().await;
    let mut user = site.user().await;
    let bytes: Vec<u8> = (0..700_000u32).map(|i| i as u8).collect();
    let hash = ContentHash::of(&bytes).to_string();
    let chunk = |offset: usize, end: usize| v1::Chunk {
        hash: hash.clone(),
        size_bytes: bytes.len() as u64,
        offset: offset as u64,
        data: bytes[offset..end].to_vec(),
    };
    // The connection breaks after two chunks.
    let half = user.artifacts.upload(tokio_stream::iter([chunk(0, 200_000), chunk(200_000, 400_000)])).await.unwrap();
    assert_eq!(half.into_inner(), v1::StatReply { complete: false, received_bytes: 400_000 });
    let stat = user.artifacts.stat(v1::StatRequest { hash: hash.clone() }).await.unwrap().into_inner();
    assert_eq!(stat.received_bytes, 400_000);
    let whole = user.artifacts.upload(tokio_stream::iter([chunk(400_000, bytes.len())])).await.unwrap();
    assert!(whole.into_inner().complete);
    let mut stream =
        user.artifacts.download(v1::DownloadRequest { hash: hash.clone(), offset: 100 }).await.unwrap().into_inner();
    let mut got = Vec::new();
    while let Some(chunk) = heard(stream.message()).await.unwrap() {
        assert_eq!(chunk.offset as usize, 100 + got.len());
        got.extend(chunk.data);
    }
    assert_eq!(got, bytes[100..]);
}

#[tokio::test]
async fn damaged_oversized_and_unnamed_blobs_are_refused() {
    let site = site().await;
    let mut user = site.user().await;
    let hash = ContentHash::of(b"hello").to_string();
    let chunk = v1::Chunk { hash: hash.clone(), size_bytes: 5, offset: 0, data: b"jello".to_vec() };
    let refused = user.artifacts.upload(tokio_stream::iter([chunk.clone()])).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::DataLoss);
    let large = v1::Chunk { size_bytes: 1 << 30, ..chunk.clone() };
    let refused = user.artifacts.upload(tokio_stream::iter([large])).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    let escape = v1::Chunk { hash: "../../token".to_owned(), ..chunk };
    let refused = user.artifacts.upload(tokio_stream::iter([escape])).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    let unknown = user.artifacts.download(v1::DownloadRequest { hash, offset: 0 }).await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::NotFound);
}
