//! An agent that is cut off between any two steps of joining: the next start goes on from what lies there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use sweep_worker::AgentError;

use crate::site::{Machine, Site};

#[tokio::test]
async fn an_agent_joins_once_and_needs_no_token_from_then_on() {
    let (mut site, machine) = (Site::new().await, Machine::new());
    let token = site.invite().await;
    let agent = machine.start(&site.url(), Some(token.clone()));
    let enrolled = site.hears("agent_enrolled").await;
    let joined = site.hears("agent_joined").await;
    assert!(joined.detail.starts_with(&enrolled.actor), "Hello comes in the certificate's name: {joined:?}");
    agent.leaves().await;
    for name in ["key.pem", "agent.pem", "ca.pem", "coordinator"] {
        let mode = fs::metadata(machine.tls(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert!(!machine.tls("key.next.pem").exists());
    assert_eq!(sweep_worker::joined_address(&machine.path().join("agent")).unwrap().url(), site.url());
    let again = machine.start(&site.url(), None);
    site.hears("agent_joined").await;
    again.leaves().await;
    // The token is used up, and does no harm.
    let with_token = machine.start(&site.url(), Some(token));
    site.hears("agent_joined").await;
    with_token.leaves().await;
}

#[tokio::test]
async fn an_answer_that_was_not_kept_is_given_again_for_the_same_key() {
    let (mut site, machine) = (Site::new().await, Machine::new());
    let token = site.invite().await;
    let agent = machine.start(&site.url(), Some(token.clone()));
    site.hears("agent_joined").await;
    agent.leaves().await;
    // As it was before the answer came: the key that was made first, and nothing else.
    fs::rename(machine.tls("key.pem"), machine.tls("key.next.pem")).unwrap();
    for name in ["agent.pem", "ca.pem", "coordinator"] {
        fs::remove_file(machine.tls(name)).unwrap();
    }
    let lost = machine.refused(&site.url(), None).await;
    assert!(matches!(lost, AgentError::NotJoined(_)), "{lost}");
    let again = machine.start(&site.url(), Some(token.clone()));
    site.hears("agent_enrolled").await;
    site.hears("agent_joined").await;
    again.leaves().await;
    // For another machine it is used up.
    let other = Machine::new().refused(&site.url(), Some(token)).await;
    assert!(matches!(&other, AgentError::NotJoining(why) if why.contains("used")), "{other}");
}

#[tokio::test]
async fn a_key_that_was_not_put_in_its_place_is_found() {
    let (mut site, machine) = (Site::new().await, Machine::new());
    let agent = machine.start(&site.url(), Some(site.invite().await));
    site.hears("agent_joined").await;
    agent.leaves().await;
    // As after a renewal that was cut off behind the certificate: an older key still lies there.
    fs::rename(machine.tls("key.pem"), machine.tls("key.next.pem")).unwrap();
    fs::write(machine.tls("key.pem"), "the key of the certificate before").unwrap();
    let again = machine.start(&site.url(), None);
    site.hears("agent_joined").await;
    again.leaves().await;
    assert!(!machine.tls("key.next.pem").exists());
}

#[tokio::test]
async fn files_that_others_can_read_are_closed_to_them_and_damaged_ones_are_named() {
    let (mut site, machine) = (Site::new().await, Machine::new());
    let agent = machine.start(&site.url(), Some(site.invite().await));
    site.hears("agent_joined").await;
    agent.leaves().await;
    fs::set_permissions(machine.tls("key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    let again = machine.start(&site.url(), None);
    site.hears("agent_joined").await;
    again.leaves().await;
    assert_eq!(fs::metadata(machine.tls("key.pem")).unwrap().permissions().mode() & 0o777, 0o600);
    fs::write(machine.tls("key.pem"), "nothing").unwrap();
    let damaged = machine.refused(&site.url(), None).await.to_string();
    assert!(damaged.contains("key.pem is damaged"), "{damaged}");
}
