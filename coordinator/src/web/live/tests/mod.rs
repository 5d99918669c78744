//! What open pages are told, by real streams over the real router.

mod reader;

use std::time::Duration;

use http::StatusCode;
use sweep_shared::access::Role;
use sweep_shared::ids::JobId;
use sweep_shared::resources::DeviceClass;

use super::*;
use crate::clock::Clock as _;
use crate::store::testing::{self, job};
use crate::store::{Grant, GrantRequest};
use crate::web::tests::{Site, site_with};
use crate::web::{Pace, Settings};
use reader::Reader;

/// Where nothing waits: what is told is told at once.
async fn site() -> Site {
    let pace = Pace { gap: Duration::ZERO, share: 1.0 };
    let site = site_with(Settings { pace, ..Settings::default() }).await;
    site.add("alice", Role::User).await;
    site.add("bob", Role::Viewer).await;
    site
}

async fn submit(site: &Site, name: &str) {
    let plan = testing::plan(vec![job(name)]);
    site.store.write(crate::store::Submit { name: name.to_owned(), ..plan }).await.unwrap();
}

#[tokio::test]
async fn an_open_page_is_told_what_has_become_another_and_nothing_else() {
    let site = site().await;
    let mut alice = site.signed_in("alice").await;
    let page = alice.get("/").await;
    let mut reader = Reader::open(&alice, &page).await;
    submit(&site, "night-study").await;
    let event = reader.next().await;
    assert_eq!(event.name, "parts");
    assert_eq!(event.ids(), ["sweeps"], "the agents are as they were");
    assert!(event.html("sweeps").contains("night-study"), "{event:?}");
    assert!(alice.get("/").await.says(&event.id), "the page bears the state that the event leads to");
}

#[tokio::test]
async fn a_browser_that_comes_back_is_sent_what_it_missed_and_one_that_missed_nothing_is_not() {
    let site = site().await;
    let mut alice = site.signed_in("alice").await;
    let page = alice.get("/").await;
    submit(&site, "missed").await;
    let mut reader = Reader::open(&alice, &page).await;
    assert!(reader.next().await.html("sweeps").contains("missed"));
    let newest = alice.get("/").await;
    let mut reader = Reader::open(&alice, &newest).await;
    submit(&site, "second").await;
    assert!(reader.next().await.html("sweeps").contains("second"), "and not the same once more before it");
}

#[tokio::test]
async fn all_who_look_at_the_same_share_one_rendering_that_ends_with_the_last() {
    let site = site().await;
    let (mut alice, mut bob) = (site.signed_in("alice").await, site.signed_in("bob").await);
    let pages = (alice.get("/").await, bob.get("/").await);
    let (mut a, mut b) = (Reader::open(&alice, &pages.0).await, Reader::open(&bob, &pages.1).await);
    assert_eq!(site.web.0.topics.watched(), 1);
    submit(&site, "both").await;
    assert_eq!(a.next().await, b.next().await);
    drop(a);
    submit(&site, "one").await;
    assert!(b.next().await.html("sweeps").contains("one"));
    drop(b);
    while site.web.0.topics.watched() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_session_at_once() {
    let site = site().await;
    let mut alice = site.signed_in("alice").await;
    let page = alice.get("/").await;
    let mut open = Reader::open(&alice, &page).await;
    let mut bob = site.signed_in("bob").await;
    let other = bob.get("/").await;
    let mut others = Reader::open(&bob, &other).await;
    alice.submit("/", "/sign-out", &[]).await;
    assert_eq!(open.last().await, "signed-out");
    submit(&site, "after").await;
    assert!(others.next().await.html("sweeps").contains("after"), "somebody else's goes on");
    let remove = crate::store::access::RemoveUser { name: "bob".to_owned(), actor: "root".to_owned() };
    site.store.write(remove).await.unwrap();
    assert_eq!(others.last().await, "signed-out");
}

#[tokio::test]
async fn looking_on_all_night_is_no_use_of_a_session() {
    let site = site().await;
    let mut alice = site.signed_in("alice").await;
    let page = alice.get("/").await;
    let seen = || async {
        let (now_ms, idle) = (site.clock.unix_ms(), Duration::from_hours(12));
        crate::store::web::sessions_of(&site.store, "alice", true, now_ms, idle).await.unwrap()[0].seen_ms
    };
    let before = seen().await;
    site.pass(Duration::from_hours(1));
    let mut open = Reader::open(&alice, &page).await;
    assert_eq!(seen().await, before);
    site.pass(Duration::from_hours(12));
    // Anything that concerns sessions makes streams look at theirs.
    site.add("carol", Role::User).await;
    site.signed_in("carol").await;
    assert_eq!(open.last().await, "signed-out");
}

#[tokio::test]
async fn a_coordinator_that_stops_says_so() {
    let site = site().await;
    let mut alice = site.signed_in("alice").await;
    let page = alice.get("/").await;
    let mut open = Reader::open(&alice, &page).await;
    site.api.stop.cancel();
    assert_eq!(open.last().await, "stopping");
}

#[tokio::test]
async fn what_is_no_live_page_has_no_stream() {
    let site = site().await;
    let mut alice = site.signed_in("alice").await;
    for of in ["", "/account", "/no-such", "//evil.example/", "https%3A%2F%2Fevil.example%2F"] {
        assert_eq!(alice.get(&format!("/live?of={of}")).await.status, StatusCode::NOT_FOUND, "{of}");
    }
    assert_eq!(alice.get("/live?of=/sweeps/s9").await.status, StatusCode::NOT_FOUND);
    assert_eq!(Reader::open_at(&alice, "/agents/nobody", "").await.last().await, "gone");
    assert_eq!(site.browser().get("/live?of=/").await.location(), "/sign-in?next=/live%3Fof%3D/");
}

#[tokio::test]
async fn there_is_an_end_to_how_many_may_be_open() {
    let site = site().await;
    let mut alice = site.signed_in("alice").await;
    let page = alice.get("/").await;
    let open = Reader::open(&alice, &page).await;
    let left = site.web.0.streams.available_permits() as u32;
    let taken = site.web.0.streams.clone().try_acquire_many_owned(left).unwrap();
    assert_eq!(alice.get("/live?of=/").await.status, StatusCode::SERVICE_UNAVAILABLE);
    drop((open, taken));
    while site.web.0.streams.available_permits() < MOST_STREAMS {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_log_grows_on_the_page_and_another_attempts_begins_anew() {
    let site = site().await;
    submit(&site, "train").await;
    site.store.write(testing::hello("lab-1", "spool", vec![])).await.unwrap();
    let job = JobId(1);
    let request = GrantRequest { job, agent: "lab-1".to_owned(), device: DeviceClass::Cpu, device_index: 0, lease: 7 };
    let granted = site.store.write(Grant { requests: vec![request], steal: vec![] }).await.unwrap();
    site.api.logs.write(job, granted[0].token.attempt, 0, b"epoch 1\n").unwrap();
    let mut bob = site.signed_in("bob").await;
    let page = bob.get("/jobs/j1").await;
    assert!(page.says("epoch 1"));
    let mut reader = Reader::open(&bob, &page).await;
    // Half of a character comes first.
    site.api.logs.write(job, 1, 8, &"loss \u{2248}".as_bytes()[..6]).unwrap();
    let first = reader.next_of("log").await;
    assert_eq!(first.data, r#"{"attempt":1,"anew":false,"text":"loss "}"#);
    site.api.logs.write(job, 1, 13, "\u{2248} 0.5\n".as_bytes()).unwrap();
    assert_eq!(reader.next_of("log").await.data, "{\"attempt\":1,\"anew\":false,\"text\":\"\u{2248} 0.5\\n\"}");
    let mut back = Reader::open_at(&bob, "/jobs/j1", &first.id).await;
    assert!(back.next_of("log").await.data.contains("\u{2248} 0.5"), "who comes back is told what they missed");
    site.sql("UPDATE attempts SET state = 'lost', finished_ms = 1").await;
    site.sql("UPDATE jobs SET state = 'ready'").await;
    let again = GrantRequest { job, agent: "lab-1".to_owned(), device: DeviceClass::Cpu, device_index: 0, lease: 8 };
    site.store.write(Grant { requests: vec![again], steal: vec![] }).await.unwrap();
    site.api.logs.write(job, 2, 0, b"once more\n").unwrap();
    assert_eq!(reader.next_of("log").await.data, r#"{"attempt":2,"anew":true,"text":"once more\n"}"#);
}
