//! A session on a bench: its clock, its disk and its coordinator are moved by a test.

use std::collections::BTreeMap;
use std::time::Duration;

use sweep_shared::event::FileRef;
use sweep_shared::ids::{ContentHash, JobId, Token};
use sweep_shared::labels::Labels;
use sweep_shared::resources::{Device, DeviceClass, Usage};
use sweep_shared::spec::{CommandSpec, JobSpec, Protocol, StageKind};

use super::decide::{Session, Setup, Terms};
use super::effect::{Effect, Input};
use super::message::{Assign, HangAfter, Hello, Inbound, Outbound};
use super::state::Outcome;
use crate::attempt::News;
use crate::identity::Identity;
use crate::luck::Luck;
use crate::report::{Body, Checkpoint, End, Report, Success};
use crate::spool::{Record, Recovered};

pub fn token(job: i64) -> Token {
    Token { job: JobId(job), attempt: 1, lease: 9 }
}

pub fn assign(job: i64) -> Box<Assign> {
    let command = CommandSpec {
        run: vec!["true".to_owned()],
        protocol: Protocol::Exit,
        outputs: vec![],
        files: vec![],
        matrix: Default::default(),
        reuse: false,
        env: Default::default(),
        secrets: vec![],
    };
    let spec =
        JobSpec { stage: "s".to_owned(), seed: 0, data: None, kind: StageKind::Command(command), inputs: vec![] };
    let device = (DeviceClass::Cpu, 0);
    let (inputs, checkpoints) = (vec![], vec![]);
    Box::new(Assign {
        token: token(job),
        spec,
        inputs,
        checkpoints,
        device,
        memory_bytes: 0,
        disk_bytes: 0,
        exclusive: false,
        micro_batches: 1,
        hang_after: HangAfter::Usual,
    })
}

pub fn recovered(reports: Vec<Report>) -> Recovered {
    let next_seq = reports.len() as u64 + 1;
    Recovered { spool: "first".to_owned(), generation: None, acked: 0, next_seq, reports: (1..).zip(reports).collect() }
}

/// A session whose clock and disk the test moves.
pub struct Bench {
    pub session: Session,
    pub now: Duration,
    pub spool: String,
}

impl Bench {
    pub fn start(recovered: Recovered) -> (Self, Vec<Effect>) {
        let cpu = Device {
            class: DeviceClass::Cpu,
            index: 0,
            name: "cpu".to_owned(),
            memory_total_bytes: 1,
            memory_free_bytes: 1,
            slots: 1,
            status: Default::default(),
        };
        let name = || "a".to_owned();
        let identity =
            Identity { agent: name(), host: name(), boot: name(), incarnation: 1, labels: Labels::default() };
        let terms = Terms { most_superseded: 2, ..Terms::new((Duration::from_millis(100), Duration::from_secs(5))) };
        let now = Duration::from_secs(1_000);
        let spool = recovered.spool.clone();
        let setup = Setup { identity, devices: vec![cpu], cores: 4, recovered, terms, luck: Luck::seeded(7) };
        let (session, effects) = Session::new(setup, now);
        (Self { session, now, spool }, effects)
    }

    /// Connected, with nothing kept.
    pub fn welcomed() -> Self {
        let (mut bench, _) = Self::start(recovered(vec![]));
        bench.meets("g", 0, &[]);
        bench
    }

    pub fn on(&mut self, input: Input) -> Vec<Effect> {
        let effects = self.session.on(input, self.now);
        for effect in &effects {
            if let Effect::Renew { spool, .. } = effect {
                self.spool.clone_from(spool);
            }
        }
        effects
    }

    pub fn says(&mut self, message: Inbound) -> Vec<Effect> {
        self.on(Input::Message(message))
    }

    pub fn hello(&mut self) -> Hello {
        match &self.on(Input::Opened)[..] {
            [Effect::Send(Outbound::Hello(hello))] => hello.clone(),
            other => panic!("{other:?}"),
        }
    }

    pub fn welcome(&mut self, generation: &str, acked: u64, keep: &[i64]) -> Vec<Effect> {
        let logs = logs(keep);
        let keep = keep.iter().map(|job| token(*job)).collect();
        self.says(Inbound::Welcome { generation: generation.to_owned(), acked, keep, lease_ms: 60_000, logs })
    }

    pub fn meets(&mut self, generation: &str, acked: u64, keep: &[i64]) -> Vec<Effect> {
        self.hello();
        self.welcome(generation, acked, keep)
    }

    pub fn loses_connection(&mut self) -> Duration {
        match self.on(Input::Closed("cut".to_owned()))[..] {
            [Effect::Connect { after }] => after,
            ref other => panic!("{other:?}"),
        }
    }

    pub fn assigns(&mut self, job: i64) -> Vec<Effect> {
        self.says(Inbound::Assign(assign(job)))
    }

    pub fn tells(&mut self, job: i64, news: News) -> Vec<Effect> {
        self.on(Input::News(token(job), news))
    }

    pub fn ends(&mut self, job: i64, end: End) -> Vec<Effect> {
        self.tells(job, News::Outcome(Outcome::Ended(end, Usage::ran(2.0))))
    }

    pub fn durable(&mut self, seq: u64) -> Vec<Effect> {
        let spool = self.spool.clone();
        self.on(Input::Durable { spool, seq })
    }

    /// As a machine that is awake.
    pub fn lives(&mut self, seconds: u64) -> Vec<Effect> {
        (0..seconds * 5).flat_map(|_| self.later(Duration::from_millis(200))).collect()
    }

    pub fn later(&mut self, time: Duration) -> Vec<Effect> {
        self.now += time;
        self.on(Input::Tick)
    }
}

/// The coordinator has seven bytes of each log.
pub fn logs(keep: &[i64]) -> BTreeMap<Token, u64> {
    keep.iter().map(|job| (token(*job), 7)).collect()
}

pub fn welcomed(keep: &[i64]) -> Effect {
    Effect::Welcomed { logs: logs(keep), lease: Duration::from_mins(1) }
}

pub fn success() -> End {
    End::Success(Success::default())
}

pub fn interrupted(reason: &str) -> End {
    End::Interrupted(reason.to_owned())
}

pub fn finished(job: i64, end: End, run_s: f64) -> Report {
    Report::finished(token(job), end, Usage::ran(run_s))
}

pub fn checkpoint(job: i64, epoch: u32) -> Checkpoint {
    let hash = Some(ContentHash::of(format!("{job} {epoch}").as_bytes()));
    Checkpoint {
        epoch,
        step: 0,
        files: vec![FileRef { name: "s".to_owned(), path: String::new(), hash, size_bytes: 1 }],
    }
}

pub fn checkpoint_report(job: i64, epoch: u32) -> Report {
    Report { token: token(job), body: Body::Checkpoint(checkpoint(job, epoch)) }
}

pub fn append(seq: u64, report: &Report) -> Effect {
    Effect::Append { seq, record: Record::of(report) }
}

pub fn sent(seq: u64, report: &Report) -> Effect {
    Effect::Send(Outbound::Report(seq, report.clone()))
}

pub fn tell_log(job: i64, over: bool) -> Effect {
    Effect::TellLog { token: token(job), over }
}

/// What was sent of the spool: numbers and jobs.
pub fn reports(effects: &[Effect]) -> Vec<(u64, i64)> {
    let report = |effect: &Effect| match effect {
        Effect::Send(Outbound::Report(seq, report)) => Some((*seq, report.token.job.0)),
        _ => None,
    };
    effects.iter().filter_map(report).collect()
}

pub fn renewal(effects: &[Effect]) -> (&str, Option<&str>, usize) {
    match effects {
        [.., Effect::Renew { spool, generation, records }] => (spool, generation.as_deref(), records.len()),
        other => panic!("{other:?}"),
    }
}
