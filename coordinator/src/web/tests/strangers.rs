//! People who try names and passwords.

use http::StatusCode;

use super::*;

#[tokio::test]
async fn guessing_waits_longer_each_time_and_is_told_how_long() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let mut stranger = site.browser_at(AWAY);
    for n in 0..6 {
        assert_eq!(stranger.sign_in("alice", "wrong password").await.status, StatusCode::FORBIDDEN, "try {n}");
    }
    let mut waits = Vec::new();
    for _ in 0..4 {
        // Right or wrong, it is not looked at.
        let answer = stranger.sign_in("alice", PASSWORD).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(answer.says("The next one counts in"), "{}", answer.text);
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        waits.push(wait);
        site.pass(Duration::from_secs(wait));
        assert_eq!(stranger.sign_in("alice", "wrong password").await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(waits, [1, 2, 4, 8]);
    assert_eq!(stranger.session(), None);
}

#[tokio::test]
async fn a_name_that_is_nobodys_waits_alike() {
    let site = site().await;
    site.add("alice", Role::User).await;
    for name in ["alice", "nobody"] {
        let mut statuses = Vec::new();
        for n in 0..8 {
            // Each from another house, so that only the name counts.
            let mut stranger = site.browser_at(&format!("198.51.{n}.9"));
            statuses.push(stranger.sign_in(name, "wrong password").await.status.as_u16());
        }
        assert_eq!(statuses, [403, 403, 403, 403, 403, 403, 429, 429], "{name}");
    }
}

#[tokio::test]
async fn a_stranger_cannot_keep_the_owner_out_of_where_she_has_been_before() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let mut alice = site.signed_in("alice").await;
    alice.submit("/", "/sign-out", &[]).await;
    let mut stranger = site.browser_at(AWAY);
    for _ in 0..12 {
        stranger.sign_in("alice", "wrong password").await;
    }
    assert_eq!(site.browser_at("192.0.2.1").sign_in("alice", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(site.browser().sign_in("alice", PASSWORD).await.location(), "/");
    site.pass(Duration::from_mins(16));
    assert_eq!(site.browser_at("192.0.2.1").sign_in("alice", PASSWORD).await.location(), "/", "nor anywhere for ever");
}

#[tokio::test]
async fn codes_are_guessed_no_faster_than_passwords() {
    let site = site().await;
    site.add("alice", Role::User).await;
    super::sign_in::with_second_factor(&site, &mut site.signed_in("alice").await).await;
    let mut thief = site.browser_at(AWAY);
    let mut statuses = Vec::new();
    for _ in 0..8 {
        if thief.sign_in("alice", PASSWORD).await.status == StatusCode::TOO_MANY_REQUESTS {
            statuses.push(429);
            continue;
        }
        let answer = thief.submit("/sign-in/code", "/sign-in/code", &[("code", "123456")]).await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [403, 403, 403, 403, 403, 403, 429, 429]);
}

#[tokio::test]
async fn a_flood_of_failures_does_not_fill_the_log() {
    let site = site().await;
    site.add("alice", Role::User).await;
    for n in 0..60 {
        site.browser_at(&format!("198.51.{n}.9")).sign_in(&format!("user {n}"), "wrong password").await;
    }
    assert_eq!(site.events_of("sign_in_failed").await, 20);
    site.browser_at("192.0.2.1").sign_in("alice", "wrong password").await;
    assert_eq!(site.events_of("sign_in_failed").await, 21, "one with a name that exists is not hidden by them");
    site.pass(Duration::from_mins(1));
    site.browser_at("192.0.2.2").sign_in("nobody", "wrong password").await;
    let last = site.events().await.pop().unwrap();
    assert!(last.ends_with("(and 40 more since the last)"), "{last}");
}

#[tokio::test]
async fn many_at_the_same_time_have_no_more_tries_than_one_after_the_other() {
    let site = site().await;
    site.add("alice", Role::User).await;
    let tries = (0..24).map(|n| {
        let mut stranger = site.browser_at(&format!("198.51.{n}.9"));
        tokio::spawn(async move { stranger.sign_in("alice", "wrong password").await.status })
    });
    let statuses: Vec<StatusCode> =
        futures_util::future::join_all(tries).await.into_iter().map(Result::unwrap).collect();
    let looked_at = statuses.iter().filter(|status| **status == StatusCode::FORBIDDEN).count();
    assert_eq!(looked_at, 6, "{statuses:?}");
}
