//! Notices as whoever asks the coordinator sees them: tests, the list, what plans may name, lost agents, the heartbeat.

mod support;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use support::{Site, success};
use sweep_coordinator::notices::channels::{Address, SendError, Sent};
use sweep_coordinator::notices::{Courier, Heartbeat, Message, Rules, Settings, Setup};
use sweep_coordinator::{Backoff, Coordinator, ManualClock, Options};
use sweep_shared::notices::Occasion;
use sweep_shared::wire::v1;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use v1::agent_message::Body as Say;

/// Takes everything but what is for nobody, and tells of it.
struct Servers(mpsc::UnboundedSender<(Message, Address)>);

impl Courier for Servers {
    fn carry<'a>(
        &'a self,
        message: &'a Message,
        to: &'a Address,
    ) -> Pin<Box<dyn Future<Output = Result<Sent, SendError>> + Send + 'a>> {
        let _ = self.0.send((message.clone(), to.clone()));
        let nobody = to.name().starts_with("nobody");
        Box::pin(async move {
            if nobody {
                return Err(SendError::Never { why: "550 no such user".to_owned() });
            }
            Ok(Sent { answer: "250 OK".to_owned() })
        })
    }
}

/// Notices go to `me@x.example`, and out at once.
async fn site(change: impl FnOnce(&mut Setup)) -> (Site, mpsc::UnboundedReceiver<(Message, Address)>) {
    let (sender, taken) = mpsc::unbounded_channel();
    let mut setup = Setup {
        rules: Rules { email: vec!["me@x.example".to_owned()], ..Rules::default() },
        delivers: true,
        courier: Some(Arc::new(Servers(sender))),
        ..Setup::default()
    };
    change(&mut setup);
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(ManualClock::default()));
    let options =
        Options { clock: clock.clone(), backoff: Backoff::NONE, notices: setup, ..Options::ephemeral(folder.path()) };
    let running = Coordinator::start(options).await.unwrap();
    (Site { folder, clock, running, backoff: Backoff::NONE }, taken)
}

const PLAN: &str = "name: kd\nstages:\n  only: { command: { run: [x] } }\n";

#[tokio::test]
async fn a_test_says_what_each_server_answered() {
    let (site, mut taken) = site(|setup| setup.rules.sms = vec!["+15550100".to_owned()]).await;
    let mut user = site.user().await;
    let to = |channel: &str, address: &str| v1::NoticeAddress { channel: channel.into(), address: address.into() };
    let mut test = async |to: Vec<v1::NoticeAddress>| {
        user.sweeps.test_notice(v1::TestNoticeRequest { to }).await.map(|reply| reply.into_inner().tried)
    };
    let all = test(vec![]).await.unwrap();
    let said: Vec<_> = all.iter().map(|tried| (tried.sent, tried.answer.as_str())).collect();
    assert_eq!(said, [(true, "250 OK"), (true, "250 OK")]);
    assert_eq!(taken.recv().await.unwrap().0.event, "test");
    let refused = test(vec![to("email", "nobody@x.example")]).await.unwrap().remove(0);
    assert_eq!((refused.sent, refused.later, refused.answer.as_str()), (false, false, "550 no such user"));
    for (channel, address) in [("email", "me"), ("sms", "911"), ("pigeon", "home")] {
        assert!(test(vec![to(channel, address)]).await.is_err(), "{channel} {address}");
    }
}

#[tokio::test]
async fn a_finished_sweep_is_told_and_listed() {
    let (site, mut taken) = site(|_| {}).await;
    let (mut user, mut agent) = (site.user().await, site.agent("a").await);
    let sweep = user.submit(PLAN).await.sweep;
    let given = agent.assigned().await;
    let seq = agent.report(success(given.token, vec![]));
    agent.acked(seq).await;
    let (message, to) = taken.recv().await.unwrap();
    assert_eq!((message.title.as_str(), to.name()), ("kd is finished: 1 job, best 50.00 %", "me@x.example"));
    assert_eq!(message.link, Some(format!("{}/sweeps/s{sweep}", site.running.url())));
    site.running.tell_all().await;
    let listed = user.sweeps.notices(v1::NoticesRequest::default()).await.unwrap().into_inner().copies;
    assert_eq!((listed.len(), listed[0].state.as_str(), listed[0].answer.as_str()), (1, "sent", "250 OK"));
    assert_eq!((listed[0].id.as_str(), listed[0].sweep), (message.id.as_str(), sweep));
}

#[tokio::test]
async fn a_plan_names_only_whom_it_may_and_is_told_whom_it_cannot_reach() {
    let (site, _taken) = site(|setup| setup.rules.allow = vec!["*@x.example".to_owned()]).await;
    let mut user = site.user().await;
    let plan =
        |to: &str| v1::SubmitRequest { plan_yaml: format!("{PLAN}notify: {{ email: {to} }}\n"), ..Default::default() };
    let refused = user.try_submit(plan("ada@elsewhere.example")).await.unwrap_err();
    assert!(refused.message().contains("ada@elsewhere.example") && refused.message().contains("notify.allow"));
    let taken = user.try_submit(plan("ada@x.example")).await.unwrap();
    assert!(taken.warning.contains("[notify.smtp]"), "{}", taken.warning);
}

#[tokio::test]
async fn an_agent_that_stays_away_is_told_once_and_one_that_says_goodbye_is_not() {
    let (site, mut taken) = site(|setup| {
        setup.rules.on.email.insert(Occasion::Cancelled);
    })
    .await;
    let (vanishes, leaves) = (site.agent("vanishes").await, site.agent("leaves").await);
    leaves.say(Say::Goodbye(v1::Goodbye { reason: "done".to_owned() }));
    site.user().await.until_gone("leaves").await;
    vanishes.cut();
    site.pass(Duration::from_secs(200)).await;
    cancelled(&site, 1).await;
    let message = taken.recv().await.unwrap().0;
    assert_eq!(message.event, "agent_lost");
    assert!(message.title.starts_with("Agent vanishes on "), "{}", message.title);
    assert_eq!(taken.recv().await.unwrap().0.event, "sweep_cancelled");
    site.pass(Duration::from_secs(200)).await;
    cancelled(&site, 2).await;
    assert_eq!(taken.recv().await.unwrap().0.event, "sweep_cancelled", "nothing is told again");
}

/// Something that is told at once: whoever delivers looks at its clock then, which only the test moves.
async fn cancelled(site: &Site, nth: u32) {
    let mut user = site.user().await;
    let sweep = user.submit(&PLAN.replace("kd", &format!("kd{nth}"))).await.sweep;
    user.sweeps.cancel(v1::TargetRequest { sweep, ..Default::default() }).await.unwrap();
}

#[tokio::test]
async fn the_heartbeat_goes_on_while_the_coordinator_is_well() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/ping/5f2a", listener.local_addr().unwrap());
    let beat = Heartbeat { url, every: Duration::from_millis(20) };
    let settings = Settings { heartbeat: Some(beat), ..Settings::default() };
    let (site, _taken) = site(|setup| (setup.settings, setup.stands) = (settings, true)).await;
    for _ in 0..3 {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut said = [0; 256];
        let read = stream.read(&mut said).await.unwrap();
        assert!(said[..read].starts_with(b"GET /ping/5f2a HTTP/1.1"));
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
    }
    site.running.shutdown().await;
}
