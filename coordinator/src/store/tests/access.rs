//! Agents that are shut out.

use super::super::access::{Enrol, NewToken, RevokeAgent, TokenKind};
use super::super::testing::{AGENT, ME, SPOOL, bench, hello, job};
use super::super::{Greeted, Hello, StoreError};
use crate::tls::Issued;

fn issued(serial: &str, key: &str) -> Issued {
    let (pem, serial, public_key) = (String::new(), serial.to_owned(), key.repeat(64));
    Issued { pem, serial, public_key, issued_ms: 0, expires_ms: i64::MAX }
}

fn enrol(token: i64, serial: &str, key: &str) -> Enrol {
    Enrol { token, agent: AGENT.to_owned(), host: "host".to_owned(), issued: issued(serial, key) }
}

async fn invite(store: &super::super::Store) -> i64 {
    let kind = TokenKind::Join { uses: Some(1) };
    let (user, hash, note, actor) = (ME.to_owned(), "0".repeat(64), String::new(), ME.to_owned());
    store.write(NewToken { kind, user, hash, note, lifetime_ms: 1000, actor }).await.unwrap().id
}

#[tokio::test]
async fn a_token_for_one_agent_serves_one_even_if_it_asks_twice() {
    let bench = bench().await;
    let token = invite(&bench.store).await;
    bench.store.write(enrol(token, "01", "a")).await.unwrap();
    bench.store.write(enrol(token, "02", "a")).await.expect("the answer was lost, and the key is the same");
    let taken = bench.store.write(enrol(token, "03", "b")).await.unwrap_err();
    assert!(taken.to_string().contains("has a certificate already"), "{taken}");
    let other = Enrol { agent: "agent-2".to_owned(), ..enrol(token, "04", "b") };
    let spent = bench.store.write(other).await.unwrap_err();
    assert!(matches!(&spent, StoreError::Refused(why) if why.contains("as often as it may be")), "{spent}");
}

#[tokio::test]
async fn a_revoked_agent_loses_its_jobs_and_its_hello_counts_no_more_by_the_same_commit() {
    let bench = bench().await;
    let token = invite(&bench.store).await;
    bench.store.write(enrol(token, "01", "a")).await.unwrap();
    let (_, jobs) = bench.submit(vec![job("a")]).await;
    let granted = vec![bench.token(jobs[0]).await];
    let shown = |serial: &str| Hello { certificate: Some(serial.to_owned()), ..hello(AGENT, SPOOL, granted.clone()) };
    let Greeted::Reconciled(before) = bench.store.write(shown("01")).await.unwrap() else { panic!("it may come in") };
    assert_eq!(before.keep, granted);
    let mut changes = bench.store.watch();
    // By its host's name, since no other agent is there.
    let revoked = bench.store.write(RevokeAgent { agent: "host".to_owned(), actor: ME.to_owned() }).await.unwrap();
    assert_eq!((revoked.agent.as_str(), revoked.certificates, &revoked.freed), (AGENT, 1, &granted));
    let told = changes.recv().await.unwrap();
    assert!(told.access && told.ready);
    assert_eq!(told.expelled, [(AGENT.to_owned(), granted.clone())]);
    assert_eq!(bench.store.write(shown("01")).await.unwrap(), Greeted::ShutOut);
    let again = bench.store.write(RevokeAgent { agent: AGENT.to_owned(), actor: ME.to_owned() }).await.unwrap();
    assert_eq!((again.certificates, again.freed.len()), (0, 0), "that is no news");
    let token = invite(&bench.store).await;
    bench.store.write(enrol(token, "02", "b")).await.expect("a new token lets it in again");
    assert!(matches!(bench.store.write(shown("02")).await.unwrap(), Greeted::Reconciled(_)));
    let nobody = RevokeAgent { agent: "nobody".to_owned(), actor: ME.to_owned() };
    assert!(matches!(bench.store.write(nobody).await, Err(StoreError::Unknown(_))));
}
