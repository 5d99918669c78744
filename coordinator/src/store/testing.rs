//! A store on a real database in a folder of its own, and a few words to tell stories with.

use std::sync::Arc;

use sweep_shared::ids::{ContentHash, JobId, SweepId, Token};
use sweep_shared::metrics::Metrics;
use sweep_shared::resources::{DeviceClass, Usage};
use sweep_shared::states::FailureClass;
use tempfile::TempDir;

use super::agents::AgentInfo;
use super::report::{Body, End, NewPoint, Recorded, Report, Reports};
use super::submit::Submitted;
use super::*;
use crate::clock::ManualClock;
use crate::luck::SystemLuck;
use crate::memory::NeedsByParts;
use crate::options::Backoff;

pub struct Bench {
    pub folder: TempDir,
    pub store: Store,
    pub clock: Arc<ManualClock>,
}

pub const AGENT: &str = "agent-1";
/// How often agents may vanish under a job.
pub const MOST_LOSSES: u32 = 3;
/// Who gives the users' commands.
pub const ME: &str = "alice@laptop";
pub const SPOOL: &str = "spool-1";

/// An empty database with one agent.
pub async fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let store = Store::open(&folder.path().join("sweep.db"), clock.clone(), &SystemLuck).await.unwrap();
    let bench = Bench { folder, store, clock };
    bench.hello(AGENT, SPOOL, vec![]).await;
    bench
}

/// Whatever waits and is no measurement, for devices that hold anything.
pub fn any_ready() -> read::ReadyQuery<'static> {
    read::ReadyQuery {
        now_ms: i64::MAX,
        exclusive: false,
        cpu_bytes: Some(u64::MAX),
        cuda_bytes: Some(u64::MAX),
        wishless: true,
        places: &[],
        limit: 1000,
        served: None,
    }
}

pub fn job(stage: &str) -> NewJob {
    NewJob {
        key: format!("key of {stage}"),
        stage: stage.to_owned(),
        kind: "command",
        label: String::new(),
        seed: 0,
        spec_json: format!(r#"{{"stage":"{stage}"}}"#),
        params_json: "{}".to_owned(),
        inputs: Vec::new(),
        device: None,
        place: String::new(),
        disk_bytes: 0,
        needs: NeedsByParts::new(),
        likeness: String::new(),
        exclusive: false,
        preemptible: true,
        retries: 1,
        most_losses: MOST_LOSSES,
        max_hours: None,
        hang_after_s: None,
        priority: 0,
        reusable: true,
    }
}

/// A job that reads the main points of these positions.
pub fn reader(stage: &str, sources: &[usize]) -> NewJob {
    let input = |source: &usize| NewInput { source: *source, role: "input", point: "main".to_owned() };
    NewJob { inputs: sources.iter().map(input).collect(), ..job(stage) }
}

pub fn plan(jobs: Vec<NewJob>) -> Submit {
    let keys: Vec<&str> = jobs.iter().map(|job| job.key.as_str()).collect();
    Submit {
        name: "test".to_owned(),
        fingerprint: keys.join("+"),
        plan_yaml: String::new(),
        plan_path: String::new(),
        files: Vec::new(),
        jobs,
        reuse: true,
        continue_same: false,
        amend: None,
        retry_failed: false,
        priority: 0,
        budget: Default::default(),
        notify: Default::default(),
        actor: ME.to_owned(),
        own_only: false,
    }
}

pub fn cancel(target: impl Into<Target>) -> Cancel {
    Cancel { target: target.into(), actor: ME.to_owned() }
}

pub fn retry(target: impl Into<Target>) -> Retry {
    Retry { target: target.into(), actor: ME.to_owned() }
}

pub fn pause(target: impl Into<Target>) -> Pause {
    Pause { target: target.into(), actor: ME.to_owned() }
}

pub fn resume(target: impl Into<Target>) -> Resume {
    Resume { target: target.into(), actor: ME.to_owned() }
}

/// As it introduces itself at its first start.
pub fn agent_info(id: &str) -> AgentInfo {
    AgentInfo {
        id: id.to_owned(),
        host: "host".to_owned(),
        boot_id: "boot".to_owned(),
        incarnation: 1,
        slots: 2,
        devices: vec![],
        labels: Default::default(),
    }
}

/// From an agent that has heard of no generation yet.
pub fn hello(id: &str, spool: &str, attempts: Vec<Token>) -> Hello {
    let (certificate, generation) = (None, String::new());
    Hello { agent: agent_info(id), certificate, spool: spool.to_owned(), attempts, generation, acked_seq: 0 }
}

pub fn blob(name: &str, text: &str) -> BlobRef {
    BlobRef { name: name.to_owned(), hash: ContentHash::of(text.as_bytes()), size_bytes: text.len() as u64 }
}

/// A success with one point that holds one file.
pub fn success(text: &str) -> End {
    let metrics = Metrics::from([("accuracy".to_owned(), 0.5)]);
    let files = vec![blob("model.onnx", text)];
    End::Success { points: vec![NewPoint { name: "main".to_owned(), metrics, files }], artifacts: vec![] }
}

pub fn failure(class: FailureClass) -> End {
    End::Failure { class, message: format!("it was {class}") }
}

impl Bench {
    pub async fn hello(&self, agent: &str, spool: &str, attempts: Vec<Token>) -> super::hello::Reconciled {
        match self.store.write(hello(agent, spool, attempts)).await.unwrap() {
            Greeted::Reconciled(reconciled) => reconciled,
            Greeted::Restored(why) => panic!("{why}"),
            Greeted::ShutOut => panic!("it has no certificate"),
        }
    }

    pub async fn submit(&self, jobs: Vec<NewJob>) -> (SweepId, Vec<JobId>) {
        let made: Submitted = self.store.write(plan(jobs)).await.unwrap();
        (made.sweep, self.ids(made.sweep).await)
    }

    pub async fn ids(&self, sweep: SweepId) -> Vec<JobId> {
        read::jobs_of(&self.store, sweep).await.unwrap().iter().map(|row| JobId(row.id)).collect()
    }

    /// Grants without fencing anything.
    pub async fn grant(&self, jobs: &[JobId]) -> Vec<Granted> {
        self.steal(jobs, vec![]).await
    }

    pub async fn steal(&self, jobs: &[JobId], steal: Vec<Token>) -> Vec<Granted> {
        let request = |job: &JobId| GrantRequest {
            job: *job,
            agent: AGENT.to_owned(),
            device: DeviceClass::Cpu,
            device_index: 0,
            lease: rand::random::<u64>() >> 1,
        };
        self.store.write(Grant { requests: jobs.iter().map(request).collect(), steal }).await.unwrap()
    }

    pub async fn grant_on(&self, device: DeviceClass, job: JobId) -> Token {
        let (agent, lease) = (AGENT.to_owned(), rand::random::<u64>() >> 1);
        let request = GrantRequest { job, agent, device, device_index: 0, lease };
        self.store.write(Grant { requests: vec![request], steal: vec![] }).await.unwrap()[0].token
    }

    pub async fn token(&self, job: JobId) -> Token {
        self.grant(&[job]).await[0].token
    }

    pub async fn report(&self, token: Token, body: Body) -> Recorded {
        self.reports(vec![Report { token, spooled: None, body }]).await.unwrap()[0]
    }

    pub async fn reports(&self, reports: Vec<Report>) -> Result<Vec<Recorded>, StoreError> {
        let backoff = Backoff { jitter: 0.0, ..Backoff::default() };
        self.store.write(Reports { reports, backoff, luck: 0.5, devices: Arc::new([]) }).await
    }

    pub async fn finish(&self, token: Token, end: End) -> Recorded {
        self.report(token, Body::Finished { end, usage: Usage::ran(1.0) }).await
    }

    /// Grants and finishes.
    pub async fn run(&self, job: JobId, end: End) -> Token {
        let token = self.token(job).await;
        assert_eq!(self.finish(token, end).await, Recorded::Effective);
        token
    }

    /// The states of the sweep's jobs, in the plan's order.
    pub async fn states(&self, sweep: SweepId) -> String {
        let rows = read::jobs_of(&self.store, sweep).await.unwrap();
        rows.iter().map(|row| row.state.as_str()).collect::<Vec<_>>().join(" ")
    }

    pub async fn sweep_state(&self, sweep: SweepId) -> String {
        self.store.sweep(sweep).await.unwrap().state
    }

    pub async fn row(&self, job: JobId) -> read::JobRow {
        read::jobs_by_id(&self.store, &[job]).await.unwrap().remove(0)
    }

    /// One number from the database, by SQL of the test's own.
    pub async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.store.readers).await.unwrap()
    }

    /// The same database after the process is gone and comes back.
    pub async fn restart(self) -> Self {
        self.store.close().await;
        let Self { folder, clock, .. } = self;
        let store = Store::open(&folder.path().join("sweep.db"), clock.clone(), &SystemLuck).await.unwrap();
        Self { folder, store, clock }
    }
}
