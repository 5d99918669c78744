//! The store itself, asked the same, and its rows in the model's form.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;
use sweep_shared::event::Epoch;
use sweep_shared::ids::{ContentHash, Token};
use sweep_shared::plan::Budget;
use sweep_shared::resources::{DeviceClass, Usage};
use sweep_shared::states::FailureClass;
use tempfile::TempDir;

use super::super::super::report::{Body, End, Recorded, Report, Reports};
use super::super::super::submit::Submitted;
use super::super::super::testing::{ME, agent_info, any_ready, blob, job, success};
use super::draw::{KEYS, MEMORY, Plan, Say, most_parts};
use super::world::{Answer, Command as Asked, Said, agent_name, budget_seconds};
use crate::clock::ManualClock;
use crate::luck::SystemLuck;
use crate::memory::{DeviceSize, Needs, numbers_of_parts};
use crate::options::Backoff;
use crate::store::*;

pub struct Real {
    _folder: TempDir,
    store: Store,
    clock: Arc<ManualClock>,
    rows: sqlx::SqliteConnection,
    generation: u64,
    submitted: u64,
    /// What was seen of ended attempts and succeeded jobs, by their names: they never change.
    ended: BTreeMap<String, String>,
    succeeded: BTreeMap<String, String>,
}

impl Real {
    pub async fn open() -> Self {
        // In memory, where there is such a folder: what a disk survives is SQLite's promise and not tested here.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let path = folder.path().join("sweep.db");
        let clock = Arc::new(ManualClock::default());
        let store = Store::open(&path, clock.clone(), &SystemLuck).await.unwrap();
        let rows = sqlx::SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
        let (ended, succeeded) = Default::default();
        let mut real = Self { _folder: folder, store, clock, rows, generation: 0, submitted: 0, ended, succeeded };
        real.new_generation().await.unwrap();
        real
    }

    async fn new_generation(&mut self) -> Result<Vec<Token>, StoreError> {
        self.generation += 1;
        let new = NewGeneration { name: self.generation_name(), why: "the test wishes it".to_owned() };
        self.store.write(new).await
    }

    fn generation_name(&self) -> String {
        format!("generation {:016}", self.generation)
    }

    pub async fn apply(&mut self, command: &Asked) -> Answer {
        let actor = ME.to_owned();
        match command {
            Asked::Submit(plan, sweep) => {
                self.submitted += 1;
                let submit = submit(plan, *sweep, self.submitted);
                told(self.store.write(submit).await.map(|made| submitted(made, sweep.is_some())))
            }
            Asked::Grant { jobs, agent, steal } => {
                let request = |(job, lease): &(sweep_shared::ids::JobId, u64)| {
                    let (job, agent, lease) = (*job, agent.clone(), *lease);
                    GrantRequest { job, agent, device: DeviceClass::Cpu, device_index: 0, lease }
                };
                let grant = Grant { requests: jobs.iter().map(request).collect(), steal: steal.clone() };
                told(
                    self.store
                        .write(grant)
                        .await
                        .map(|granted| granted.iter().map(grant_words).collect::<Vec<_>>().join(" ")),
                )
            }
            Asked::Reports(reports) => {
                let report = |(token, say, spooled): &Said| {
                    let body = body(*token, *say);
                    Report { token: *token, spooled: spooled.clone(), body }
                };
                self.report(reports.iter().map(report).collect()).await
            }
            Asked::Resumed(token, epoch, step) => {
                let body = Body::Progress { epochs: vec![], resumed: Some((*epoch, *step)) };
                self.report(vec![Report { token: *token, spooled: None, body }]).await
            }
            Asked::Hello { agent, spool, incarnation, here, knows, acked_seq } => {
                let generation = if *knows { self.generation_name() } else { String::new() };
                let info = agents::AgentInfo { incarnation: *incarnation, ..agent_info(agent) };
                let (spool, attempts, acked_seq) = (spool.clone(), here.clone(), *acked_seq);
                told(
                    self.store
                        .write(Hello { agent: info, certificate: None, spool, attempts, generation, acked_seq })
                        .await
                        .map(greeting),
                )
            }
            Asked::Goodbye(agent) => {
                let (agent, reason) = (agent.clone(), String::new());
                told(self.store.write(Goodbye { agent, reason }).await.map(|freed| freed.len().to_string()))
            }
            Asked::Pause(target) => told(self.store.write(Pause { target: *target, actor }).await),
            Asked::Resume(target) => told(self.store.write(Resume { target: *target, actor }).await),
            Asked::Cancel(target) => told(self.store.write(Cancel { target: *target, actor }).await),
            Asked::Retry(target) => told(self.store.write(Retry { target: *target, actor }).await),
            Asked::Priority(target, priority) => {
                told(self.store.write(SetPriority { target: *target, priority: *priority, actor }).await)
            }
            Asked::Drain(agent) => told(self.store.write(Drain { agent: agent.clone(), actor }).await),
            Asked::Expire(token) => {
                told(self.store.write(Expire { tokens: vec![*token] }).await.map(|jobs| format!("{jobs:?}")))
            }
            Asked::Release(token) => {
                let release = Release { tokens: vec![*token], why: Why::Expired };
                told(self.store.write(release).await.map(|()| String::new()))
            }
            Asked::Overspend(held) => {
                let paused = self.store.write(Overspend { held: held.clone() }).await;
                told(paused.map(|paused| format!("{:?}", paused.iter().map(|sweep| sweep.0).collect::<Vec<_>>())))
            }
            Asked::NewGeneration => told(self.new_generation().await.map(|lost| lost.len())),
            Asked::Pass(ms) => {
                self.clock.advance(Duration::from_millis(u64::from(*ms)));
                Ok(String::new())
            }
            Asked::SetClock(ms) => {
                self.clock.set_wall_clock(i64::from(*ms));
                Ok(String::new())
            }
        }
    }

    async fn report(&self, reports: Vec<Report>) -> Answer {
        let backoff = Backoff { jitter: 0.0, ..Backoff::default() };
        let answers = self.store.write(Reports { reports, backoff, luck: 0.5, devices: sizes().into() }).await;
        let word = |answer: &Recorded| if *answer == Recorded::Stale { "stale" } else { "effective" };
        told(answers.map(|answers| answers.iter().map(word).collect::<Vec<_>>().join(" ")))
    }

    /// All that can be seen of the database, sorted.
    pub async fn rows(&mut self) -> Vec<String> {
        let mut rows: Vec<String> = sqlx::query_scalar(ROWS).fetch_all(&mut self.rows).await.unwrap();
        for point in rows.iter_mut().filter(|row| row.starts_with("point")) {
            let (head, hash) = point.rsplit_once(' ').unwrap();
            *point = format!("{head} {}", text_of(hash));
        }
        for live in read::live(&self.store).await.unwrap() {
            let (token, stop) = (live.token, live.stop.is_some());
            let (job, number) = (token.job.0, token.attempt);
            rows.push(format!("live {job}.{number} {} {stop} {} {}", live.wanted, live.finishing, live.priority));
        }
        let queue = self.store.ready(read::ReadyQuery { cuda_bytes: None, ..any_ready() }).await.unwrap();
        rows.push(format!("queue {:?}", queue.iter().map(|ready| ready.job.0).collect::<Vec<_>>()));
        rows.sort();
        rows
    }

    /// What holds whatever the commands were.
    pub fn check(&mut self, rows: &[String]) -> Result<(), String> {
        let mut live: BTreeMap<&str, u32> = BTreeMap::new();
        for row in rows {
            let words: Vec<&str> = row.split(' ').collect();
            match words[..] {
                ["attempt", job, number, _, _, "leased" | "running" | "finishing", ..] => {
                    *live.entry(job).or_default() += 1;
                    if let Some(was) = self.ended.get(&format!("{job}.{number}")) {
                        return Err(format!("it had ended: {was}, and is now: {row}"));
                    }
                }
                ["attempt", job, number, ..] => {
                    let was = self.ended.entry(format!("{job}.{number}")).or_insert_with(|| row.clone());
                    if was != row {
                        return Err(format!("an ended attempt changed from: {was} to: {row}"));
                    }
                }
                ["job", id, _, _, "succeeded", ..] => {
                    self.succeeded.entry(id.to_owned()).or_insert_with(|| row.clone());
                }
                ["job", id, ..] => {
                    if let Some(was) = self.succeeded.get(id) {
                        return Err(format!("it had succeeded: {was}, and is now: {row}"));
                    }
                }
                _ => {}
            }
        }
        match live.iter().find(|(_, count)| **count > 1) {
            Some((job, count)) => Err(format!("job {job} has {count} live attempts")),
            None => Ok(()),
        }
    }
}

/// One text for each row that the model knows.
const ROWS: &str = "
    SELECT printf('sweep %d %s [%d, %d, %d] %d', id, state, paused, paused_reason <> '', budget_waived, priority) FROM sweeps
    UNION ALL
    SELECT printf('job %d %d %s %s %s %d %d %d [%d, %d] %d %d %d/%d', id, sweep, key, state, coalesce(failure_class, '-'),
                  failures, losses, priority, dropped, not_before_ms > 0, attempt, coalesce(reused_from, 0), micro_batches,
                  outgrown_bytes) FROM jobs
    UNION ALL
    SELECT printf('attempt %d %d %d %s %s %s %d %d %d %d', job, number, lease, agent, state, coalesce(failure_class, '-'),
                  unwanted, resumed_attempt, resumed_epoch, micro_batches) FROM attempts
    UNION ALL
    SELECT printf('checkpoint %d %d %d %d', job, attempt, epoch, step & 4294967295) FROM checkpoints
    UNION ALL
    SELECT printf('point %d %d %s', p.job, p.attempt, f.hash) FROM points p JOIN point_files f ON f.job = p.job AND f.point = p.name
    UNION ALL
    SELECT printf('agent %s %d %d', id, incarnation, draining) FROM agents
    UNION ALL
    SELECT printf('spool %s %s %d', id, agent, acked_seq) FROM spools";

fn told<T: ToString>(reply: Result<T, StoreError>) -> Answer {
    match reply {
        Ok(reply) => Ok(reply.to_string()),
        Err(StoreError::Refused(_)) => Err("refused"),
        Err(StoreError::Unknown(_)) => Err("unknown"),
        Err(error) => panic!("{error}"),
    }
}

fn submitted(made: Submitted, amended: bool) -> String {
    let Submitted { sweep, kept, added, dropped, reused, .. } = made;
    if amended {
        format!("{sweep}: {kept} kept, {added} added, {dropped} dropped, {reused} reused")
    } else {
        format!("{sweep}: {added} added, {reused} reused")
    }
}

fn grant_words(granted: &Granted) -> String {
    let read = |files: &Vec<BlobRef>| files.iter().map(|file| text_of(file.hash.as_str())).collect::<String>();
    let read: Vec<String> = granted.inputs.iter().map(read).collect();
    let from: Vec<String> = granted.checkpoints.iter().map(|at| format!("{}.{}", at.epoch, at.step)).collect();
    format!("{}.{} reads {read:?} from {from:?}", granted.token.job.0, granted.token.attempt)
}

fn greeting(greeted: Greeted) -> String {
    let Greeted::Reconciled(here) = greeted else { return "restored".to_owned() };
    let mut keep: Vec<String> = here.keep.iter().map(Token::to_string).collect();
    let mut stop: Vec<String> = here.interrupt.iter().map(|(token, _)| token.to_string()).collect();
    keep.sort();
    stop.sort();
    format!("{} keep {keep:?} stop {stop:?} {}", here.acked_seq, here.draining)
}

/// What the agents have of memory.
fn sizes() -> Vec<DeviceSize> {
    let size = |(agent, total_bytes): (usize, &u64)| DeviceSize {
        agent: agent_name(agent),
        class: DeviceClass::Cpu,
        index: 0,
        total_bytes: *total_bytes,
        spot: Default::default(),
    };
    MEMORY.iter().enumerate().map(size).collect()
}

fn text(files: u8) -> String {
    format!("made {files}")
}

/// What the bytes with this hash are.
fn text_of(hash: &str) -> String {
    (0..2).map(text).find(|text| ContentHash::of(text.as_bytes()).as_str() == hash).unwrap_or_else(|| hash.to_owned())
}

fn submit(plan: &Plan, amend: Option<sweep_shared::ids::SweepId>, number: u64) -> Submit {
    let keys: Vec<usize> = (0..KEYS.len()).filter(|key| plan.keys[*key]).collect();
    let position = |key: &usize| keys.iter().position(|other| other == key).unwrap();
    let input = |key: &usize| NewInput { source: position(key), role: "input", point: "main".to_owned() };
    let jobs = keys.iter().map(|&key| NewJob {
        key: format!("k{key}"),
        inputs: KEYS[key].iter().map(input).collect(),
        retries: plan.retries,
        most_losses: plan.most_losses,
        max_hours: plan.limited.then_some(1.0),
        priority: if key % 2 == 1 { plan.own_priority } else { 0 },
        needs: numbers_of_parts(most_parts(key)).map(|parts| (parts, Needs::default())).collect(),
        ..job("stage")
    });
    Submit {
        name: "test".to_owned(),
        fingerprint: number.to_string(),
        plan_yaml: String::new(),
        plan_path: String::new(),
        files: Vec::new(),
        jobs: jobs.collect(),
        priority: plan.priority,
        notify: Default::default(),
        budget: Budget { gpu_hours: None, cpu_hours: plan.budget_s.map(|whole| budget_seconds(whole) / 3600.0) },
        reuse: plan.reuse,
        continue_same: false,
        amend,
        retry_failed: false,
        actor: ME.to_owned(),
        own_only: false,
    }
}

fn body(token: Token, say: Say) -> Body {
    let end = match say {
        Say::Accepted => return Body::Accepted,
        Say::Refused => return Body::Refused { reason: "no memory".to_owned() },
        Say::Finishing => return Body::Finishing,
        Say::Epoch(epoch) => {
            let epoch = Epoch { epoch, epochs: 9, phase: String::new(), metrics: Default::default() };
            return Body::Progress { epochs: vec![epoch], resumed: None };
        }
        Say::Checkpoint(epoch, step) => {
            let files = vec![blob("state", &format!("{token} {epoch} {step}"))];
            return Body::Checkpoint { epoch, step, files };
        }
        Say::Success(files) => success(&text(files)),
        Say::Failure(class) => {
            let class: FailureClass = class.parse().unwrap();
            End::Failure { class, message: "boo".to_owned() }
        }
        Say::Interrupted => End::Interrupted { reason: "drained".to_owned() },
        Say::Cancelled => End::Cancelled,
    };
    Body::Finished { end, usage: Usage::ran(f64::from(token.attempt) + 0.25) }
}
