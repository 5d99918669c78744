//! What people change from the page: the same as by the command line, and the same people may.

use http::StatusCode;
use sweep_shared::ids::{JobId, SweepId};

use super::*;
use crate::store::testing::{agent_info, job, plan, reader};
use crate::store::{Greeted, Submit};

/// A site with a sweep of alice's, of two jobs, and people of every kind.
async fn stage() -> Site {
    let site = site().await;
    for (name, role) in [("alice", Role::User), ("mallory", Role::User), ("viola", Role::Viewer), ("root", Role::Admin)]
    {
        site.add(name, role).await;
    }
    submit(&site, "alice").await;
    site
}

async fn submit(site: &Site, actor: &str) -> SweepId {
    let jobs = vec![job("base"), reader("pruned", &[0])];
    site.store.write(Submit { actor: actor.to_owned(), ..plan(jobs) }).await.unwrap().sweep
}

async fn state(site: &Site) -> String {
    let jobs = read::jobs_of(&site.store, SweepId(1)).await.unwrap();
    let states: Vec<_> = jobs.iter().map(|job| job.state.as_str()).collect();
    format!("{}: {}", site.store.sweep(SweepId(1)).await.unwrap().state, states.join(" "))
}

const CANCEL: &str = "/sweeps/s1/change/cancel";

#[tokio::test]
async fn an_owner_is_asked_first_and_then_it_is_done_in_their_name() {
    let site = stage().await;
    let mut alice = site.signed_in("alice").await;
    assert!(alice.get("/sweeps/s1").await.says(&format!("href=\"{CANCEL}\"")));
    let asked = alice.get(CANCEL).await;
    assert!(asked.says("<h1>Cancel sweep s1?</h1>") && asked.says("What runs is stopped"), "{}", asked.text);
    assert_eq!(state(&site).await, "active: ready blocked", "looking changes nothing");
    let done = alice.submit(CANCEL, CANCEL, &[]).await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/sweeps/s1?done=cancel-2"));
    assert_eq!(state(&site).await, "cancelled: cancelled cancelled");
    let shown = alice.get("/sweeps/s1?done=cancel-2").await;
    assert!(shown.says("2 jobs are cancelled."), "{}", shown.text);
    assert!(!shown.says(CANCEL) && shown.says("/sweeps/s1/change/retry"), "what can be done now");
    assert!(site.events().await.iter().any(|event| event.starts_with("alice cancel:")), "{:?}", site.events().await);
    let again = alice.submit("/sweeps/s1/change/retry", "/sweeps/s1/change/retry", &[]).await;
    assert_eq!(again.location(), "/sweeps/s1?done=retry-2");
    assert_eq!(state(&site).await, "active: ready blocked");
}

#[tokio::test]
async fn jobs_can_be_paused_resumed_and_given_a_priority() {
    let site = stage().await;
    let mut alice = site.signed_in("alice").await;
    let job = |change: &str| format!("/jobs/j1/change/{change}");
    let paused = alice.submit(&job("pause"), &job("pause"), &[]).await;
    assert_eq!(paused.location(), "/jobs/j1?done=pause-1");
    assert_eq!(state(&site).await, "active: paused blocked");
    assert_eq!(alice.submit(&job("resume"), &job("resume"), &[]).await.location(), "/jobs/j1?done=resume-1");
    let set = |value: &'static str| [("priority", value)];
    assert_eq!(
        alice.submit(&job("priority"), &job("priority"), &set(" -7 ")).await.location(),
        "/jobs/j1?done=priority-1"
    );
    let rows = read::jobs_by_id(&site.store, &[JobId(1)]).await.unwrap();
    assert_eq!((rows[0].state.as_str(), rows[0].priority), ("ready", -7));
    for wrong in ["", "high", "1.5", "99999999999"] {
        let asked = alice.submit(&job("priority"), &job("priority"), &[("priority", wrong)]).await;
        assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(asked.says("This is not a whole number"), "{}", asked.text);
    }
}

#[tokio::test]
async fn others_may_look_on_and_nothing_else() {
    let site = stage().await;
    for name in ["mallory", "viola"] {
        let mut other = site.signed_in(name).await;
        for page in ["/sweeps/s1", "/jobs/j1"] {
            let seen = other.get(page).await;
            assert!(seen.status == StatusCode::OK && !seen.says("/change/"), "{name} sees no buttons on {page}");
        }
        let token = other.get("/account").await.hidden("form_token");
        let before = site.events().await;
        for path in [CANCEL, "/jobs/j1/change/pause", "/sweeps/s1/change/priority", "/jobs/j2/change/retry"] {
            let asked = other.get(path).await;
            assert_eq!(asked.status, StatusCode::FORBIDDEN, "{name} {path}");
            let sent = other.post(path, &[("form_token", &token), ("priority", "5")]).await;
            assert_eq!(sent.status, StatusCode::FORBIDDEN, "{name} {path}: {}", sent.text);
            let nonsense = other.post(path, &[("form_token", &token), ("priority", "x")]).await;
            assert_eq!(nonsense.status, StatusCode::FORBIDDEN, "{name} {path}: {}", nonsense.text);
        }
        assert_eq!((site.events().await, state(&site).await), (before, "active: ready blocked".to_owned()));
    }
    let mut root = site.signed_in("root").await;
    assert_eq!(root.submit(CANCEL, CANCEL, &[]).await.location(), "/sweeps/s1?done=cancel-2", "administrators may");
}

#[tokio::test]
async fn an_owner_who_became_a_viewer_changes_nothing_any_more() {
    let site = stage().await;
    let mut alice = site.signed_in("alice").await;
    let token = alice.get("/account").await.hidden("form_token");
    site.sql("UPDATE users SET role = 'viewer' WHERE name = 'alice'").await;
    assert_eq!(alice.post(CANCEL, &[("form_token", &token)]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(state(&site).await, "active: ready blocked");
}

#[tokio::test]
async fn agents_are_drained_by_administrators() {
    let site = stage().await;
    let hello = crate::store::testing::hello("lab 1", "spool", vec![]);
    assert!(matches!(site.store.write(hello).await.unwrap(), Greeted::Reconciled(_)));
    assert_eq!(agent_info("lab 1").slots, 2);
    let path = "/agents/lab%201";
    let mut alice = site.signed_in("alice").await;
    let seen = alice.get(path).await;
    assert!(seen.status == StatusCode::OK && seen.says("2 jobs") && !seen.says("/drain"), "{}", seen.text);
    let drain = format!("{path}/drain");
    assert_eq!(alice.get(&drain).await.status, StatusCode::FORBIDDEN);
    let token = alice.get("/account").await.hidden("form_token");
    assert_eq!(alice.post(&drain, &[("form_token", &token)]).await.status, StatusCode::FORBIDDEN);
    let mut root = site.signed_in("root").await;
    assert!(root.get(path).await.says(&drain));
    assert!(root.get(&drain).await.says("Drain lab 1?"));
    assert_eq!(root.submit(&drain, &drain, &[]).await.location(), format!("{path}?done=drain-1"));
    assert!(root.get(&format!("{path}?done=drain-1")).await.says("told to finish and leave"));
    assert!(!root.get(path).await.says("/drain\""), "it is told already");
    let token = root.get("/account").await.hidden("form_token");
    let missing = root.post("/agents/nobody/drain", &[("form_token", &token)]).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_cannot_be_done_is_said_in_words() {
    let site = stage().await;
    let mut alice = site.signed_in("alice").await;
    let retry = alice.submit("/jobs/j1/change/retry", "/jobs/j1/change/retry", &[]).await;
    assert_eq!(retry.status, StatusCode::CONFLICT);
    assert!(retry.says("there is nothing to retry"), "{}", retry.text);
    for path in
        ["/sweeps/s9/change/cancel", "/sweeps/s1/change/explode", "/jobs/x/change/cancel", "/jobs/j99/change/retry"]
    {
        assert_eq!(alice.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for done in ["cancel-x", "explode-1", "cancel", "<b>-1"] {
        let page = alice.get(&format!("/?done={}", done.replace('<', "%3C").replace('>', "%3E"))).await;
        assert!(!page.says("class=\"done\""), "nobody's words are put into a page: {done}");
    }
}
