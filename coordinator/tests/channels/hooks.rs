//! Web hooks, ours and those of others, and their servers' moods.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use sweep_coordinator::notices::channels::{Address, SET_UP_PAUSE};
use sweep_coordinator::notices::{Hook, Settings, Shape};

use crate::http::{Act, Request, Server, answer};
use crate::samples::{failed, finished};
use crate::trust::Trust;
use crate::{later, never, send};

fn ops() -> Address {
    Address::Hook("ops".to_owned())
}

fn settings(server: &Server, shape: Shape, path: &str, secret: Option<&str>) -> Settings {
    let secret_file = secret.map(|secret| server.secret(secret));
    let hook = Hook { name: "ops".to_owned(), url: server.url(path), shape, secret_file };
    Settings { hooks: vec![hook], ..Settings::default() }
}

fn fine() -> Act {
    answer("200 OK", "", "ok")
}

/// The one request that a hook of this shape makes of a message that goes well.
async fn asked(
    shape: Shape,
    path: &str,
    secret: Option<&str>,
    message: &sweep_coordinator::notices::Message,
) -> Request {
    let server = Server::start(vec![fine()]).await;
    let sent = send(&settings(&server, shape, path, secret), message, &ops()).await.unwrap();
    assert_eq!(sent.answer, "200 OK: ok");
    server.seen().remove(0)
}

/// What docs/notices.md shows to those who write the other end.
fn documented() -> String {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/notices.md")).unwrap();
    let (_, from) = docs.split_once("```python\n").expect("the chapter on web hooks shows it");
    from.split_once("```").unwrap().0.to_owned()
}

#[tokio::test]
async fn what_is_documented_accepts_what_is_signed_and_nothing_else() {
    for secret in ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "any other text"] {
        let seen = asked(Shape::Json, "/hook", Some(secret), &finished()).await;
        assert_eq!(seen.header("webhook-id"), "n42@3f9c0d");
        assert_eq!(seen.header("idempotency-key"), "n42@3f9c0d");
        let accepts = |body: &str, secret: &str, at: Option<&str>| {
            let at = at.unwrap_or_else(|| seen.header("webhook-timestamp"));
            let call = "\nimport sys\nheaders = {'webhook-id': sys.argv[1], 'webhook-timestamp': sys.argv[2], 'webhook-signature': sys.argv[3]}\nsys.exit(0 if verified(sys.argv[4], headers, sys.argv[5].encode()) else 9)";
            let args = [seen.header("webhook-id"), at, seen.header("webhook-signature"), secret, body];
            let run = Command::new("python3").arg("-c").arg(documented() + call).args(args).status().unwrap();
            assert!(matches!(run.code(), Some(0 | 9)), "{run}");
            run.success()
        };
        assert!(accepts(&seen.body, secret, None));
        assert!(!accepts(&seen.body.replace("42", "43"), secret, None));
        assert!(!accepts(&seen.body, "another", None));
        assert!(!accepts(&seen.body, secret, Some("1500000000")), "of long ago");
    }
}

#[tokio::test]
async fn our_own_shape_tells_all_that_there_is_to_tell() {
    let seen = asked(Shape::Json, "/hook?x=1", None, &failed()).await;
    assert_eq!(seen.line, "POST /hook?x=1 HTTP/1.1");
    assert!(!seen.headers.contains_key("webhook-signature"));
    let said = seen.json();
    assert_eq!(said["id"], "n43@3f9c0d");
    assert_eq!(said["type"], "sweep_failed");
    assert_eq!(said["timestamp"], "2026-11-29T03:12:07Z");
    let data = &said["data"];
    assert_eq!(data["trouble"], true);
    assert_eq!(data["title"], failed().title);
    assert_eq!(data["lines"], json!(failed().lines));
    assert_eq!(
        data["table"],
        json!({ "head": ["job", "class", "what to do"], "rows": [["j17", "out_of_memory", "smaller batch"]] })
    );
    assert_eq!(data["link"], "https://desk.example.test:7433/sweeps/s3");
    assert_eq!(data["facts"], failed().facts);
}

#[tokio::test]
async fn slack_discord_and_ntfy_get_what_they_understand() {
    let seen = asked(Shape::Slack, "/services/T0/B0/x", None, &finished()).await;
    let said = seen.json();
    assert_eq!(said["blocks"][0]["text"]["text"], "✅ cifar10-kd is finished: 42 jobs, best 93.1 %");
    assert!(said["blocks"][2]["text"]["text"].as_str().unwrap().contains("\npruned[s0.90] "), "{said}");
    assert_eq!(said["blocks"][3]["text"]["text"], "<https://desk.example.test:7433/sweeps/s3|Open the page>");
    assert!(said["text"].as_str().unwrap().starts_with("✅ cifar10-kd is finished"));

    let seen = asked(Shape::Discord, "/api/webhooks/1/x", None, &failed()).await;
    assert_eq!(seen.line, "POST /api/webhooks/1/x?wait=true HTTP/1.1");
    let embed = &seen.json()["embeds"][0];
    assert_eq!(embed["title"], "cifar10\\-kd has ended with 2 failed jobs \\(40 of 42 succeeded\\)");
    assert_eq!(embed["url"], "https://desk.example.test:7433/sweeps/s3");
    assert_eq!(embed["timestamp"], "2026-11-29T03:12:07Z");
    let text = embed["description"].as_str().unwrap();
    assert!(
        text.contains("out\\_of\\_memory after 3 attempts") && text.contains("```\njob  class          what to do\n"),
        "{text}"
    );

    let seen = asked(Shape::Ntfy, "/kd-study", Some("tk_abc"), &failed()).await;
    assert_eq!(seen.line, "POST / HTTP/1.1");
    assert_eq!(seen.header("authorization"), "Bearer tk_abc");
    let said = seen.json();
    assert_eq!(
        (&said["topic"], &said["priority"], &said["tags"]),
        (&json!("kd-study"), &json!(4), &json!(["warning"]))
    );
    assert_eq!((&said["title"], &said["message"]), (&json!(failed().title), &json!(failed().lines.join("\n"))));
    assert_eq!(said["click"], "https://desk.example.test:7433/sweeps/s3");
    let said = asked(Shape::Ntfy, "/kd-study", None, &finished()).await.json();
    assert_eq!(said["priority"], 3);
}

#[tokio::test]
async fn each_server_says_no_in_its_own_way() {
    type Expected = Result<(), Option<Duration>>;
    let cases: Vec<(Shape, Act, Expected)> = vec![
        (
            Shape::Slack,
            answer("429 Too Many Requests", "Retry-After: 30\r\n", "rate_limited"),
            Err(Some(Duration::from_secs(30))),
        ),
        (Shape::Slack, answer("404 Not Found", "", "no_service"), Ok(())),
        (Shape::Slack, answer("410 Gone", "", "channel_is_archived"), Ok(())),
        (Shape::Slack, answer("403 Forbidden", "", "action_prohibited"), Err(Some(SET_UP_PAUSE))),
        (Shape::Slack, answer("200 OK", "", r#"{"ok": false, "error": "invalid_blocks"}"#), Ok(())),
        (Shape::Slack, answer("200 OK", "", r#"{"ok": false, "error": "ratelimited"}"#), Err(None)),
        (
            Shape::Discord,
            answer("429 Too Many Requests", "Retry-After: 1\r\n", r#"{"retry_after": 64.57}"#),
            Err(Some(Duration::from_secs_f64(64.57))),
        ),
        (Shape::Discord, answer("404 Not Found", "", r#"{"message": "Unknown Webhook", "code": 10015}"#), Ok(())),
        (Shape::Discord, answer("400 Bad Request", "", r#"{"embeds": ["0"]}"#), Ok(())),
        (Shape::Ntfy, answer("507 Insufficient Storage", "", ""), Err(None)),
        (Shape::Ntfy, answer("200 OK", "", "<!DOCTYPE html><title>Sign in</title>"), Err(None)),
        (Shape::Json, answer("502 Bad Gateway", "", "<html>"), Err(None)),
        (Shape::Json, answer("425 Too Early", "", ""), Err(None)),
        (Shape::Json, answer("410 Gone", "", ""), Ok(())),
        (Shape::Json, answer("308 Permanent Redirect", "Location: /new\r\n", ""), Err(Some(SET_UP_PAUSE))),
        (Shape::Json, Act::Close, Err(None)),
    ];
    for (shape, act, expected) in cases {
        let Act::Say(script) = &act else { continue };
        let script = script.clone();
        let server = Server::start(vec![act]).await;
        let result = send(&settings(&server, shape, "/services/T0/xoxb", None), &finished(), &ops()).await;
        let why = match expected {
            Ok(()) => never(result),
            Err(after) => {
                let (why, asked) = later(result);
                assert_eq!(asked, after, "{script}: {why}");
                why
            }
        };
        assert!(why.starts_with("the hook ops answered ") && !why.contains("xoxb"), "{why}");
    }
}

#[tokio::test]
async fn what_a_url_or_a_server_gives_away_is_not_repeated() {
    let moved = answer("302 Found", "Location: /services/T0/xoxb\r\n", "you asked for /services/T0/xoxb with tk_9");
    let server = Server::start(vec![moved]).await;
    let (why, _) =
        later(send(&settings(&server, Shape::Slack, "/services/T0/xoxb", Some("tk_9")), &finished(), &ops()).await);
    assert!(why.contains("you asked for … with …"), "{why}");
    let url = server.url("/services/T0/xoxb");
    drop(server);
    let hook = |url: String, shape| Settings {
        hooks: vec![Hook { name: "ops".to_owned(), url, shape, secret_file: None }],
        ..Settings::default()
    };
    // Nobody listens; nobody knows the name; it is no URL; it would go in the open.
    for url in [
        url,
        "https://hooks.invalid/services/xoxb".to_owned(),
        "xoxb".to_owned(),
        "http://hooks.example.test/xoxb".to_owned(),
    ] {
        let (why, _) = later(send(&hook(url.clone(), Shape::Slack), &finished(), &ops()).await);
        assert!(why.contains("the hook ops") && !why.contains("xoxb"), "{url}: {why}");
    }
    let (why, after) =
        later(send(&hook("http://hooks.example.test/x".to_owned(), Shape::Discord), &finished(), &ops()).await);
    assert!(why.contains("it takes https://") && after == Some(SET_UP_PAUSE), "{why}");
    let why = never(send(&hook(String::new(), Shape::Json), &finished(), &Address::Hook("gone".to_owned())).await);
    assert!(why.contains("no hook named gone"), "{why}");
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_learns_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let trust = Trust::new(folder.path(), &["127.0.0.1"]);
    let server = Server::with_tls(vec![fine()], trust.acceptor()).await;
    let mut settings = settings(&server, Shape::Ntfy, "/kd", Some("tk_abc"));
    settings.hooks[0].url = format!("https://{}/kd", server.address);
    let (why, after) = later(send(&settings, &finished(), &ops()).await);
    assert!(why.starts_with("the hook ops cannot be trusted: ") && after == Some(SET_UP_PAUSE), "{why}");
    assert!(server.seen().is_empty());
}

/// The names are part of what others build on.
#[test]
fn bodies_of_json_keep_their_fields() {
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>();
    let are = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let said = runtime.block_on(asked(Shape::Json, "/", None, &finished())).json();
    assert_eq!(keys(&said), are(&["data", "id", "timestamp", "type"]));
    assert_eq!(keys(&said["data"]), are(&["facts", "lines", "link", "table", "title", "trouble"]));
}
