//! Mail that arrives.

use sweep_coordinator::notices::channels::Address;
use sweep_coordinator::notices::{Message, Settings, Smtp};

use crate::cable::{Cut, cable};
use crate::exim::{Exim, Wants, is_here};
use crate::read::Mail;
use crate::samples::{failed, finished};
use crate::{later, never, send};

fn me() -> Address {
    Address::Email("Grüße an mich <me@example.test>".to_owned())
}

/// For whoever wants to look at it: `SWEEP_KEEP_MAIL=/tmp/mail cargo test …`.
fn keep(name: &str, raw: &[u8]) {
    if let Some(folder) = std::env::var_os("SWEEP_KEEP_MAIL") {
        std::fs::write(std::path::Path::new(&folder).join(format!("{name}.eml")), raw).unwrap();
    }
}

/// What the rules of mail ask of each line, looked at before anybody has interpreted it.
fn is_plain(raw: &[u8]) {
    for line in raw.split(|byte| *byte == b'\n') {
        assert!(line.len() <= 998 && line.is_ascii(), "{}", String::from_utf8_lossy(line));
    }
}

#[tokio::test]
async fn a_finished_sweep_arrives_with_its_text_its_page_and_its_plot() {
    if !is_here("mail of a finished sweep") {
        return;
    }
    for wants in [Wants::Tls, Wants::StartTls] {
        let exim = Exim::start(wants).await;
        let sent = send(&exim.settings(), &finished(), &me()).await.unwrap();
        assert!(sent.answer.starts_with("250 OK id="), "{}", sent.answer);
        let mails = exim.delivered().await;
        assert_eq!(mails.len(), 1, "{}", exim.log());
        keep("finished", &mails[0]);
        is_plain(&mails[0]);
        let mail = Mail::read(&mails[0]);
        assert!(mail.header("Received").contains("esmtpsa"), "by TLS, with a login: {}", mail.header("Received"));
        let is = |name: &str, value: &str| assert_eq!(mail.header(name), value, "{name}");
        is("Subject", "cifar10-kd is finished: 42 jobs, best 93.1 %");
        is("From", "Größe sweep <sweep@example.test>");
        is("To", "Grüße an mich <me@example.test>");
        is("Message-ID", "<n42.3f9c0d@example.test>");
        is("Date", "Sun, 29 Nov 2026 03:12:07 +0000");
        is("Auto-Submitted", "auto-generated");
        is("References", "<sweep.s3.3f9c0d@example.test>");
        is("In-Reply-To", "<sweep.s3.3f9c0d@example.test>");
        is("List-Id", "sweep <notices.sweep.example.test>");
        is("X-Sweep-Event", "sweep_finished");
        assert_eq!(mail.shape, ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"]);

        let text = mail.text("text/plain");
        assert!(text.contains("It took 5 h 12 min and 11.4 GPU-hours; 3.2 GPU-hours were saved.\n"), "{text}");
        assert!(
            text.contains("\nSchüler größe=klein                          88.0 ± 0.4 %  0.09 MB        –\n"),
            "{text}"
        );
        assert!(text.contains("\n-- \nsweep, 2026-11-29 03:12 UTC, notice n42@3f9c0d"), "{text}");

        let (page, plot) = (mail.text("text/html"), &mail.parts[2]);
        for told in ["42 jobs, best 93.1 %", "Schüler größe=klein", "href=\"https://desk.example.test:7433/sweeps/s3\""]
        {
            assert!(page.contains(told), "{told}: {page}");
        }
        assert_eq!((plot.id.as_deref(), plot.file.as_deref()), (Some("<pareto@sweep>"), Some("pareto.png")));
        assert!(page.contains("src=\"cid:pareto@sweep\""));
        let size = image_size(plot.bytes.as_deref().unwrap());
        assert_eq!(size, (1120, 640));
    }
}

/// Of a PNG file, from its header.
fn image_size(file: &[u8]) -> (u32, u32) {
    assert!(file.starts_with(b"\x89PNG\r\n\x1a\n"));
    let number = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[tokio::test]
async fn a_failed_sweep_arrives_saying_what_failed_and_what_to_do() {
    if !is_here("mail of a failed sweep") {
        return;
    }
    let exim = Exim::start(Wants::StartTls).await;
    send(&exim.settings(), &failed(), &me()).await.unwrap();
    let raw = exim.delivered().await.remove(0);
    keep("failed", &raw);
    let mail = Mail::read(&raw);
    assert_eq!(mail.shape, ["multipart/alternative", "text/plain", "text/html"]);
    for part in [mail.text("text/plain"), mail.text("text/html")] {
        for told in ["2 failed jobs", "out_of_memory", "sweep retry j17", "https://desk.example.test:7433/sweeps/s3"] {
            assert!(part.contains(told), "{told}: {part}");
        }
    }
    // In one thread with what else is told of the sweep.
    assert_eq!(mail.header("References"), "<sweep.s3.3f9c0d@example.test>");
    assert_eq!(mail.header("Message-ID"), "<n43.3f9c0d@example.test>");
}

#[tokio::test]
async fn a_plot_that_cannot_be_drawn_keeps_no_mail_back() {
    if !is_here("mail without its plot") {
        return;
    }
    let exim = Exim::start(Wants::Nothing).await;
    send(&exim.settings(), &Message { plot: Some("<svg".to_owned()), ..finished() }, &me()).await.unwrap();
    let mail = Mail::read(&exim.delivered().await[0]);
    assert_eq!(mail.shape, ["multipart/alternative", "text/plain", "text/html"]);
}

#[tokio::test]
async fn no_name_gets_out_of_its_place() {
    if !is_here("mail with hostile names") {
        return;
    }
    let exim = Exim::start(Wants::Nothing).await;
    let name = format!("kd\r\nBcc: all@example.test\r\n\r\n.\r\nQUIT\r\n名前 \u{202e}{}", "w".repeat(1200));
    let message = Message {
        id: "n1@\r\nX-Evil: 1".to_owned(),
        event: "x\r\nX-Evil: 1".to_owned(),
        title: name.clone(),
        lines: vec![".".to_owned(), "..".to_owned(), "From here".to_owned(), name.clone()],
        facts: serde_json::json!({ "sweep": name }),
        ..finished()
    };
    send(&exim.settings(), &message, &me()).await.unwrap();
    let mails = exim.delivered().await;
    assert_eq!(mails.len(), 1);
    is_plain(&mails[0]);
    let mail = Mail::read(&mails[0]);
    let subject = mail.header("Subject");
    assert!(subject.starts_with("kd Bcc: all@example.test . QUIT 名前 www") && subject.ends_with("w…"), "{subject}");
    assert!(mail.all("Bcc").is_empty() && mail.all("X-Evil").is_empty());
    assert!(mail.text("text/plain").contains("\n.\n..\nFrom here\nkd Bcc: all@"), "{}", mail.text("text/plain"));
    assert_eq!(mail.header("Envelope-to"), "me@example.test");
}

#[tokio::test]
async fn addresses_that_are_none_go_nowhere() {
    if !is_here("mail to what is no address") {
        return;
    }
    let exim = Exim::start(Wants::Nothing).await;
    for none in ["me", "me@", "me@example.test\r\nRCPT TO:<all@example.test>", "a@example.test, b@example.test", ""] {
        let why = never(send(&exim.settings(), &finished(), &Address::Email(none.to_owned())).await);
        assert!(why.contains("is no address of mail"), "{why}");
    }
    assert!(exim.delivered().await.is_empty());
}

#[tokio::test]
async fn addresses_in_all_letters_are_written_to() {
    if !is_here("mail to an address beyond ASCII") {
        return;
    }
    let exim = Exim::start(Wants::Nothing).await;
    send(&exim.settings(), &finished(), &Address::Email("jürgen@exämple.test".to_owned())).await.unwrap();
    let raw = exim.delivered().await.remove(0);
    assert!(String::from_utf8(raw).unwrap().contains("jürgen@ex"));
}

#[tokio::test]
async fn a_gateway_gets_what_fits_into_a_text_message() {
    if !is_here("mail to a gateway") {
        return;
    }
    let exim = Exim::start(Wants::StartTls).await;
    send(&exim.settings(), &finished(), &Address::Sms("15550100@txt.example.test".to_owned())).await.unwrap();
    let mail = Mail::read(&exim.delivered().await[0]);
    assert_eq!(mail.shape, ["text/plain"]);
    let text = mail.text("text/plain").trim_end();
    assert_eq!(text, "cifar10-kd is finished: 42 jobs, best 93.1 %\nhttps://desk.example.test:7433/sweeps/s3");
}

/// Settings that lead to the server by way of something that is cut.
fn by(smtp: Smtp, port: u16) -> Settings {
    Settings { smtp: Some(Smtp { host: "127.0.0.1".to_owned(), port, ..smtp }), ..Settings::default() }
}

#[tokio::test]
async fn cut_off_in_the_message_nothing_arrives_and_the_next_try_brings_it_once() {
    if !is_here("mail cut off in DATA") {
        return;
    }
    let exim = Exim::start(Wants::Nothing).await;
    let cut = cable(exim.address, Cut::InData).await;
    let (why, after) = later(send(&by(exim.smtp(), cut.port()), &finished(), &me()).await);
    assert!(why.contains("broke off") && after.is_none(), "{why}");
    assert!(exim.delivered().await.is_empty());
    assert!(exim.log().contains("lost while reading message data"), "{}", exim.log());
    send(&exim.settings(), &finished(), &me()).await.unwrap();
    assert_eq!(exim.delivered().await.len(), 1);
}

#[tokio::test]
async fn cut_off_before_the_answer_it_comes_twice_under_one_id() {
    if !is_here("mail cut off before the answer") {
        return;
    }
    let exim = Exim::start(Wants::Nothing).await;
    let cut = cable(exim.address, Cut::BeforeTheAnswer).await;
    later(send(&by(exim.smtp(), cut.port()), &finished(), &me()).await);
    assert_eq!(exim.delivered().await.len(), 1);
    send(&exim.settings(), &finished(), &me()).await.unwrap();
    let mails = exim.delivered().await;
    let ids: Vec<_> = mails.iter().map(|raw| Mail::read(raw).header("Message-ID").to_owned()).collect();
    assert_eq!(ids, ["<n42.3f9c0d@example.test>", "<n42.3f9c0d@example.test>"]);
}
