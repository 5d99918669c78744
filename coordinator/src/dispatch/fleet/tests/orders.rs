//! What agents are told, and what follows from limits and priorities.

use super::*;
use crate::schedule::Ending;

fn stop(job: i64) -> (SessionId, Order) {
    (SessionId(1), Order::Stop(token(job), "paused".to_owned()))
}

fn paused() -> Stop {
    Stop::Paused("paused".to_owned())
}

#[test]
fn what_must_stop_is_told_once_in_a_session_and_again_in_the_next() {
    let mut fleet = fleet();
    fleet.stop(JobId(1), paused());
    assert_eq!(fleet.orders(), [stop(1)]);
    fleet.stop(JobId(1), paused());
    assert_eq!(fleet.orders(), []);
    let again = Greeting { interrupt: &[(token(1), "paused".to_owned())], ..Greeting::default() };
    fleet.join(info("a"), (SessionId(2), 2), &again, at(1));
    assert_eq!(fleet.orders(), [(SessionId(2), Order::Stop(token(1), "paused".to_owned()))]);
    assert_eq!(fleet.views(at(1)).agents[0].devices[0].assigned, 1, "its place is held until it has stopped");
}

#[test]
fn what_was_resumed_while_the_agent_was_away_goes_on() {
    let mut fleet = fleet();
    fleet.close(SessionId(1), at(0));
    fleet.stop(JobId(1), paused());
    assert_eq!(fleet.orders(), []);
    assert_eq!(stolen(&fleet, at(70)), [], "what is set aside is not given to others");
    fleet.resumed(&[JobId(1)]);
    assert_eq!(stolen(&fleet, at(70)), [token(1)]);
    fleet.stop(JobId(1), paused());
    join(&mut fleet, "a", 2, at(80));
    assert_eq!(fleet.orders(), [], "the store does not say so any more");
}

#[test]
fn a_cancel_is_told_also_to_one_that_was_told_to_stop_and_a_finishing_one_need_not_stop() {
    let mut fleet = fleet();
    fleet.stop(JobId(1), paused());
    fleet.orders();
    fleet.unwanted(&[JobId(1)]);
    assert_eq!(fleet.orders(), [(SessionId(1), Order::Kill(token(1)))]);
    fleet.unwanted(&[JobId(1)]);
    assert_eq!(fleet.orders(), []);
    fleet.granted(live(2, "a", at(0)));
    fleet.finishing(token(2), at(1));
    fleet.stop(JobId(2), paused());
    assert_eq!(fleet.orders(), []);
    fleet.unwanted(&[JobId(2)]);
    assert_eq!(fleet.orders(), [(SessionId(1), Order::Kill(token(2)))]);
}

#[test]
fn what_only_uploads_holds_no_slot_and_keeps_its_lease() {
    let mut fleet = fleet();
    fleet.finishing(token(1), at(1));
    let views = fleet.views(at(1));
    assert_eq!((views.agents[0].devices[0].assigned, views.running.len()), (0, 0));
    assert_eq!((stolen(&fleet, at(59)), stolen(&fleet, at(60))), (vec![], vec![token(1)]));
}

#[test]
fn an_agent_that_a_user_sends_away_is_told_in_each_session_and_gets_nothing() {
    let mut fleet = fleet();
    fleet.drain(&["a".to_owned(), "unknown".to_owned()]);
    assert_eq!(fleet.orders(), [(SessionId(1), Order::Leave)]);
    assert!(fleet.views(at(59)).agents[0].leaving);
    assert_eq!(fleet.orders(), []);
    fleet.join(info("a"), (SessionId(2), 2), &Greeting { draining: true, ..Greeting::default() }, at(1));
    assert_eq!(fleet.orders(), [(SessionId(2), Order::Leave)]);
    fleet.left("a");
    join(&mut fleet, "a", 3, at(2));
    assert_eq!((fleet.orders(), fleet.views(at(2)).agents[0].leaving), (vec![], false));
}

#[test]
fn what_an_older_connection_still_brings_is_refused() {
    let mut fleet = fleet();
    join(&mut fleet, "a", 5, at(1));
    for late in [4, 5] {
        assert!(fleet.admit(&info("a"), late, at(2)).unwrap_err().contains("newer session"));
    }
    assert_eq!(fleet.admit(&info("a"), 6, at(2)), Ok(()));
    assert_eq!(fleet.admit(&info("a"), 0, at(2)), Ok(()), "one that does not count");
    assert_eq!(fleet.admit(&AgentInfo { incarnation: 2, ..info("a") }, 1, at(2)), Ok(()), "it was started again");
}

#[test]
fn hours_count_while_an_attempt_runs_with_those_of_the_attempts_before() {
    let mut fleet = fleet();
    let limited = LiveRow { max_hours: Some(1.0), spent_s: 3000.0, ..row(1, "a") };
    fleet.granted(Live::new(limited.clone(), at(0)));
    let heard = |fleet: &mut Fleet, now| {
        fleet.heard(SessionId(1), at(now));
        fleet.overrun(at(now))
    };
    assert_eq!(heard(&mut fleet, 5000), [], "it waits in the agent's queue");
    fleet.begun(token(1), at(5000));
    assert_eq!(heard(&mut fleet, 5600), []);
    assert_eq!(heard(&mut fleet, 5601), [token(1)]);
    assert_eq!(fleet.overrun(at(6000)), [], "of a silent agent nobody knows");
    fleet.finishing(token(1), at(5601));
    assert_eq!(heard(&mut fleet, 6001), [], "its runner is done");
    assert_eq!(fleet.held(at(9000)), [(token(1), 601.0)]);
    // As a restarted coordinator finds it.
    let found = LiveRow { started: true, held_s: 599.0, ..limited };
    let mut fleet = Fleet::new(TERMS, vec![found], at(0));
    assert_eq!((fleet.overrun(at(1)), fleet.overrun(at(2))), (vec![], vec![token(1)]));
    fleet.unwanted(&[JobId(1)]);
    assert_eq!(fleet.overrun(at(2)), [], "it is told already");
    assert_eq!((fleet.abandoned(at(14)), fleet.abandoned(at(15))), (vec![], vec![token(1)]));
}

#[test]
fn of_a_silent_agent_hours_count_until_its_lease_is_over() {
    let mut fleet = fleet();
    fleet.begun(token(1), at(0));
    assert_eq!(fleet.held(at(30)), [(token(1), 30.0)]);
    assert_eq!(fleet.held(at(3000)), [(token(1), 60.0)]);
}

#[test]
fn who_may_be_asked_to_give_way() {
    let mut fleet = fleet();
    fleet.heard(SessionId(1), at(99));
    let end = |fleet: &Fleet| fleet.views(at(100)).running[0].end;
    assert_eq!(end(&fleet), Ending::Willing);
    fleet.stop(JobId(1), Stop::Preempted(JobId(7)));
    assert_eq!(end(&fleet), Ending::Near { promised: Some(JobId(7)) });
    assert_eq!(fleet.orders(), [(SessionId(1), Order::Stop(token(1), "preempted by j7".to_owned()))]);
    fleet.granted(Live::new(LiveRow { preemptible: false, ..row(1, "a") }, at(0)));
    assert_eq!(end(&fleet), Ending::Fixed);
    fleet.granted(Live::new(LiveRow { exclusive: true, ..row(1, "a") }, at(0)));
    assert_eq!(end(&fleet), Ending::Fixed);
    fleet.granted(live(1, "a", at(99)));
    fleet.took(&live(1, "a", at(0)), 0.1);
    assert_eq!(end(&fleet), Ending::Near { promised: None }, "its kind is short");
    fleet.prioritised(&[(JobId(1), 9)]);
    assert_eq!(fleet.views(at(1)).running[0].priority, 9);
}
