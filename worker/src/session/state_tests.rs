//! What happened goes in; the exact actions that must come out.

use std::collections::BTreeMap;
use std::time::Duration;

use sweep_shared::ids::ContentHash;
use sweep_shared::resources::{Closed, Device, DeviceClass, DeviceStatus, Usage};

use super::bench::{assign, token};
use super::message::{Assign, Inbound, Outbound};
use super::state::{Action, Outcome, State, Stop};
use crate::report::{End, Report, Success};
use crate::slots::Slots;

fn on_device(job: i64, device: (DeviceClass, u32)) -> Box<Assign> {
    Box::new(Assign { device, ..*assign(job) })
}

/// A session with a clock that the test moves.
struct Session {
    state: State,
    now: Duration,
}

impl Session {
    fn new(slots: u32) -> Self {
        let cpu = Device {
            class: DeviceClass::Cpu,
            index: 0,
            name: "cpu".to_owned(),
            memory_total_bytes: 1,
            memory_free_bytes: 1,
            slots,
            status: Default::default(),
        };
        let now = Duration::from_secs(1_000);
        Self { state: State::new(Slots::new(&[cpu], 4), [], None, now), now }
    }

    /// Connected, with nothing kept.
    fn welcomed(slots: u32) -> Self {
        let mut session = Self::new(slots);
        assert_eq!(session.welcome(&[]), []);
        session
    }

    fn says(&mut self, message: Inbound) -> Vec<Action> {
        self.state.on_message(message, |_| true, self.now)
    }

    fn welcome(&mut self, keep: &[i64]) -> Vec<Action> {
        let keep = keep.iter().map(|job| token(*job)).collect();
        self.says(Inbound::Welcome {
            generation: "g".to_owned(),
            acked: 0,
            keep,
            lease_ms: 60_000,
            logs: BTreeMap::new(),
        })
    }

    fn assigns(&mut self, job: i64) -> Vec<Action> {
        self.says(Inbound::Assign(assign(job)))
    }

    fn ends(&mut self, job: i64, end: End) -> Vec<Action> {
        self.state.on_outcome(token(job), Outcome::Ended(end, Usage::ran(2.0)), self.now)
    }

    fn loses_connection(&mut self) {
        self.state.on_disconnect(self.now);
    }

    fn later(&mut self, seconds: u64) -> Vec<Action> {
        self.now += Duration::from_secs(seconds);
        self.state.on_tick(self.now)
    }
}

fn accept(job: i64) -> Action {
    Action::Send(Outbound::Accept(token(job)))
}

fn refuse(job: i64, reason: &str) -> Action {
    Action::Send(Outbound::Refuse(token(job), reason.to_owned()))
}

fn start(job: i64, threads: u32) -> Action {
    Action::Start { assign: assign(job), threads }
}

fn finished(job: i64, end: End, run_s: f64) -> Action {
    Action::Spool(Report::finished(token(job), end, Usage::ran(run_s)))
}

fn success() -> End {
    End::Success(Success::default())
}

fn interrupted(reason: &str) -> End {
    End::Interrupted(reason.to_owned())
}

#[test]
fn an_assignment_is_accepted_and_started_and_one_beyond_the_slots_waits() {
    let mut session = Session::welcomed(2);
    assert_eq!(session.assigns(1), [accept(1), start(1, 2)]);
    assert_eq!(session.assigns(2), [accept(2), start(2, 2)]);
    assert_eq!(session.assigns(3), [accept(3)]);
    assert_eq!(session.ends(1, success()), [finished(1, success(), 2.0), start(3, 2)]);
    assert_eq!(session.state.attempts(), [token(1), token(2), token(3)]);
    assert_eq!(session.state.on_acked([token(1)], session.now), [Action::Forget(token(1))]);
    assert_eq!(session.state.attempts(), [token(2), token(3)]);
}

#[test]
fn a_slot_is_free_when_the_processes_are_gone_though_files_are_still_uploaded() {
    let mut session = Session::welcomed(1);
    session.assigns(1);
    session.assigns(2);
    let finishing = Action::Send(Outbound::Finishing(token(1)));
    assert_eq!(session.state.on_gone(token(1), session.now), [finishing.clone(), start(2, 4)]);
    session.loses_connection();
    assert_eq!(session.welcome(&[1, 2]), [finishing], "the first may not have arrived");
    assert_eq!(session.ends(1, success()), [finished(1, success(), 2.0)]);
}

#[test]
fn the_same_assignment_twice_starts_once() {
    let mut session = Session::welcomed(2);
    session.assigns(1);
    assert_eq!(session.assigns(1), []);
}

#[test]
fn what_cannot_run_here_is_refused_with_a_reason() {
    let mut session = Session::welcomed(1);
    let gpu = session.says(Inbound::Assign(on_device(1, (DeviceClass::Cuda, 3))));
    assert_eq!(gpu, [refuse(1, "the agent has no device cuda 3")]);
    let unreadable = Inbound::BadAssign { token: token(2), error: "malformed job spec".to_owned() };
    assert_eq!(session.says(unreadable), [refuse(2, "malformed job spec")]);
    session.state.set_room(false);
    let full = refuse(3, "the agent's disk is full: it could not keep the attempt's result");
    assert_eq!(session.assigns(3), [full]);
    session.state.set_room(true);
    assert_eq!(session.assigns(3), [accept(3), start(3, 4)]);
}

#[test]
fn cancelling_stops_what_runs_and_confirms_what_does_not() {
    let mut session = Session::welcomed(1);
    session.assigns(1);
    session.assigns(2);
    assert_eq!(session.says(Inbound::Cancel(token(1))), [Action::Stop(token(1), Stop::Cancel)]);
    assert_eq!(session.says(Inbound::Cancel(token(2))), [finished(2, End::Cancelled, 0.0)]);
    assert_eq!(session.says(Inbound::Cancel(token(7))), [finished(7, End::Cancelled, 0.0)]);
    assert_eq!(session.ends(1, End::Cancelled), [finished(1, End::Cancelled, 2.0)]);
    // Its end is told already.
    assert_eq!(session.says(Inbound::Cancel(token(1))), []);
}

#[test]
fn interrupting_one_attempt_leaves_the_others() {
    let mut session = Session::welcomed(1);
    session.assigns(1);
    session.assigns(2);
    let stop = Stop::Interrupt("paused".to_owned());
    assert_eq!(session.says(Inbound::Interrupt(token(1), "paused".to_owned())), [Action::Stop(token(1), stop)]);
    let queued = session.says(Inbound::Interrupt(token(2), "paused".to_owned()));
    assert_eq!(queued, [finished(2, interrupted("paused"), 0.0)]);
    assert_eq!(session.assigns(3), [accept(3)]);
}

#[test]
fn after_a_reconnect_only_what_the_coordinator_keeps_goes_on() {
    let mut session = Session::welcomed(2);
    (1..=4).for_each(|job| drop(session.assigns(job)));
    session.loses_connection();
    assert_eq!(session.ends(1, success()), [finished(1, success(), 2.0), start(3, 2)]);
    assert_eq!(session.state.attempts().len(), 4, "Hello names what lives and what is unacknowledged");
    let actions = session.welcome(&[2]);
    assert_eq!(actions, [Action::Stop(token(3), Stop::Cancel), finished(4, End::Cancelled, 0.0)]);
    assert!(session.state.is_live(token(2)));
}

#[test]
fn what_waits_is_not_begun_once_the_lease_may_be_over() {
    let mut session = Session::welcomed(1);
    session.assigns(1);
    session.assigns(2);
    session.loses_connection();
    session.later(61);
    assert_eq!(session.ends(1, success()), [finished(1, success(), 2.0)]);
    assert_eq!(session.welcome(&[2]), [start(2, 4)]);
}

#[test]
fn a_refusal_while_disconnected_is_told_after_the_reconnect() {
    let mut session = Session::welcomed(1);
    session.assigns(1);
    session.loses_connection();
    let refusal = Outcome::Refused("no memory".to_owned());
    assert_eq!(session.state.on_outcome(token(1), refusal, session.now), []);
    assert_eq!(session.state.attempts(), [token(1)]);
    assert_eq!(session.welcome(&[1]), [refuse(1, "no memory"), Action::Forget(token(1))]);
    assert_eq!(session.state.attempts(), []);
}

#[test]
fn a_drain_interrupts_everything_and_leaves_when_all_is_acknowledged() {
    let mut session = Session::welcomed(1);
    session.assigns(1);
    session.assigns(2);
    let stop = Action::Stop(token(1), Stop::Interrupt("maintenance".to_owned()));
    let drained = session.says(Inbound::Drain("maintenance".to_owned()));
    assert_eq!(drained, [stop, finished(2, interrupted("maintenance"), 0.0)]);
    assert_eq!(session.assigns(3), [refuse(3, "the agent is leaving: maintenance")]);
    let end = interrupted("maintenance");
    assert_eq!(session.ends(1, end.clone()), [finished(1, end, 2.0)]);
    assert_eq!(session.state.on_acked([token(2)], session.now), [Action::Forget(token(2))]);
    let last = session.state.on_acked([token(1)], session.now);
    assert_eq!(last, [Action::Forget(token(1)), Action::Leave("maintenance".to_owned())]);
}

#[test]
fn a_draining_agent_waits_for_an_absent_coordinator_only_a_while() {
    let mut session = Session::welcomed(1);
    session.assigns(1);
    session.loses_connection();
    session.state.on_drain("stop", session.now);
    session.ends(1, interrupted("stop"));
    assert_eq!(session.later(9), []);
    assert_eq!(session.later(1), [Action::Leave("stop".to_owned())]);
}

#[test]
fn a_draining_agent_waits_only_a_while_for_a_coordinator_that_records_nothing() {
    let mut session = Session::welcomed(1);
    session.assigns(1);
    session.state.on_drain("stop", session.now);
    assert_eq!(session.later(60), [], "the runner writes its checkpoint");
    session.ends(1, interrupted("stop"));
    assert_eq!(session.later(14), []);
    assert_eq!(session.later(1), [Action::Leave("stop".to_owned())]);
}

#[test]
fn uploads_are_given_up_where_a_draining_agent_has_nobody_to_upload_to() {
    let mut session = Session::welcomed(1);
    session.assigns(1);
    session.state.on_gone(token(1), session.now);
    session.loses_connection();
    assert_eq!(session.state.on_drain("stop", session.now), []);
    assert_eq!(session.later(10), [Action::Stop(token(1), Stop::Kill("stop".to_owned()))]);
    let end = interrupted("stop");
    assert_eq!(session.ends(1, end.clone()), [finished(1, end, 2.0), Action::Leave("stop".to_owned())]);
}

#[test]
fn an_agent_that_may_leaves_when_there_was_nothing_to_do_for_long_enough() {
    let mut session = Session::new(1);
    session.state = session.state.leaves_when_idle(Some(Duration::from_mins(10)));
    assert_eq!(session.later(0), []);
    assert_eq!(session.later(599), [], "also one that nobody has welcomed yet counts");
    session.welcome(&[]);
    session.assigns(1);
    assert_eq!(session.later(3600), [], "it works");
    session.ends(1, success());
    assert_eq!(session.later(599), []);
    // What is not acknowledged yet is delivered first, as in any drain.
    assert_eq!(session.later(1), []);
    assert_eq!(session.assigns(2), [refuse(2, "the agent is leaving: it had nothing to do for 10 min")]);
    let last = session.state.on_acked([token(1)], session.now);
    let reason = "it had nothing to do for 10 min".to_owned();
    assert_eq!(last, [Action::Forget(token(1)), Action::Leave(reason)]);
}

#[test]
fn other_agents_stay_however_long_there_is_nothing_to_do() {
    let mut session = Session::welcomed(1);
    assert_eq!(session.later(1_000_000), []);
}

#[test]
fn the_second_signal_kills_and_waits_for_no_acknowledgement() {
    let mut session = Session::welcomed(1);
    session.assigns(1);
    session.state.on_drain("stop", session.now);
    let actions = session.state.on_kill("stop now", session.now);
    assert_eq!(actions, [Action::Stop(token(1), Stop::Kill("stop now".to_owned()))]);
    let end = interrupted("stop now");
    let actions = session.ends(1, end.clone());
    assert_eq!(actions, [finished(1, end, 2.0), Action::Leave("stop now".to_owned())]);
}

#[test]
fn an_idle_agent_leaves_at_once() {
    let mut session = Session::welcomed(1);
    assert_eq!(session.state.on_drain("stop", session.now), [Action::Leave("stop".to_owned())]);
}

#[test]
fn a_restored_database_or_a_count_that_cannot_be_true_renews_the_spool() {
    let mut session = Session::welcomed(1);
    session.loses_connection();
    let restored =
        Inbound::Welcome { generation: "h".to_owned(), acked: 0, keep: vec![], lease_ms: 1, logs: BTreeMap::new() };
    assert_eq!(session.says(restored.clone()), [Action::RenewSpool]);
    // The session that follows is of the new generation.
    assert_eq!(session.says(restored), []);
    let now = session.now;
    let odd =
        Inbound::Welcome { generation: "h".to_owned(), acked: 99, keep: vec![], lease_ms: 1, logs: BTreeMap::new() };
    assert_eq!(session.state.on_message(odd, |acked| acked < 5, now), [Action::RenewSpool]);
}

#[test]
fn missing_blobs_are_supplied_and_a_refused_session_is_given_up() {
    let mut session = Session::welcomed(1);
    let hashes = vec![ContentHash::of(b"x")];
    let missing = session.says(Inbound::Missing { seq: 3, hashes: hashes.clone() });
    assert_eq!(missing, [Action::Supply { seq: 3, hashes }]);
    let refused = session.says(Inbound::Refused("protocol version 2".to_owned()));
    assert_eq!(refused, [Action::GiveUp("protocol version 2".to_owned())]);
}

/// The only device, closed for this reason.
fn closed(closed: Option<Closed>) -> [Device; 1] {
    let status = DeviceStatus { closed, ..DeviceStatus::default() };
    let (class, index, name) = (DeviceClass::Cpu, 0, "cpu".to_owned());
    [Device { class, index, name, memory_total_bytes: 1, memory_free_bytes: 1, slots: 0, status }]
}

#[test]
fn in_quiet_hours_what_runs_is_interrupted_and_what_waits_goes_back() {
    let mut session = Session::welcomed(1);
    session.assigns(1);
    session.assigns(2);
    let quiet = closed(Some(Closed::Quiet("08:00".to_owned())));
    let why = "the CPU has quiet hours until 08:00 (agent.toml)";
    assert_eq!(
        session.state.on_devices(&quiet, session.now),
        [Action::Stop(token(1), Stop::Interrupt(why.to_owned())), refuse(2, why), Action::Forget(token(2)),]
    );
    assert_eq!(session.assigns(3), [refuse(3, why)]);
    session.state.on_devices(&closed(None), session.now);
    session.ends(1, End::Interrupted(why.to_owned()));
    assert_eq!(session.assigns(4), [accept(4), start(4, 4)]);
}

#[test]
fn what_runs_on_a_faulty_device_is_left_alone_unless_the_device_is_gone() {
    let mut session = Session::welcomed(1);
    session.assigns(1);
    let now = session.now;
    let mut told = |why| session.state.on_devices(&closed(Some(why)), now);
    assert_eq!(told(Closed::Excluded("Xid 62".to_owned())), []);
    assert_eq!(told(Closed::Silent("hangs".to_owned())), []);
    let lost = Stop::Interrupt("the CPU: it is gone".to_owned());
    assert_eq!(told(Closed::Lost("it is gone".to_owned())), [Action::Stop(token(1), lost)]);
}

#[test]
fn a_slot_is_held_until_the_devices_memory_is_back() {
    let mut session = Session::welcomed(1);
    session.assigns(1);
    session.assigns(2);
    session.state.on_holding(token(1));
    assert_eq!(session.ends(1, End::Cancelled).len(), 1, "its end is reported, and nothing else begins");
    assert_eq!(session.state.on_released(token(1), session.now), [start(2, 4)]);
}
