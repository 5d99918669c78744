//! Mail that a server does not take, and servers that do not get it.

use std::time::Duration;

use sweep_coordinator::notices::channels::{Address, Outlet as _, Outlets, SET_UP_PAUSE};
use sweep_coordinator::notices::{Message, Security, Settings, Smtp};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::exim::{Exim, PASSWORD, Wants, is_here};
use crate::samples::finished;
use crate::trust::Trust;
use crate::{later, never, send};

fn to(name: &str) -> Address {
    Address::Email(format!("{name}@example.test"))
}

fn with(smtp: Smtp) -> Settings {
    Settings { smtp: Some(smtp), ..Settings::default() }
}

#[tokio::test]
async fn what_the_server_refuses_is_told_in_its_words_and_tried_again_where_that_may_help() {
    if !is_here("mail that is refused") {
        return;
    }
    let exim = Exim::start(Wants::StartTls).await;
    let settings = exim.settings();
    let event = |event: &str| Message { event: event.to_owned(), ..finished() };

    let (why, after) = later(send(&settings, &finished(), &to("busy")).await);
    assert_eq!(why, "the mail server refused this address: 451 4.2.2 mailbox is full please come back");
    assert_eq!(after, None);
    let why = never(send(&settings, &finished(), &to("nobody")).await);
    assert_eq!(why, "the mail server refused this address: 550 5.1.1 no such user here");
    let why = never(send(&settings, &event("unwanted"), &to("me")).await);
    assert_eq!(why, "the mail server refused the message: 550 5.7.1 looks like spam");
    let (why, _) = later(send(&settings, &event("grey"), &to("me")).await);
    assert_eq!(why, "the mail server refused the message: 451 4.7.1 greylisted");
    let (why, after) = later(
        send(&with(Smtp { from: "sweep@forbidden.test".to_owned(), ..exim.smtp() }), &finished(), &to("me")).await,
    );
    assert!(why.contains("refused the sender sweep@forbidden.test: 550 5.7.1 who are you"), "{why}");
    assert_eq!(after, Some(SET_UP_PAUSE));
    let long = Message { lines: vec!["x".repeat(2 << 20)], ..finished() };
    let why = never(send(&settings, &long, &to("me")).await);
    assert!(why.contains("552"), "{why}");
    assert!(exim.delivered().await.is_empty());
}

#[tokio::test]
async fn a_wrong_password_waits_for_the_right_one_and_is_shown_nowhere() {
    if !is_here("mail with a wrong password") {
        return;
    }
    let exim = Exim::start(Wants::Tls).await;
    let wrong = Smtp { password_file: Some(exim.file("wrong", "brass-owl-99")), ..exim.smtp() };
    let (why, after) = later(send(&with(wrong.clone()), &finished(), &to("me")).await);
    assert!(why.contains("refused the login: 535"), "{why}");
    assert_eq!(after, Some(SET_UP_PAUSE));
    assert!(!why.contains("brass-owl-99"), "{why}");
    // It is read anew with each try.
    exim.file("wrong", PASSWORD);
    send(&with(wrong.clone()), &finished(), &to("me")).await.unwrap();
    assert_eq!(exim.delivered().await.len(), 1);

    for (text, told) in [("", "it is empty"), ("a\nb", "more than one line")] {
        exim.file("wrong", text);
        let (why, _) = later(send(&with(wrong.clone()), &finished(), &to("me")).await);
        assert!(why.contains("the mail server's password cannot be read from") && why.contains(told), "{why}");
    }
    let missing = Smtp { password_file: Some("/nonexistent/password".into()), ..exim.smtp() };
    let (why, after) = later(send(&with(missing), &finished(), &to("me")).await);
    assert!(why.contains("/nonexistent/password: No such file") && after == Some(SET_UP_PAUSE), "{why}");
    let half = Smtp { user: None, ..exim.smtp() };
    assert!(later(send(&with(half), &finished(), &to("me")).await).0.contains("both"));
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_learns_nothing() {
    if !is_here("mail to a stranger") {
        return;
    }
    for wants in [Wants::Tls, Wants::StartTls] {
        let exim = Exim::start(wants).await;
        let stranger = tempfile::tempdir().unwrap();
        let other = Trust::new(stranger.path(), &["localhost"]);
        let smtp = exim.smtp();
        let named = |host: &str, ca_file| with(Smtp { host: host.to_owned(), ca_file, ..smtp.clone() });
        let own = Some(exim.trust.authority.clone());
        // Not by the system; not by another authority; not under this name.
        for settings in [named("localhost", None), named("localhost", Some(other.authority)), named("127.0.0.1", own)] {
            let (why, after) = later(send(&settings, &finished(), &to("me")).await);
            assert!(why.contains("cannot be trusted") && after == Some(SET_UP_PAUSE), "{why}");
        }
        assert!(exim.delivered().await.is_empty());
        assert!(!exim.log().contains("A=plain"), "nobody logged in: {}", exim.log());
    }
    let exim = Exim::start(Wants::Tls).await;
    for (text, told) in
        [("not PEM", "no certificate"), ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "")]
    {
        let ca_file = Some(exim.file("odd.pem", text));
        let (why, after) = later(send(&with(Smtp { ca_file, ..exim.smtp() }), &finished(), &to("me")).await);
        assert!(why.contains(told) && after == Some(SET_UP_PAUSE), "{why}");
    }
}

#[tokio::test]
async fn nothing_goes_out_in_the_open() {
    if !is_here("mail without TLS") {
        return;
    }
    let exim = Exim::start(Wants::Nothing).await;
    let (why, after) =
        later(send(&with(Smtp { security: Security::StartTls, ..exim.smtp() }), &finished(), &to("me")).await);
    assert!(why.contains("offers no TLS on this port") && after == Some(SET_UP_PAUSE), "{why}");
    // It has no login either.
    let login = Smtp { user: Some("sweep".to_owned()), password_file: Some(exim.file("p", "x")), ..exim.smtp() };
    let (why, after) = later(send(&with(login), &finished(), &to("me")).await);
    assert!(why.contains("no login that fits") && after == Some(SET_UP_PAUSE), "{why}");
    // Of RFC 5737: it is nobody's.
    let (why, after) =
        later(send(&with(Smtp { host: "192.0.2.1".to_owned(), ..exim.smtp() }), &finished(), &to("me")).await);
    assert!(why.contains("only by TLS") && after == Some(SET_UP_PAUSE), "{why}");
    assert!(exim.delivered().await.is_empty());
}

/// A server that says these lines, one after each line it hears (the first at once), and then does `last`.
async fn scripted(lines: &'static [&'static str]) -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = socket.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        for line in lines {
            stream.write_all(line.as_bytes()).await.unwrap();
            stream.read_line(&mut String::new()).await.unwrap();
        }
        // It stays, and says nothing more.
        std::future::pending::<()>().await;
    });
    port
}

fn plain(port: u16) -> Settings {
    with(Smtp {
        host: "127.0.0.1".to_owned(),
        port,
        security: Security::Off,
        user: None,
        password_file: None,
        from: "sweep@example.test".to_owned(),
        ca_file: None,
    })
}

#[tokio::test]
async fn a_server_that_falls_silent_does_not_hold_us() {
    let soon = Duration::from_millis(300);
    for script in [&[][..], &["220 hello\r\n"], &["220 hello\r\n", "250 mail\r\n", "250 go on\r\n"]] {
        let outlets = Outlets::with_patience(plain(scripted(script).await), soon);
        let (why, after) = later(outlets.send(&finished(), &to("me")).await);
        assert!(why.contains("did not answer within 0.3 s") && after.is_none(), "{why}");
    }
}

#[tokio::test]
async fn servers_that_are_away_busy_or_strange_are_tried_again() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let (why, _) = later(send(&plain(gone), &finished(), &to("me")).await);
    assert!(why.contains("cannot be reached: Connection refused"), "{why}");
    let (why, after) = later(send(&plain(scripted(&["421 too many\r\n"]).await), &finished(), &to("me")).await);
    assert!(why.contains("takes nothing: 421 too many") && after.is_none(), "{why}");
    let (why, after) = later(send(&plain(scripted(&["554 go away\r\n"]).await), &finished(), &to("me")).await);
    assert!(why.contains("takes nothing: 554 go away") && after == Some(SET_UP_PAUSE), "{why}");
    let (why, _) = later(send(&plain(scripted(&["SSH-2.0-OpenSSH_9.2\r\n"]).await), &finished(), &to("me")).await);
    assert!(why.contains("broke off"), "{why}");
    let nobody = Smtp { host: "mail.invalid".to_owned(), ..plain(25).smtp.unwrap() };
    for security in [Security::Off, Security::StartTls, Security::Tls] {
        let (why, _) = later(send(&with(Smtp { security, ..nobody.clone() }), &finished(), &to("me")).await);
        assert!(why.contains("no address of mail.invalid"), "{why}");
    }
}

/// Whoever stands between us and the server adds to its last plain answer what we would then take for the first of those inside TLS: here, that
/// the server knows no login.
#[tokio::test]
async fn what_is_slipped_in_before_tls_is_not_believed_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let trust = Trust::new(folder.path(), &["127.0.0.1"]);
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let acceptor = trust.acceptor();
    let server = tokio::spawn(async move {
        let (stream, _) = socket.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 hello\r\n").await.unwrap();
        stream.read_line(&mut String::new()).await.unwrap();
        stream.write_all(b"250-mail\r\n250 STARTTLS\r\n").await.unwrap();
        stream.read_line(&mut String::new()).await.unwrap();
        stream.write_all(b"220 go on\r\n250 mail without anything\r\n").await.unwrap();
        acceptor.accept(stream.into_inner()).await.map(|_| ())
    });
    let mut settings = plain(port);
    let smtp = settings.smtp.as_mut().unwrap();
    (smtp.security, smtp.ca_file) = (Security::StartTls, Some(trust.authority.clone()));
    let (why, _) = later(send(&settings, &finished(), &to("me")).await);
    assert!(why.contains("no TLS with the mail server"), "{why}");
    assert!(server.await.unwrap().is_err(), "TLS must not have come about");
}
