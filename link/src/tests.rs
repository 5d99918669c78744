//! Against real servers, with certificates of every kind.

use std::time::Duration;

use rcgen::ExtendedKeyUsagePurpose;
use sweep_shared::access::COORDINATOR_NAME;
use sweep_shared::wire::v1;
use sweep_shared::wire::v1::access_client::AccessClient;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tonic::{Code, Status};

use crate::fixtures::{Authority, Like, serve, serve_plain};
use crate::{Address, Identity, Link, LinkError, Times, Trust, cause, words};

/// What the server says to a call, or why it was not reached.
async fn call(link: &Link) -> Result<String, LinkError> {
    let status = ask(link).await;
    match cause(&status) {
        Some(fault) => {
            assert_eq!(words(&status), fault.to_string());
            Err(fault.clone())
        }
        None => {
            assert_eq!(status.code(), Code::Unimplemented, "{status:?}");
            Ok(status.message().to_owned())
        }
    }
}

async fn ask(link: &Link) -> Status {
    AccessClient::new(link.channel()).who_am_i(v1::WhoAmIRequest {}).await.unwrap_err()
}

fn link(address: &Address, trust: Trust) -> Link {
    Link::new(address.clone(), trust, Times { connect: Duration::from_mins(1), ..Times::USER }).unwrap()
}

/// What becomes of one who trusts `ca` by its fingerprint, and by its certificate, and calls a server whose certificate `ca`
/// signed like this.
async fn both_ways(ca: &Authority, like: Like, shows_ca: bool) -> [Result<String, LinkError>; 2] {
    let leaf = ca.sign(&like);
    let mut chain = vec![leaf.certificate];
    if shows_ca {
        chain.push(ca.certificate());
    }
    let address = serve(chain, &leaf.key, ca).await;
    let pinned = call(&link(&address, Trust::Fingerprint(ca.fingerprint()))).await;
    let known = call(&link(&address, Trust::ca_pem(ca.pem().as_bytes()).unwrap())).await;
    [pinned, known]
}

#[tokio::test]
async fn the_coordinator_that_the_fingerprint_names_is_believed() {
    let ca = Authority::new();
    for outcome in both_ways(&ca, Like::default(), true).await {
        assert_eq!(outcome.unwrap(), "shown 0");
    }
}

#[tokio::test]
async fn another_ca_is_named_with_both_fingerprints() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let leaf = theirs.sign(&Like::default());
    let address = serve(vec![leaf.certificate, theirs.certificate()], &leaf.key, &theirs).await;
    let (expected, found) = (ours.fingerprint(), theirs.fingerprint());
    for trust in [Trust::Fingerprint(expected), Trust::Ca(ours.certificate())] {
        let fault = call(&link(&address, trust)).await.unwrap_err();
        assert_eq!(fault, LinkError::OtherCoordinator { address: address.clone(), expected, found });
        assert!(fault.to_string().contains(&expected.to_string()) && fault.to_string().contains(&found.to_string()));
        assert!(fault.is_lasting());
    }
}

#[tokio::test]
async fn showing_the_cas_certificate_proves_nothing() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let leaf = theirs.sign(&Like::default());
    let address = serve(vec![leaf.certificate, ours.certificate()], &leaf.key, &theirs).await;
    for trust in [Trust::Fingerprint(ours.fingerprint()), Trust::Ca(ours.certificate())] {
        let fault = call(&link(&address, trust)).await.unwrap_err();
        assert!(
            matches!(&fault, LinkError::NotTheCoordinator { why, .. } if why.contains("not signed by")),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_ca_that_is_not_shown_must_be_known() {
    let ca = Authority::new();
    let [pinned, known] = both_ways(&ca, Like::default(), false).await;
    assert!(matches!(pinned, Err(LinkError::OtherCoordinator { expected, .. }) if expected == ca.fingerprint()));
    assert!(known.is_ok());
}

#[tokio::test]
async fn an_agents_certificate_serves_nobody() {
    let ca = Authority::new();
    let like = Like { usage: ExtendedKeyUsagePurpose::ClientAuth, ..Like::default() };
    for outcome in both_ways(&ca, like, true).await {
        let fault = outcome.unwrap_err();
        assert!(
            matches!(&fault, LinkError::NotTheCoordinator { why, .. } if why.contains("not a server's")),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_the_coordinators() {
    let ca = Authority::new();
    for outcome in both_ways(&ca, Like { name: "localhost", ..Like::default() }, true).await {
        let fault = outcome.unwrap_err();
        assert!(fault.to_string().contains(COORDINATOR_NAME), "{fault}");
    }
}

#[tokio::test]
async fn certificates_of_other_times_are_told_with_both_clocks() {
    let ca = Authority::new();
    for outcome in both_ways(&ca, Like { from_days: -9, until_days: -2, ..Like::default() }, true).await {
        let fault = outcome.unwrap_err();
        assert!(matches!(&fault, LinkError::Expired { until, now, .. } if until < now), "{fault:?}");
        assert!(fault.hint().contains("clock"));
    }
    for outcome in both_ways(&ca, Like { from_days: 2, until_days: 9, ..Like::default() }, true).await {
        let fault = outcome.unwrap_err();
        assert!(matches!(&fault, LinkError::NotYetValid { from, now, .. } if from > now), "{fault:?}");
        assert!(fault.hint().contains("clock"));
    }
}

#[tokio::test]
async fn an_agent_shows_the_certificate_that_it_has_at_the_moment() {
    let ca = Authority::new();
    let leaf = ca.sign(&Like::default());
    let address = serve(vec![leaf.certificate, ca.certificate()], &leaf.key, &ca).await;
    let link = link(&address, Trust::Fingerprint(ca.fingerprint()));
    assert_eq!(call(&link).await.unwrap(), "shown 0");
    let agent = ca.sign(&Like::client("desk-1"));
    let identity = Identity::from_pem(agent.pem.as_bytes(), agent.key.serialize_pem().as_bytes()).unwrap();
    assert_eq!(identity.name, "desk-1");
    link.identify(identity);
    assert_eq!((call(&link).await.unwrap().as_str(), link.generation()), ("shown 1", 1));
}

#[tokio::test]
async fn a_certificate_that_is_not_accepted_is_told() {
    let (ca, other) = (Authority::new(), Authority::new());
    let leaf = ca.sign(&Like::default());
    let address = serve(vec![leaf.certificate, ca.certificate()], &leaf.key, &ca).await;
    let expired = Like { from_days: -9, until_days: -2, ..Like::client("desk-1") };
    for (signer, like, words) in [(&ca, expired, "expired"), (&other, Like::client("desk-1"), "another CA")] {
        let agent = signer.sign(&like);
        let link = link(&address, Trust::Fingerprint(ca.fingerprint()));
        link.identify(Identity::from_pem(agent.pem.as_bytes(), agent.key.serialize_pem().as_bytes()).unwrap());
        let fault = call(&link).await.unwrap_err();
        assert!(matches!(&fault, LinkError::CertificateRefused { why, .. } if why.contains(words)), "{fault:?}");
        assert!(fault.hint().contains("sweep agents invite"));
    }
}

#[test]
fn a_certificate_goes_with_its_own_key_only() {
    let ca = Authority::new();
    let (one, other) = (ca.sign(&Like::client("a")), ca.sign(&Like::client("a")));
    let mixed = Identity::from_pem(one.pem.as_bytes(), other.key.serialize_pem().as_bytes());
    assert_eq!(mixed.unwrap_err(), crate::BadIdentity::OtherKey);
    let good = Identity::from_pem(one.pem.as_bytes(), one.key.serialize_pem().as_bytes()).unwrap();
    assert!(good.moment(0.0) == good.not_before && good.moment(1.0) == good.not_after);
    assert!(!format!("{good:?}").contains("PRIVATE"));
}

#[tokio::test]
async fn a_port_without_tls_and_one_with_it_are_told_apart() {
    let ca = Authority::new();
    let plain = serve_plain().await;
    assert_eq!(call(&link(&plain, Trust::Plain)).await.unwrap(), "shown 0");
    let wrong: Address = format!("https://{plain}").parse().unwrap();
    let fault = call(&link(&wrong, Trust::Fingerprint(ca.fingerprint()))).await.unwrap_err();
    assert_eq!(fault, LinkError::NoTls(wrong));

    let leaf = ca.sign(&Like::default());
    let tls = serve(vec![leaf.certificate, ca.certificate()], &leaf.key, &ca).await;
    let wrong: Address = format!("http://{tls}").parse().unwrap();
    let fault = call(&link(&wrong, Trust::Plain)).await.unwrap_err();
    assert_eq!((fault.clone(), fault.hint()), (LinkError::SpeaksTls(wrong), format!("say https://{tls}")));
}

#[tokio::test]
async fn a_web_server_is_no_coordinator() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let web: Address = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        // Closed before all was read, a connection is reset, and what was said on it lost.
        let mut held = Vec::new();
        while let Ok((mut tcp, _)) = listener.accept().await {
            tcp.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            held.push(tcp);
        }
    });
    assert_eq!(call(&link(&web, Trust::Plain)).await.unwrap_err(), LinkError::NotHttp2(web));
}

#[tokio::test]
async fn another_programs_port_is_not_waited_for_for_ever() {
    let ca = Authority::new();
    let trust = || Trust::Fingerprint(ca.fingerprint());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent: Address = format!("https://127.0.0.1:{port}").parse().unwrap();
    let times = Times { connect: Duration::from_millis(50), ..Times::USER };
    let impatient = Link::new(silent.clone(), trust(), times).unwrap();
    let within = times.connect;
    assert_eq!(call(&impatient).await.unwrap_err(), LinkError::Silent { address: silent.clone(), within });
    drop(listener);
    assert_eq!(call(&link(&silent, trust())).await.unwrap_err(), LinkError::Refused(silent));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let talkative: Address = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            tcp.write_all(b"220 mail.example ESMTP\r\n").await.unwrap();
        }
    });
    assert_eq!(call(&link(&talkative, trust())).await.unwrap_err(), LinkError::NoTls(talkative));
}

#[tokio::test]
async fn a_name_that_nobody_has_is_told_as_such() {
    let nobody: Address = "https://nobody.invalid".parse().unwrap();
    let fault = link(&nobody, Trust::Fingerprint(Authority::new().fingerprint())).connect().await.err().unwrap();
    assert!(matches!(&fault, LinkError::UnknownHost { address, .. } if *address == nobody), "{fault:?}");
}

#[test]
fn nothing_goes_in_clear_to_another_machine_nor_to_a_stranger() {
    let new = |text: &str, trust| Link::new(text.parse().unwrap(), trust, Times::USER).err().unwrap();
    let pinned = Trust::Fingerprint(Authority::new().fingerprint());
    assert!(matches!(new("http://10.0.0.1", Trust::Plain), LinkError::PlainToOthers(_)));
    assert!(matches!(new("http://10.0.0.1", pinned.clone()), LinkError::PlainToOthers(_)));
    assert!(matches!(new("http://127.0.0.1", pinned), LinkError::PlainDespitePin(_)));
    assert!(matches!(new("https://127.0.0.1", Trust::Plain), LinkError::NobodyToTrust(_)));
}
