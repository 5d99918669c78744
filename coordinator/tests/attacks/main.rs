//! Every procedure and every route × everything that must be refused. The rows come from the service descriptions and the router, so
//! that none can be forgotten; who may pass is written down here a second time (`table`), by hand; after all of it the database must be
//! as it was.

mod call;
mod database;
mod pages;
mod site;
mod table;

use std::collections::BTreeSet;

use call::{Call, Seen};
use site::{Caller, Site};
use sweep_coordinator::RPCS;
use sweep_shared::wire::v1;
use table::{EXPECTED, descriptions};
use tonic::Code;

#[test]
fn no_procedure_is_forgotten() {
    let described = descriptions();
    let named = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(named(EXPECTED.iter().map(|(path, _)| *path).collect()), described, "tests/attacks/table.rs");
    assert_eq!(named(RPCS.iter().map(|(path, _)| *path).collect()), described, "src/access/rights.rs");
}

#[tokio::test]
async fn nobody_comes_in_without_something_that_stands() {
    let site = Site::new().await;
    let before = database::dump(&site.home()).await;
    let mut cells = 0;
    for (path, callers) in EXPECTED.iter().filter(|(_, callers)| *callers != "*") {
        let call = Call::new(path);
        for (what, shown) in site.worthless() {
            let seen = site.channel(&shown).call(call.clone().showing(&shown)).await;
            assert_eq!(seen.code, Code::Unauthenticated, "{path} with {what}: {seen:?}");
            cells += 1;
        }
        for caller in Caller::ALL.into_iter().filter(|caller| !callers.contains(caller.letter())) {
            let seen = site.as_caller(caller, call.clone()).await;
            assert_eq!(seen.code, Code::PermissionDenied, "{path} as {caller:?}: {seen:?}");
            cells += 1;
        }
    }
    assert!(cells > 400, "{cells} cells");
    assert_eq!(database::dump(&site.home()).await, before);
    println!("{cells} cells");
}

#[tokio::test]
async fn pages_of_others_cannot_make_a_browser_call() {
    let site = Site::new().await;
    let before = database::dump(&site.home()).await;
    for (path, callers) in EXPECTED {
        for origin in ["https://evil.example", "null", "http://localhost"] {
            let call = Call::new(path).with_header("origin", origin);
            let seen = site.as_caller(Caller::may(callers), call).await;
            assert_eq!(seen.code, Code::PermissionDenied, "{path} from {origin}: {seen:?}");
        }
    }
    assert_eq!(database::dump(&site.home()).await, before);
}

#[tokio::test]
async fn messages_that_are_too_long_are_refused_by_what_they_say_of_themselves() {
    let site = Site::new().await;
    let before = database::dump(&site.home()).await;
    for (path, callers) in EXPECTED {
        let call = Call::new(path).saying_it_has(100 << 20);
        let seen = site.as_caller(Caller::may(callers), call).await;
        // The reflection service is the library's: it ends the stream without a word.
        let silent = path.contains("ServerReflection") && seen.code == Code::Ok && seen.is_empty();
        let refused = matches!(seen.code, Code::OutOfRange | Code::ResourceExhausted);
        assert!(refused || silent, "{path}: {seen:?}");
    }
    assert_eq!(database::dump(&site.home()).await, before);
}

#[tokio::test]
async fn without_tls_nothing_is_answered_but_that_tls_is_needed() {
    let site = Site::new().await;
    let before = database::dump(&site.home()).await;
    for (path, callers) in EXPECTED {
        let token = site.token(Caller::may(callers)).unwrap_or_default();
        let answer = call::plainly(site.address(), path, &token).await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("https://"), "{path}: {answer}");
        let two = call::plainly_by_http2(site.address()).await;
        assert!(two.ends_with(b"This port speaks TLS only: use https://"), "{two:?}");
    }
    assert_eq!(database::dump(&site.home()).await, before);
}

#[tokio::test]
async fn on_loopback_names_that_lead_there_by_trickery_are_not_answered_to() {
    let site = Site::plain().await;
    let before = database::dump(&site.home()).await;
    for (path, callers) in EXPECTED.iter().filter(|(_, callers)| Caller::may(callers) != Caller::Agent) {
        let token = site.token(Caller::may(callers)).unwrap_or_default();
        let answer = call::plainly_to("evil.example:7433", site.address(), path, &token).await;
        assert!(answer.contains("evil.example:7433") && answer.contains("grpc-status: 7"), "{path}: {answer}");
    }
    assert_eq!(database::dump(&site.home()).await, before);
}

#[tokio::test]
async fn what_does_not_exist_is_not_reached() {
    let site = Site::new().await;
    for path in [
        "/sweep.v1.Sweeps/Nonsense",
        "/sweep.v1.Sweeps/List/",
        "/sweep.v1.sweeps/List",
        "//",
        "/sweep.v1.Sweeps/../Sweeps/List",
    ] {
        let seen = site.as_caller(Caller::Admin, Call::new(path)).await;
        assert_eq!(seen.code, Code::Unimplemented, "{path}: {seen:?}");
    }
}

/// The table above would also pass where everybody is refused.
#[tokio::test]
async fn who_may_pass_does() {
    let site = Site::new().await;
    for (path, callers) in EXPECTED {
        for caller in Caller::ALL.into_iter().filter(|caller| *callers == "*" || callers.contains(caller.letter())) {
            // Streams that wait for a message end with one that is none.
            let seen: Seen = site.as_caller(caller, Call::new(path)).await;
            let refused = [Code::Unauthenticated, Code::Unimplemented];
            assert!(!refused.contains(&seen.code), "{path} as {caller:?}: {seen:?}");
            let own_rule = seen.code == Code::PermissionDenied && !seen.message.starts_with("this is for");
            assert!(seen.code != Code::PermissionDenied || own_rule, "{path} as {caller:?}: {seen:?}");
        }
    }
}

#[tokio::test]
async fn others_sweeps_are_looked_at_and_not_touched() {
    let site = Site::new().await;
    let sweep = site.submit(Caller::User, "ada's").await;
    let before = database::dump(&site.home()).await;
    let target = v1::TargetRequest { sweep, job: 0 };
    for method in ["Cancel", "Retry", "Pause", "Resume"] {
        let call = Call::new(&format!("/sweep.v1.Sweeps/{method}")).with_message(&target);
        let seen = site.as_caller(Caller::Other, call).await;
        assert_eq!(seen.code, Code::PermissionDenied, "{method}: {seen:?}");
        assert!(seen.message.contains("belongs to ada"), "{seen:?}");
    }
    let priority = v1::PriorityRequest { sweep, job: 0, priority: 9 };
    let call = Call::new("/sweep.v1.Sweeps/SetPriority").with_message(&priority);
    assert_eq!(site.as_caller(Caller::Other, call).await.code, Code::PermissionDenied);
    let amend = v1::SubmitRequest { plan_yaml: site::plan("ada's"), amend: sweep, ..Default::default() };
    let call = Call::new("/sweep.v1.Sweeps/Submit").with_message(&amend);
    assert_eq!(site.as_caller(Caller::Other, call).await.code, Code::PermissionDenied);
    assert_eq!(database::dump(&site.home()).await, before);

    let join = v1::SubmitRequest { plan_yaml: site::plan("ada's"), continue_same: true, ..Default::default() };
    let call = Call::new("/sweep.v1.Sweeps/Submit").with_message(&join);
    let seen = site.as_caller(Caller::Other, call).await;
    assert_ne!(seen.message_as::<v1::SubmitReply>().sweep, sweep, "another's sweep of the same plan is not joined");
    let cancel = Call::new("/sweep.v1.Sweeps/Cancel").with_message(&target);
    assert_eq!(site.as_caller(Caller::Admin, cancel).await.code, Code::Ok);
}
