//! What a network begins with lies where its runner looks before the runner starts: files of the plan, published weights.

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use support::*;
use sweep_shared::wire::v1::agent_message::Body;
use sweep_shared::wire::v1::{self, finished::End};

/// Serves one request for anything with these bytes.
fn serve_once(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", bytes.len()).unwrap();
        stream.write_all(bytes).unwrap();
    });
    url
}

/// A runner that prints what it finds.
fn runner(folder: &Path, datasets: &Path) -> PathBuf {
    let path = folder.join("runner.sh");
    let script = format!(
        "#!/bin/sh\ncat files/nets/mine.onnx {}/weights/*.pth\necho '{{\"event\":\"done\"}}' >&3\n",
        datasets.display()
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A training job that begins with this network.
fn train(model: &Value) -> v1::Assign {
    let fit = json!({
        "epochs": 1, "batch": 1, "optimizer": { "sgd": { "lr": 0.1, "momentum": 0.0, "weight_decay": 0.0, "nesterov": false } },
        "schedule": "constant", "label_smoothing": 0.0, "precision": "fp32"
    });
    let params = json!({ "model": model, "fit": fit });
    let spec = json!({ "stage": "s", "seed": 1, "data": null, "kind": "train", "params": params, "inputs": [] });
    v1::Assign { spec_json: spec.to_string(), ..assign(1, command(&["true"])) }
}

fn published(bytes: &[u8]) -> Value {
    let digest = Sha256::digest(bytes);
    let prefix = format!("{:02x}{:02x}", digest[0], digest[1]);
    json!({ "url": format!("https://publisher.invalid/net-{prefix}.pth"), "sha256_prefix": prefix })
}

#[tokio::test]
async fn files_of_the_plan_and_published_weights_are_there_when_the_runner_starts() {
    let mut coordinator = Coordinator::start().await;
    let url = serve_once(b"published\n");
    let home = tempfile::tempdir().unwrap();
    let script = runner(home.path(), &home.path().join("datasets"));
    let _agent = Running::start_in(home, &coordinator, |options| {
        options.runner = Some(script);
        options.weights_url = Some(url);
    });
    let mut session = coordinator.welcomed().await;
    let hash = coordinator.blobs.put(b"travelled\n");
    // No plan says both of one network; the agent does not mind.
    let onnx = json!({ "name": "nets/mine.onnx", "hash": hash });
    session.assign(train(&json!({ "onnx": onnx, "weights": { "imagenet": published(b"published\n") } })));
    let (_, finished, said) = session.hear_finished().await;
    assert!(matches!(finished.end, Some(End::Success(_))), "{finished:?}");
    let logs = said.iter().filter_map(|body| if let Body::Log(chunk) = body { Some(chunk.data.clone()) } else { None });
    let log = String::from_utf8(logs.flatten().collect()).unwrap();
    assert!(log.contains("downloading net-") && log.ends_with("travelled\npublished\n"), "{log}");
}

#[tokio::test]
async fn weights_that_cannot_be_had_fail_the_attempt_in_words() {
    let mut coordinator = Coordinator::start().await;
    let gone = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let _agent = Running::start_with(&coordinator, |options| {
        options.weights_url = Some(gone);
        options.download_backoff = (Duration::from_millis(1), Duration::from_millis(1));
    });
    let mut session = coordinator.welcomed().await;
    session.assign(train(&json!({ "name": "resnet18", "weights": { "imagenet": published(b"x") } })));
    let (_, finished, _) = session.hear_finished().await;
    let Some(End::Failure(failure)) = finished.end else { panic!("{finished:?}") };
    assert_eq!(failure.class, "internal");
    assert!(
        failure.message.contains("cannot download") && failure.message.contains("SWEEP_WEIGHTS_URL"),
        "{}",
        failure.message
    );
}
