//! Tokens that buy nothing, and coordinators that are another's.

use sweep_link::LinkError;
use sweep_shared::access::{Secret, SecretKind};
use sweep_shared::wire::v1;
use sweep_worker::AgentError;

use crate::site::{Machine, Site};

#[tokio::test]
async fn what_is_no_token_of_this_coordinator_buys_nothing() {
    let (mut site, machine) = (Site::new().await, Machine::new());
    let good = site.invite().await;
    let guessed = Secret::new(SecretKind::Join, good.id, "guess".to_owned(), good.fingerprint);
    let refused = machine.refused(&site.url(), Some(guessed)).await;
    assert!(matches!(refused, AgentError::NotJoining(_)), "{refused}");
    site.access.revoke_token(v1::RevokeTokenRequest { id: good.id }).await.unwrap();
    let revoked = machine.refused(&site.url(), Some(good.clone())).await;
    assert!(matches!(&revoked, AgentError::NotJoining(why) if why.contains("revoked")), "{revoked}");
    let user = Secret::new(SecretKind::User, 1, "a".to_owned(), good.fingerprint);
    let refused = machine.refused(&site.url(), Some(user)).await.to_string();
    assert!(refused.contains("stands for a user"), "{refused}");
    let nothing = machine.refused(&site.url(), None).await;
    assert!(matches!(&nothing, AgentError::NotJoined(url) if *url == site.url()), "{nothing}");
}

#[tokio::test]
async fn another_coordinator_at_the_address_is_told_by_its_fingerprint() {
    let (mut ours, mut theirs, machine) = (Site::new().await, Site::new().await, Machine::new());
    let token = ours.invite().await;
    let refused = machine.refused(&theirs.url(), Some(token.clone())).await;
    let (expected, found) = (token.fingerprint.unwrap(), theirs.running.fingerprint().unwrap());
    assert!(
        matches!(&refused, AgentError::Link(LinkError::OtherCoordinator { expected: e, found: f, .. }) if *e == expected && *f == found),
        "{refused}"
    );
    // One that has joined is not sent elsewhere by an address.
    let agent = machine.start(&ours.url(), Some(token));
    ours.hears("agent_joined").await;
    agent.leaves().await;
    let refused = machine.refused(&theirs.url(), None).await.to_string();
    assert!(refused.contains(&expected.to_string()) && refused.contains(&found.to_string()), "{refused}");
    // By a token it is.
    let agent = machine.start(&theirs.url(), Some(theirs.invite().await));
    theirs.hears("agent_joined").await;
    agent.leaves().await;
}

#[tokio::test]
async fn a_copied_folder_does_not_make_two_agents_of_one() {
    let (mut site, machine) = (Site::new().await, Machine::new());
    let agent = machine.start(&site.url(), Some(site.invite().await));
    site.hears("agent_joined").await;
    agent.leaves().await;
    let copy = Machine::new();
    std::fs::create_dir(copy.path().join("agent")).unwrap();
    std::fs::copy(machine.path().join("agent/agent.json"), copy.path().join("agent/agent.json")).unwrap();
    let refused = copy.refused(&site.url(), Some(site.invite().await)).await.to_string();
    assert!(refused.contains("has a certificate already"), "{refused}");
}
