//! Certificates that are renewed.

use std::fs;
use std::time::Duration;

use sweep_shared::wire::v1;

use crate::site::{Machine, Site};

#[tokio::test]
async fn a_certificate_is_renewed_by_itself_and_the_session_goes_on() {
    // By the agent's clock two thirds of the certificate's life are over when it arrives.
    let (mut site, machine) = (Site::slow(Duration::from_hours(25 * 24)).await, Machine::new());
    let agent = machine.start(&site.url(), Some(site.invite().await));
    site.hears("agent_enrolled").await;
    site.hears_all(&["certificate_renewed", "agent_joined"]).await;
    let agents = site.agents().await;
    assert!(agents.len() == 1 && agents[0].connected, "{agents:?}");
    agent.leaves().await;
    let certificates =
        site.access.list_certificates(v1::ListCertificatesRequest {}).await.unwrap().into_inner().certificates;
    assert_eq!(certificates.len(), 2, "{certificates:?}");
    // The new one is what counts.
    assert!(!machine.tls("key.next.pem").exists());
    let kept = fs::read(machine.tls("agent.pem")).unwrap();
    let again = machine.start(&site.url(), None);
    site.hears("agent_joined").await;
    again.leaves().await;
    assert!(!kept.is_empty());
}

#[tokio::test]
async fn clocks_that_are_too_far_apart_are_told_and_nothing_is_kept() {
    let (mut site, machine) = (Site::slow(Duration::from_hours(24 * 40)).await, Machine::new());
    let refused = machine.refused(&site.url(), Some(site.invite().await)).await.to_string();
    assert!(refused.contains("expired already") && refused.contains("clock"), "{refused}");
    assert!(!machine.tls("agent.pem").exists());
}
