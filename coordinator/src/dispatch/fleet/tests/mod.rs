//! The fleet without a network: what is believed of agents and leases (here), and what agents are told (`orders`).

mod orders;

use sweep_shared::ids::SweepId;
use sweep_shared::resources::{DeviceClass, DeviceUse};

use super::*;
use crate::explain::Barred;
use crate::memory::Needs;
use crate::store::read::Ready;

const GIB: u64 = 1 << 30;
pub const TERMS: Terms = Terms { lease: Duration::from_mins(1), grace: Duration::from_secs(15) };

pub fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn device(free: u64) -> Device {
    Device {
        class: DeviceClass::Cpu,
        index: 0,
        name: "cpu".to_owned(),
        memory_total_bytes: 8 * GIB,
        memory_free_bytes: free,
        slots: 2,
        status: Default::default(),
    }
}

fn info(id: &str) -> AgentInfo {
    AgentInfo {
        id: id.to_owned(),
        host: format!("host of {id}"),
        boot_id: "boot".to_owned(),
        incarnation: 1,
        slots: 2,
        devices: vec![device(8 * GIB)],
        labels: Default::default(),
    }
}

fn token(job: i64) -> Token {
    Token { job: JobId(job), attempt: 1, lease: 7 }
}

fn row(job: i64, agent: &str) -> LiveRow {
    LiveRow {
        token: token(job),
        sweep: SweepId(1),
        stage: "work".to_owned(),
        agent: agent.to_owned(),
        device: DeviceClass::Cpu,
        device_index: 0,
        wants: None,
        place: Default::default(),
        memory_bytes: GIB,
        needs: Needs::alike(GIB),
        outgrown_bytes: 0,
        exclusive: false,
        has_readers: false,
        wanted: true,
        stop: None,
        started: false,
        finishing: false,
        priority: 0,
        preemptible: true,
        max_hours: None,
        spent_s: 0.0,
        held_s: 0.0,
    }
}

fn live(job: i64, agent: &str, granted: Duration) -> Live {
    Live::new(row(job, agent), granted)
}

pub fn join(fleet: &mut Fleet, id: &str, session: u64, now: Duration) -> Option<SessionId> {
    fleet.join(info(id), (SessionId(session), session), &Greeting::default(), now)
}

fn ready(job: i64) -> Ready {
    Ready {
        job: JobId(job),
        sweep: SweepId(1),
        stage: "work".to_owned(),
        priority: 0,
        device: None,
        place: Default::default(),
        needs: Needs::default(),
        outgrown_bytes: 0,
        exclusive: false,
        since_ms: 0,
    }
}

/// One connected agent that runs job 1.
pub fn fleet() -> Fleet {
    let mut fleet = Fleet::new(TERMS, vec![], at(0));
    join(&mut fleet, "a", 1, at(0));
    fleet.granted(live(1, "a", at(0)));
    fleet
}

fn stolen(fleet: &Fleet, now: Duration) -> Vec<Token> {
    fleet.stealable(now).into_iter().map(|(_, token)| token).collect()
}

/// Looks at the clock each second, as the loop does.
fn wait(fleet: &mut Fleet, from: u64, to: u64) {
    (from..=to).for_each(|second| fleet.tick(at(second)));
}

#[test]
fn an_agent_that_is_heard_keeps_its_lease() {
    let mut fleet = fleet();
    assert_eq!(stolen(&fleet, at(59)), []);
    assert_eq!(fleet.heard(SessionId(1), at(59)), Some("a"));
    assert_eq!(stolen(&fleet, at(118)), []);
    assert_eq!(stolen(&fleet, at(119)), [token(1)]);
}

#[test]
fn a_lease_that_has_run_out_is_told_once() {
    let mut fleet = fleet();
    assert!(fleet.newly_overdue(at(59)).is_empty());
    assert_eq!(fleet.newly_overdue(at(60)), ["a"]);
    assert!(fleet.newly_overdue(at(61)).is_empty());
    fleet.heard(SessionId(1), at(62));
    assert!(fleet.newly_overdue(at(62)).is_empty());
    assert_eq!(fleet.newly_overdue(at(122)), ["a"]);
}

#[test]
fn a_closed_connection_has_the_grace_and_a_silent_one_the_lease() {
    let mut closed = fleet();
    closed.heard(SessionId(1), at(50));
    closed.close(SessionId(1), at(55));
    assert_eq!((stolen(&closed, at(69)), stolen(&closed, at(70))), (vec![], vec![token(1)]));
    // Nothing was heard for long before the connection was given up: that was no closing.
    let mut silent = fleet();
    silent.close(SessionId(1), at(30));
    assert_eq!((stolen(&silent, at(59)), stolen(&silent, at(60))), (vec![], vec![token(1)]));
}

#[test]
fn an_agent_whose_lease_is_over_is_offered_nothing_though_its_connection_looks_open() {
    let mut fleet = fleet();
    let names = |fleet: &Fleet, now| fleet.views(now).names;
    assert_eq!((names(&fleet, at(59)).len(), names(&fleet, at(60)).len()), (1, 0));
    fleet.heard(SessionId(1), at(61));
    assert_eq!(names(&fleet, at(61)), ["a"]);
}

#[test]
fn after_the_coordinators_own_absence_silence_proves_nothing() {
    let mut fleet = fleet();
    fleet.close(SessionId(1), at(1));
    wait(&mut fleet, 1, 5);
    fleet.tick(at(5000));
    assert_eq!(stolen(&fleet, at(5014)), []);
    assert_eq!(stolen(&fleet, at(5015)), [token(1)]);
}

#[test]
fn what_lived_at_the_coordinators_start_has_a_fresh_grace() {
    let fleet = Fleet::new(TERMS, vec![row(1, "a")], at(100));
    assert_eq!((stolen(&fleet, at(114)), stolen(&fleet, at(115))), (vec![], vec![token(1)]));
    assert_eq!(fleet.views(at(100)).names, Vec::<String>::new(), "nobody is given work before saying hello");
}

#[test]
fn the_same_agent_may_come_back_and_another_machine_may_not_take_its_place() {
    let fleet = fleet();
    assert_eq!(fleet.admit(&info("a"), 0, at(1)), Ok(()));
    assert_eq!(fleet.admit(&AgentInfo { incarnation: 2, ..info("a") }, 0, at(1)), Ok(()));
    let elsewhere = AgentInfo { host: "elsewhere".to_owned(), ..info("a") };
    assert!(fleet.admit(&elsewhere, 0, at(1)).unwrap_err().contains("connected already, from host of a"));
    assert!(fleet.admit(&AgentInfo { incarnation: 0, ..info("a") }, 0, at(1)).is_err());
    // Once the first has been silent for three heartbeats its connection may be dead.
    assert_eq!(fleet.admit(&elsewhere, 0, at(15)), Ok(()));
}

#[test]
fn a_replaced_session_is_no_longer_heard() {
    let mut fleet = fleet();
    assert_eq!(join(&mut fleet, "a", 2, at(1)), Some(SessionId(1)));
    assert_eq!(fleet.heard(SessionId(1), at(2)), None);
    fleet.close(SessionId(1), at(2));
    assert_eq!(fleet.session_of("a"), Some(SessionId(2)));
}

#[test]
fn an_attempts_memory_is_reserved_until_the_report_can_show_it() {
    let mut fleet = fleet();
    let free = |fleet: &Fleet, now| fleet.views(now).agents[0].devices[0].memory_free_bytes;
    assert_eq!(free(&fleet, at(1)), 7 * GIB);
    fleet.report("a", vec![device(8 * GIB)]);
    assert_eq!(free(&fleet, at(5)), 7 * GIB, "it is still loading");
    let shown = |free, bytes| {
        let mut device = device(free);
        device.status.uses.push(DeviceUse { attempt: token(1).to_string(), bytes });
        vec![device]
    };
    fleet.report("a", shown(8 * GIB - GIB / 4, GIB / 4));
    assert_eq!(free(&fleet, at(50)), 7 * GIB, "it has taken a quarter, however long ago it began");
    fleet.report("a", shown(6 * GIB, 2 * GIB));
    assert_eq!(free(&fleet, at(51)), 6 * GIB, "it has taken more than it was promised");
}

#[test]
fn a_place_is_held_until_its_attempt_ends_whether_it_is_wanted_or_not() {
    let mut fleet = fleet();
    let assigned = |fleet: &Fleet| fleet.views(at(1)).agents[0].devices[0].assigned;
    fleet.unwanted(&[JobId(1), JobId(9)]);
    assert_eq!(fleet.orders(), [(SessionId(1), Order::Kill(token(1)))]);
    assert_eq!(assigned(&fleet), 1);
    assert!(fleet.end(Token { lease: 8, ..token(1) }).is_none(), "another lease");
    assert_eq!(assigned(&fleet), 1);
    assert!(fleet.end(token(1)).is_some());
    assert_eq!(assigned(&fleet), 0);
}

#[test]
fn a_retried_job_waits_for_its_cancelled_attempt() {
    let mut fleet = fleet();
    fleet.unwanted(&[JobId(1)]);
    let ready = ready(1);
    assert!(fleet.candidate(&ready, at(59), 0).is_none());
    let (_, fences) = fleet.candidate(&ready, at(60), 0).unwrap();
    assert_eq!(fences, Some(token(1)));
    fleet.end(token(1));
    assert_eq!(fleet.candidate(&ready, at(1), 0).unwrap().1, None);
}

fn barred(fleet: &Fleet, job: i64, agent: &str) -> bool {
    let device = fleet.views(at(0)).agents[0].devices[0].clone();
    fleet.is_barred(JobId(job), agent, &device)
}

#[test]
fn a_refusal_rests_until_memory_came_back_or_time_went_by() {
    let mut fleet = fleet();
    fleet.report("a", vec![device(GIB)]);
    fleet.refused(token(1), "no memory", at(1));
    assert!(barred(&fleet, 1, "a") && !barred(&fleet, 2, "a") && !barred(&fleet, 1, "b"));
    fleet.report("a", vec![device(GIB + 1)]);
    assert!(barred(&fleet, 1, "a"));
    fleet.report("a", vec![device(2 * GIB)]);
    assert!(!barred(&fleet, 1, "a"));
    fleet.refused(token(1), "no memory", at(3));
    let why = fleet.facts(JobId(1), at(13)).agents[0].devices[0].barred.clone();
    assert_eq!(why, Some(Barred::Refused { reason: "no memory".to_owned(), left: at(20) }));
    wait(&mut fleet, 3, 33);
    assert!(!barred(&fleet, 1, "a"));
}

#[test]
fn a_device_that_failed_under_a_job_is_not_tried_for_it_for_an_hour_whoever_comes_and_goes() {
    let mut fleet = fleet();
    let failed = fleet.end(token(1)).unwrap();
    fleet.device_failed(&failed, at(10));
    fleet.report("a", vec![device(8 * GIB)]);
    join(&mut fleet, "a", 2, at(12));
    assert!(barred(&fleet, 1, "a") && !barred(&fleet, 2, "a"));
    fleet.tick(at(3609));
    assert!(barred(&fleet, 1, "a"));
    fleet.tick(at(3610));
    assert!(!barred(&fleet, 1, "a"));
    fleet.device_failed_before(JobId(1), "a", (DeviceClass::Cpu, 0), at(3000));
    assert!(barred(&fleet, 1, "a"), "also from before the coordinator's start");
    fleet.tick(at(3610 + 600));
    assert!(!barred(&fleet, 1, "a"));
}

#[test]
fn an_agent_that_interrupts_by_itself_is_left_in_peace_for_a_while() {
    let mut fleet = fleet();
    fleet.leaving("a", at(1));
    assert!(fleet.views(at(2)).agents[0].leaving);
    assert!(!fleet.views(at(11)).agents[0].leaving);
    join(&mut fleet, "a", 2, at(3));
    assert!(!fleet.views(at(3)).agents[0].leaving);
}

#[test]
fn the_pace_of_a_stage_is_learnt_and_a_sudden_long_job_counts_at_once() {
    let mut fleet = fleet();
    let ready = ready(5);
    let expected = |fleet: &Fleet| fleet.candidate(&ready, at(1), 0).unwrap().0.expected;
    assert_eq!(expected(&fleet), None);
    fleet.took(&live(1, "a", at(0)), 0.001);
    assert_eq!(expected(&fleet), Some(Duration::from_millis(1)));
    fleet.took(&live(1, "a", at(0)), 100.0);
    assert!(expected(&fleet).unwrap() >= at(20));
    fleet.took(&live(1, "a", at(0)), f64::NAN);
    assert!(expected(&fleet).unwrap() >= at(20));
}
