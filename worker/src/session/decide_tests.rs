//! A whole session without a socket, a disk or a process: what happened goes in, the exact effects must come out.

use std::collections::BTreeMap;
use std::time::Duration;

use sweep_shared::event::Epoch;
use sweep_shared::ids::ContentHash;

use super::bench::*;
use super::effect::{Effect, Input};
use super::message::{Inbound, Outbound};
use super::state::Stop;
use crate::attempt::News;
use crate::report::{Body, End, Report};

#[test]
fn a_session_begins_with_a_greeting_and_remembers_which_database_it_met() {
    let (mut bench, first) = Bench::start(recovered(vec![]));
    assert_eq!(first, [Effect::Connect { after: Duration::ZERO }]);
    let hello = bench.hello();
    assert_eq!((hello.generation, hello.acked, hello.spool.as_str()), (None, 0, "first"));
    assert_eq!(bench.assigns(1), [], "nothing counts before Welcome");
    let remember = Effect::Remember { generation: "g".to_owned() };
    assert_eq!(bench.welcome("g", 0, &[]), [remember, welcomed(&[])]);
    bench.assigns(1);
    bench.ends(1, success());
    bench.durable(1);
    assert_eq!(bench.says(Inbound::Ack(1)), [Effect::Acknowledged(1), Effect::Forget(token(1))]);
    bench.loses_connection();
    let hello = bench.hello();
    assert_eq!((hello.generation.as_deref(), hello.acked), (Some("g"), 1));
    assert_eq!(bench.welcome("g", 1, &[]), [welcomed(&[])]);
}

#[test]
fn an_end_goes_when_it_is_durable_and_after_all_that_is_to_be_told_of_the_attempt() {
    let mut bench = Bench::welcomed();
    bench.assigns(1);
    let epoch = Epoch { epoch: 1, epochs: 2, phase: String::new(), metrics: BTreeMap::new() };
    assert_eq!(bench.tells(1, News::Epoch(epoch.clone())), []);
    let told = bench.later(Duration::from_millis(200));
    assert!(
        matches!(&told[..], [Effect::Send(Outbound::Progress(_, _)), log] if *log == tell_log(1, false)),
        "{told:?}"
    );
    assert_eq!(bench.later(Duration::from_millis(200)), [tell_log(1, false)]);
    bench.tells(1, News::Progress { fraction: 0.9, message: "nearly".to_owned() });
    let end = finished(1, success(), 2.0);
    assert_eq!(bench.ends(1, success()), [append(1, &end)]);
    let told = bench.durable(1);
    assert!(matches!(&told[0], Effect::Send(Outbound::Progress(_, progress)) if progress.fraction == 0.9), "{told:?}");
    assert_eq!(told[1..], [tell_log(1, true), sent(1, &end)]);
    bench.loses_connection();
    let told = bench.meets("g", 0, &[1]);
    assert_eq!(told[0], welcomed(&[1]));
    assert!(matches!(&told[1], Effect::Send(Outbound::Progress(_, p)) if p.epochs == [epoch]), "{told:?}");
    assert_eq!(told[2..], [tell_log(1, true), sent(1, &end)]);
}

#[test]
fn without_a_coordinator_nothing_is_sent_and_afterwards_everything_in_order() {
    let mut bench = Bench::welcomed();
    bench.assigns(1);
    bench.loses_connection();
    bench.tells(1, News::Progress { fraction: 0.5, message: String::new() });
    assert_eq!(bench.lives(5 * 3600), [], "hours");
    let (saved, end) = (checkpoint_report(1, 3), finished(1, success(), 2.0));
    assert_eq!(bench.tells(1, News::Checkpoint(checkpoint(1, 3))), [append(1, &saved)]);
    assert_eq!(bench.tells(1, News::Gone), []);
    assert_eq!(bench.ends(1, success()), [append(2, &end)]);
    assert_eq!(bench.durable(2), []);
    assert_eq!(reports(&bench.meets("g", 0, &[1])), [(1, 1), (2, 1)]);
}

#[test]
fn waits_between_tries_grow_to_their_bound_and_are_short_again_after_a_welcome() {
    let mut bench = Bench::welcomed();
    let mut waits = vec![bench.loses_connection()];
    for _ in 0..9 {
        bench.hello();
        waits.push(bench.loses_connection());
    }
    assert!(waits[0] <= Duration::from_millis(100), "{waits:?}");
    assert!(waits[9] >= Duration::from_millis(2_500) && waits.iter().all(|wait| *wait <= Duration::from_secs(5)));
    bench.meets("g", 0, &[]);
    assert!(bench.loses_connection() <= Duration::from_millis(100));
}

#[test]
fn a_connection_that_was_given_up_is_not_listened_to() {
    let mut bench = Bench::welcomed();
    bench.assigns(1);
    bench.loses_connection();
    assert_eq!(bench.says(Inbound::Cancel(token(1))), []);
    assert_eq!(bench.on(Input::Closed("again".to_owned())), []);
    assert_eq!(bench.on(Input::Denied("who?".to_owned())), []);
    assert_eq!(bench.session.attempts(), [token(1)]);
}

#[test]
fn after_a_sleep_the_agent_connects_at_once_and_begins_nothing_before() {
    let mut bench = Bench::welcomed();
    bench.assigns(1);
    bench.assigns(2);
    bench.now += Duration::from_hours(1);
    // The first that is heard may be anything.
    let woken = bench.ends(1, success());
    assert_eq!(woken, [Effect::Connect { after: Duration::ZERO }, append(1, &finished(1, success(), 2.0))]);
    assert_eq!(bench.says(Inbound::Ack(1)), [], "what the connection still brings is from before");
    bench.durable(1);
    let met = bench.meets("g", 0, &[2]);
    assert!(matches!(&met[..], [_, Effect::Start { assign, .. }, ..] if assign.token == token(2)), "{met:?}");
    assert_eq!(bench.later(Duration::from_secs(5)), [tell_log(2, false)], "a busy agent was not asleep");
}

#[test]
fn a_restored_database_gets_every_unacknowledged_end_and_nothing_else_goes_on() {
    let mut bench = Bench::welcomed();
    bench.assigns(1);
    bench.assigns(2);
    bench.ends(1, success());
    bench.durable(1);
    bench.loses_connection();
    bench.hello();
    let met = bench.welcome("h", 0, &[2]);
    let (spool, generation, records) = renewal(&met);
    assert_eq!((generation, records), (Some("h"), 1));
    assert_ne!(spool, "first");
    assert_eq!(bench.on(Input::Opened), [], "not before the new spool is on disk");
    assert_eq!(bench.on(Input::Durable { spool: "first".to_owned(), seq: 1 }), [], "the old one counts no more");
    let durable = bench.durable(1);
    assert!(matches!(durable[..], [Effect::Connect { .. }]), "{durable:?}");
    let hello = bench.hello();
    assert_eq!((hello.generation.as_deref(), hello.acked, hello.spool), (Some("h"), 0, bench.spool.clone()));
    assert_eq!(hello.attempts, [token(2)], "what this database never granted would make it begin another generation");
    let met = bench.welcome("h", 0, &[]);
    assert!(met.contains(&Effect::Stop(token(2), Stop::Cancel)), "{met:?}");
    assert_eq!(reports(&met), [(1, 1)]);
    bench.loses_connection();
    assert_eq!(bench.hello().attempts, [token(2)]);
}

#[test]
fn what_another_database_granted_is_begun_only_if_this_one_keeps_it() {
    let mut bench = Bench::welcomed();
    bench.assigns(1);
    bench.assigns(2);
    bench.loses_connection();
    bench.hello();
    renewal(&bench.welcome("h", 0, &[1, 2]));
    assert_eq!(bench.ends(1, success()), [append(1, &finished(1, success(), 2.0))], "a slot is free, and stays so");
    bench.durable(1);
    let met = bench.meets("h", 0, &[2]);
    let starts = |effect: &Effect| matches!(effect, Effect::Start { assign, .. } if assign.token == token(2));
    assert!(met.iter().any(starts), "{met:?}");
}

#[test]
fn a_coordinator_that_keeps_changing_is_met_with_growing_patience() {
    let mut bench = Bench::welcomed();
    bench.loses_connection();
    let mut waits = Vec::new();
    for n in 0..12 {
        bench.hello();
        renewal(&bench.welcome(&format!("g{n}"), 0, &[]));
        let [Effect::Connect { after }] = bench.durable(0)[..] else { panic!() };
        waits.push(after);
        bench.now += after;
        bench.meets(&format!("g{n}"), 0, &[]);
        waits.push(bench.loses_connection());
        bench.now += *waits.last().unwrap();
    }
    assert!(waits[12..].iter().all(|wait| *wait >= Duration::from_millis(2_500)), "{waits:?}");
}

#[test]
fn what_a_death_cut_short_is_reported_at_the_next_start() {
    let left =
        vec![checkpoint_report(1, 4), finished(2, success(), 1.0), checkpoint_report(3, 1), checkpoint_report(3, 2)];
    let (mut bench, first) = Bench::start(recovered(left));
    let cut = |job| finished(job, interrupted("the agent was restarted"), 0.0);
    assert_eq!(first, [append(5, &cut(1)), append(6, &cut(3)), Effect::Connect { after: Duration::ZERO }]);
    assert_eq!(bench.hello().attempts, [token(1), token(2), token(3)]);
    assert_eq!(reports(&bench.welcome("g", 1, &[])), [(2, 2), (3, 3), (4, 3)], "recorded already, and durable");
    assert_eq!(reports(&bench.durable(6)), [(5, 1), (6, 3)]);
    assert_eq!(
        bench.says(Inbound::Ack(5)),
        [Effect::Acknowledged(5), Effect::Forget(token(2)), Effect::Forget(token(1))]
    );
}

#[test]
fn an_agent_that_was_never_accepted_gives_up_and_one_that_was_does_not() {
    let (mut bench, _) = Bench::start(recovered(vec![]));
    bench.hello();
    let refused = || Inbound::Refused("protocol version 2".to_owned());
    assert_eq!(bench.says(refused()), [Effect::GiveUp("protocol version 2".to_owned())]);
    assert_eq!(bench.on(Input::Tick), [], "it is over");

    let mut bench = Bench::welcomed();
    bench.loses_connection();
    bench.hello();
    assert!(matches!(bench.says(refused())[..], [Effect::Connect { .. }]));
    bench.hello();
    assert!(matches!(bench.on(Input::Denied("who?".to_owned()))[..], [Effect::Connect { .. }]));
}

#[test]
fn an_agent_that_is_expelled_stops_its_runners_says_nothing_more_and_ends() {
    let mut bench = Bench::welcomed();
    bench.assigns(1);
    let stopped = bench.on(Input::Expelled("its certificate was revoked".to_owned()));
    assert!(
        matches!(&stopped[..], [Effect::Stop(t, Stop::Interrupt(why))] if *t == token(1) && why.contains("revoked")),
        "{stopped:?}"
    );
    let meanwhile = bench.lives(60);
    assert!(
        !meanwhile.iter().any(|effect| matches!(effect, Effect::Connect { .. } | Effect::Send(_))),
        "{meanwhile:?}"
    );
    let ended = bench.ends(1, interrupted("expelled"));
    assert!(
        matches!(&ended[..], [Effect::Append { .. }, Effect::GiveUp(why)] if why == "its certificate was revoked"),
        "{ended:?}"
    );
    assert!(bench.session.is_expelled());

    // At its start there is nothing to stop.
    let (mut bench, _) = Bench::start(recovered(vec![]));
    bench.hello();
    assert_eq!(bench.on(Input::Expelled("it has expired".to_owned())), [Effect::GiveUp("it has expired".to_owned())]);
}

#[test]
fn what_is_missing_is_supplied_and_sent_again_with_all_behind_it() {
    let mut bench = Bench::welcomed();
    bench.assigns(1);
    bench.tells(1, News::Checkpoint(checkpoint(1, 1)));
    bench.ends(1, success());
    bench.durable(2);
    let hashes = vec![ContentHash::of(b"1 1")];
    let (spool, seq) = (bench.spool.clone(), 1);
    let supply = Effect::Supply { spool: spool.clone(), seq, hashes: hashes.clone() };
    assert_eq!(bench.says(Inbound::Missing { seq, hashes: hashes.clone() }), [supply]);
    let supplied = Input::Supplied { spool: spool.clone(), seq, missing: None };
    assert_eq!(reports(&bench.on(supplied)), [(1, 1), (2, 1)]);
    bench.says(Inbound::Ack(2));
    assert_eq!(bench.says(Inbound::Missing { seq, hashes }), [], "acknowledged meanwhile");
}

#[test]
fn a_checkpoint_that_nobody_has_any_more_is_dropped_and_the_attempt_goes_on() {
    let mut bench = Bench::welcomed();
    bench.assigns(1);
    bench.tells(1, News::Checkpoint(checkpoint(1, 1)));
    bench.tells(1, News::Checkpoint(checkpoint(1, 2)));
    bench.durable(2);
    let lost = Some(ContentHash::of(b"1 2"));
    let (spool, seq) = (bench.spool.clone(), 2);
    let gone = bench.on(Input::Supplied { spool: spool.clone(), seq, missing: lost.clone() });
    assert_eq!(renewal(&gone).2, 1, "the older one is still worth something");
    assert_eq!(bench.session.attempts(), [token(1)]);
    assert_eq!(bench.on(Input::Supplied { spool, seq: 1, missing: lost }), [], "of the old spool");
    bench.durable(1);
    assert_eq!(reports(&bench.meets("g", 0, &[1])), [(1, 1)]);
}

#[test]
fn an_end_whose_files_nobody_has_any_more_becomes_a_failure() {
    let mut bench = Bench::welcomed();
    bench.assigns(1);
    bench.ends(1, success());
    bench.durable(1);
    let spool = bench.spool.clone();
    let told = bench.on(Input::Supplied { spool, seq: 1, missing: Some(ContentHash::of(b"net")) });
    let [.., Effect::Send(Outbound::Report(1, Report { body: Body::Finished { end, .. }, .. }))] = &told[..] else {
        panic!("{told:?}")
    };
    assert!(matches!(end, End::Failure { message, .. } if message.contains("lost blob")), "{end:?}");
}

#[test]
fn superseded_checkpoints_do_not_pile_up_in_the_spool() {
    let mut bench = Bench::welcomed();
    bench.assigns(1);
    bench.loses_connection();
    for epoch in 1..=3 {
        let kept = bench.tells(1, News::Checkpoint(checkpoint(1, epoch)));
        assert_eq!(kept, [append(u64::from(epoch), &checkpoint_report(1, epoch))]);
    }
    let full = bench.tells(1, News::Checkpoint(checkpoint(1, 4)));
    assert_eq!(renewal(&full).2, 1);
    bench.durable(1);
    let met = bench.meets("g", 0, &[1]);
    assert!(met.contains(&sent(1, &checkpoint_report(1, 4))), "{met:?}");
    assert_eq!(reports(&met).len(), 1);
}

#[test]
fn the_end_is_a_goodbye() {
    let mut bench = Bench::welcomed();
    assert_eq!(
        bench.says(Inbound::Drain("maintenance".to_owned())),
        [Effect::Send(Outbound::Goodbye("maintenance".to_owned())), Effect::Leave]
    );
    assert_eq!(bench.assigns(1), [], "it is over");
}

#[test]
fn without_room_no_slots_are_offered() {
    let mut bench = Bench::welcomed();
    let full = bench.on(Input::Room(false));
    let [Effect::Send(Outbound::Heartbeat(devices))] = &full[..] else { panic!("{full:?}") };
    assert_eq!(devices[0].slots, 0);
    bench.loses_connection();
    assert_eq!(bench.hello().devices[0].slots, 0);
    assert_eq!(bench.on(Input::Room(true)), []);
    assert_eq!(bench.hello().devices[0].slots, 1);
}
