//! Text messages, and a service with moods.

use std::time::Duration;

use sweep_coordinator::notices::channels::{Address, Outlet as _, Outlets, SET_UP_PAUSE};
use sweep_coordinator::notices::{Message, Settings, Sms};

use crate::http::{Act, Server, answer};
use crate::samples::{failed, finished};
use crate::{later, never, send};

const TOKEN: &str = "5ecret-t0ken";

fn settings(server: &Server) -> Settings {
    let sms = Sms {
        url: server.url("/2010-04-01/Accounts/AC1/Messages.json"),
        account: "AC1".to_owned(),
        token_file: server.secret(TOKEN),
        from: "+15550199".to_owned(),
    };
    Settings { sms: Some(sms), ..Settings::default() }
}

fn me() -> Address {
    Address::Sms("+15550100".to_owned())
}

fn taken() -> Act {
    answer("201 Created", "", r#"{"sid": "SM9", "status": "queued", "error_code": null}"#)
}

/// The fields of a form.
fn fields(body: &str) -> Vec<(String, String)> {
    let url: reqwest::Url = format!("form:?{body}").parse().unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

#[tokio::test]
async fn a_finished_and_a_failed_sweep_say_in_a_text_message_what_one_wants_to_know() {
    let server = Server::start(vec![taken(), taken()]).await;
    let sent = send(&settings(&server), &finished(), &me()).await.unwrap();
    assert_eq!(sent.answer, "201 queued SM9, 2 part(s)");
    send(&settings(&server), &failed(), &me()).await.unwrap();
    let [first, second] = &server.seen()[..] else { panic!() };
    assert_eq!(first.line, "POST /2010-04-01/Accounts/AC1/Messages.json HTTP/1.1");
    // AC1:5ecret-t0ken
    assert_eq!(first.header("authorization"), "Basic QUMxOjVlY3JldC10MGtlbg==");
    assert_eq!(first.header("content-type"), "application/x-www-form-urlencoded");
    for key in ["idempotency-key", "i-twilio-idempotency-token"] {
        assert_eq!((first.header(key), second.header(key)), ("n42@3f9c0d/+15550100", "n43@3f9c0d/+15550100"));
    }
    let pairs =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
    let told = "cifar10-kd is finished: 42 jobs, best 93.1 %\n\
        All 42 jobs succeeded; 6 of them were taken over from earlier sweeps.\n\
        It took 5 h 12 min and 11.4 GPU-hours; 3.2 GPU-hours were saved.\n\
        On the Pareto front: 4 of 36 points.\n\
        https://desk.example.test:7433/sweeps/s3";
    assert_eq!(fields(&first.body), pairs(&[("From", "+15550199"), ("To", "+15550100"), ("Body", told)]));
    let told = "cifar10-kd has ended with 2 failed jobs (40 of 42 succeeded)\n\
        j17 student model=kd-conv5: out_of_memory after 3 attempts: CUDA out of memory, tried to allocate 1.50 GiB.\n\
        Give it a smaller batch, or a GPU with more than 8 GB; then: 'sweep retry j17'.\n\
        https://desk.example.test:7433/sweeps/s3";
    assert_eq!(fields(&second.body)[2].1, told);
}

#[tokio::test]
async fn what_the_service_answers_decides_whether_it_is_asked_again() {
    let busy = answer("429 Too Many Requests", "Retry-After: 120\r\n", r#"{"code": 20429}"#);
    let wrong_number = r#"{"code": 21211, "message": "The 'To' number is not valid", "status": 400}"#;
    let server = Server::start(vec![
        busy,
        answer("500 Internal Server Error", "", ""),
        answer("503 Service Unavailable", "Retry-After: 99999999\r\n", ""),
        answer("400 Bad Request", "", wrong_number),
        answer("401 Unauthorized", "", &format!("{{\"message\": \"{TOKEN} is wrong\"}}")),
        answer("200 OK", "", r#"{"sid": "SM1", "status": "failed", "error_code": 30007, "error_message": "filtered"}"#),
        answer("200 OK", "", "<html>Sign in to the hotel's network</html>"),
        answer("302 Found", "Location: https://elsewhere.example.test/s3cret\r\n", ""),
        Act::Close,
        Act::Say("HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{\"sid\":".to_owned()),
        Act::Say("nonsense\r\n\r\n".to_owned()),
        taken(),
    ])
    .await;
    let settings = settings(&server);
    let message = finished();
    let to = me();
    let try_once = || send(&settings, &message, &to);

    let (why, after) = later(try_once().await);
    assert_eq!(why, r#"the SMS service answered 429 Too Many Requests: {"code": 20429}"#);
    assert_eq!(after, Some(Duration::from_mins(2)));
    assert_eq!(later(try_once().await), ("the SMS service answered 500 Internal Server Error".to_owned(), None));
    assert_eq!(later(try_once().await).1, Some(Duration::from_hours(24)), "and not for years");
    assert!(never(try_once().await).contains("The 'To' number is not valid"));
    let (why, after) = later(try_once().await);
    assert!(why.contains("401 Unauthorized") && !why.contains(TOKEN) && after == Some(SET_UP_PAUSE), "{why}");
    assert!(never(try_once().await).contains("30007"));
    assert!(later(try_once().await).0.contains("Sign in to the hotel's network"));
    let (why, after) = later(try_once().await);
    assert!(why.contains("(to elsewhere.example.test)") && after == Some(SET_UP_PAUSE), "{why}");
    assert!(!why.contains("s3cret"), "{why}");
    for broken in ["closed", "cut in its answer", "no HTTP"] {
        let (why, after) = later(try_once().await);
        assert!(why.starts_with("the SMS service: ") && after.is_none(), "{broken}: {why}");
        assert!(!why.contains("/Accounts/"), "{broken}: {why}");
    }
    try_once().await.unwrap();
    let keys: Vec<String> = server.seen().iter().map(|seen| seen.header("idempotency-key").to_owned()).collect();
    assert_eq!(keys, vec!["n42@3f9c0d/+15550100"; 12], "the same with each try");
}

#[tokio::test]
async fn a_service_that_hangs_holds_us_no_longer_than_we_have_patience() {
    let server = Server::start(vec![Act::Hang]).await;
    let outlets = Outlets::with_patience(settings(&server), Duration::from_millis(300));
    let (why, _) = later(outlets.send(&finished(), &me()).await);
    assert_eq!(why, "the SMS service did not answer within 0.3 s");
    let mut settings = settings(&server);
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    settings.sms.as_mut().unwrap().url = format!("http://{gone}/Messages.json");
    let (why, _) = later(send(&settings, &finished(), &me()).await);
    assert!(why.contains("Connection refused"), "{why}");
}

#[tokio::test]
async fn nothing_is_asked_for_what_is_no_number_or_in_the_open() {
    let server = Server::start(Vec::new()).await;
    let mut settings = settings(&server);
    for none in ["15550100", "+1 555 0100", "+1555&Body=x", "me"] {
        let why = never(send(&settings, &finished(), &Address::Sms(none.to_owned())).await);
        assert!(why.contains("is no telephone number"), "{why}");
    }
    settings.sms.as_mut().unwrap().url = "http://api.example.test/Messages.json".to_owned();
    let (why, after) = later(send(&settings, &finished(), &me()).await);
    assert!(why.contains("it takes https://") && after == Some(SET_UP_PAUSE), "{why}");
    settings.sms = None;
    assert!(later(send(&settings, &Message::default(), &me()).await).0.contains("notify.sms"));
}
