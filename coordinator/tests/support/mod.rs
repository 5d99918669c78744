//! A coordinator in a folder of its own, users, and agents that do what a test says.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::sync::Arc;
use std::time::Duration;

use sweep_coordinator::{Backoff, Coordinator, ManualClock, Options, Running};
use sweep_shared::ids::ContentHash;
use sweep_shared::wire::{PROTOCOL_VERSION, v1};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::metadata::MetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};
use v1::agent_message::Body as Say;
use v1::coordinator_message::Body as Hear;
use v1::watch_event::Body as Event;

/// No answer within this is a failure; nothing here waits for time to pass.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Site {
    pub folder: tempfile::TempDir,
    pub clock: Arc<ManualClock>,
    pub running: Running,
    pub backoff: Backoff,
}

pub async fn site() -> Site {
    site_with(Backoff::NONE).await
}

/// Failed jobs wait.
pub async fn site_with(backoff: Backoff) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let running = start(folder.path(), &clock, backoff).await;
    Site { folder, clock, running, backoff }
}

async fn start(home: &std::path::Path, clock: &Arc<ManualClock>, backoff: Backoff) -> Running {
    let options = Options { clock: clock.clone(), backoff, max_blob_bytes: 1 << 20, ..Options::ephemeral(home) };
    Coordinator::start(options).await.unwrap()
}

impl Site {
    pub async fn user(&self) -> User {
        let (channel, token) = (channel(&self.running).await, self.running.token().to_owned());
        let auth = Bearer(token);
        User {
            sweeps: v1::sweeps_client::SweepsClient::with_interceptor(channel.clone(), auth.clone()),
            artifacts: v1::artifacts_client::ArtifactsClient::with_interceptor(channel, auth),
        }
    }

    pub async fn agent(&self, id: &str) -> Agent {
        Agent::connect(self, id, vec![]).await
    }

    /// Moves the clock in steps that the coordinator does not take for a pause of its own, and lets it look each time.
    pub async fn pass(&self, time: Duration) {
        let step = Duration::from_secs(4);
        let mut left = time;
        while !left.is_zero() {
            let now = left.min(step);
            self.clock.advance(now);
            self.running.poke().await;
            // What is asked after the poke is answered after it.
            self.user().await.sweeps.list_agents(v1::ListRequest { limit: 0 }).await.unwrap();
            left -= now;
        }
    }

    pub async fn restart(self) -> Self {
        self.restart_after(|_| {}).await
    }

    /// Something is done to the home while no coordinator runs.
    pub async fn restart_after(self, meanwhile: impl FnOnce(&std::path::Path)) -> Self {
        let Self { folder, clock, running, backoff } = self;
        running.shutdown().await;
        meanwhile(folder.path());
        let running = start(folder.path(), &clock, backoff).await;
        Self { folder, clock, running, backoff }
    }
}

async fn channel(running: &Running) -> Channel {
    Endpoint::from_shared(running.url()).unwrap().connect().await.unwrap()
}

#[derive(Clone)]
pub struct Bearer(pub String);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let header = MetadataValue::try_from(format!("Bearer {}", self.0)).unwrap();
        request.metadata_mut().insert("authorization", header);
        Ok(request)
    }
}

type Authorized = InterceptedService<Channel, Bearer>;

pub struct User {
    pub sweeps: v1::sweeps_client::SweepsClient<Authorized>,
    pub artifacts: v1::artifacts_client::ArtifactsClient<Authorized>,
}

impl User {
    pub async fn submit(&mut self, plan: &str) -> v1::SubmitReply {
        self.try_submit(v1::SubmitRequest { plan_yaml: plan.to_owned(), ..Default::default() }).await.unwrap()
    }

    pub async fn try_submit(&mut self, request: v1::SubmitRequest) -> Result<v1::SubmitReply, Status> {
        Ok(self.sweeps.submit(request).await?.into_inner())
    }

    pub async fn watch(&mut self, sweep: i64) -> Streaming<v1::WatchEvent> {
        self.sweeps.watch(v1::SweepRequest { sweep, ..Default::default() }).await.unwrap().into_inner()
    }

    pub async fn status(&mut self, sweep: i64) -> v1::StatusReply {
        self.sweeps.status(v1::SweepRequest { sweep, ..Default::default() }).await.unwrap().into_inner()
    }

    /// The states of the jobs, once the sweep's summary says that this many are in this state.
    pub async fn until(&mut self, sweep: i64, state: &str, jobs: u32) {
        let mut watch = self.watch(sweep).await;
        loop {
            let event = heard(watch.message()).await.unwrap().expect("the sweep ended before");
            let summary = match event.body.unwrap() {
                Event::Snapshot(status) => status.sweep.unwrap(),
                Event::Sweep(summary) => summary,
                Event::Job(_) => continue,
            };
            if summary.counts.get(state).copied().unwrap_or(0) == jobs {
                return;
            }
        }
    }

    pub async fn explain(&mut self, job: i64) -> v1::ExplainReply {
        self.sweeps.explain(v1::ExplainRequest { job }).await.unwrap().into_inner()
    }

    /// The coordinator has noticed that the agent is not connected any more.
    pub async fn until_gone(&mut self, agent: &str) {
        let gone = async {
            loop {
                let listed = self.sweeps.list_agents(v1::ListRequest { limit: 0 }).await.unwrap().into_inner().agents;
                if listed.iter().any(|row| row.id == agent && !row.connected) {
                    return;
                }
            }
        };
        heard(gone).await;
    }

    /// Watches to the end and answers the sweep's last state.
    pub async fn end(&mut self, sweep: i64) -> String {
        let mut watch = self.watch(sweep).await;
        let mut last = String::new();
        while let Some(event) = heard(watch.message()).await.unwrap() {
            match event.body.unwrap() {
                Event::Snapshot(status) => last = status.sweep.unwrap().state,
                Event::Sweep(summary) => last = summary.state,
                Event::Job(_) => {}
            }
        }
        last
    }

    pub async fn upload(&mut self, bytes: &[u8]) -> v1::File {
        let hash = ContentHash::of(bytes).to_string();
        let chunk = v1::Chunk { hash: hash.clone(), size_bytes: bytes.len() as u64, offset: 0, data: bytes.to_vec() };
        let reply = self.artifacts.upload(tokio_stream::iter([chunk])).await.unwrap().into_inner();
        assert!(reply.complete);
        v1::File { name: String::new(), hash, size_bytes: bytes.len() as u64 }
    }
}

/// An answer that must come.
pub async fn heard<T>(answer: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, answer).await.expect("an answer was waited for in vain")
}

pub struct Agent {
    pub id: String,
    to: mpsc::UnboundedSender<v1::AgentMessage>,
    from: Streaming<v1::CoordinatorMessage>,
    seq: u64,
    pub welcome: v1::Welcome,
}

pub fn hello(id: &str, attempts: Vec<v1::Token>) -> v1::Hello {
    let device = v1::Device {
        class: "cpu".to_owned(),
        index: 0,
        name: "test".to_owned(),
        memory_total_bytes: 8 << 30,
        memory_free_bytes: 8 << 30,
        slots: 2,
        ..v1::Device::default()
    };
    v1::Hello {
        protocol_version: PROTOCOL_VERSION,
        agent_id: id.to_owned(),
        host: "host".to_owned(),
        boot_id: "boot".to_owned(),
        incarnation: 1,
        devices: vec![device],
        attempts,
        slots: 2,
        spool_id: format!("{id}-spool"),
        ..Default::default()
    }
}

/// A session, opened with this Hello: what to say to it, and what it answers.
pub async fn open(
    site: &Site,
    hello: v1::Hello,
) -> Result<(mpsc::UnboundedSender<v1::AgentMessage>, Streaming<v1::CoordinatorMessage>), Status> {
    let bearer = Bearer(site.running.token().to_owned());
    let mut client = v1::agents_client::AgentsClient::with_interceptor(channel(&site.running).await, bearer);
    let (to, messages) = mpsc::unbounded_channel();
    to.send(v1::AgentMessage { seq: 0, body: Some(Say::Hello(hello)) }).unwrap();
    let from = client.session(UnboundedReceiverStream::new(messages)).await?.into_inner();
    Ok((to, from))
}

impl Agent {
    pub async fn connect(site: &Site, id: &str, attempts: Vec<v1::Token>) -> Self {
        Self::with(site, hello(id, attempts)).await
    }

    pub async fn with(site: &Site, hello: v1::Hello) -> Self {
        let id = hello.agent_id.clone();
        let (to, mut from) = open(site, hello).await.unwrap();
        let first = heard(from.message()).await.unwrap().unwrap().body.unwrap();
        let Hear::Welcome(welcome) = first else { panic!("expected Welcome, heard {first:?}") };
        Self { id, to, from, seq: welcome.acked_seq, welcome }
    }

    pub fn say(&self, body: Say) {
        self.to.send(v1::AgentMessage { seq: 0, body: Some(body) }).unwrap();
    }

    /// It is still there.
    pub fn beat(&self) {
        self.say(Say::Heartbeat(v1::Heartbeat { devices: hello(&self.id, vec![]).devices }));
    }

    /// With the spool's next number, which it answers.
    pub fn report(&mut self, body: Say) -> u64 {
        self.seq += 1;
        self.repeat(self.seq, body);
        self.seq
    }

    pub fn repeat(&self, seq: u64, body: Say) {
        self.to.send(v1::AgentMessage { seq, body: Some(body) }).unwrap();
    }

    pub async fn next(&mut self) -> Hear {
        heard(self.from.message()).await.unwrap().expect("the session ended").body.unwrap()
    }

    pub async fn assigned(&mut self) -> v1::Assign {
        match self.next().await {
            Hear::Assign(assign) => assign,
            other => panic!("expected Assign, heard {other:?}"),
        }
    }

    /// Its runner has begun, and the coordinator knows.
    pub async fn begins(&mut self, token: Option<v1::Token>) {
        let seq = self.report(Say::Progress(v1::Progress { token, ..Default::default() }));
        self.acked(seq).await;
    }

    /// It must write a checkpoint and stop; why.
    pub async fn interrupt(&mut self) -> (v1::Token, String) {
        match self.next().await {
            Hear::Interrupt(interrupt) => (interrupt.token.unwrap(), interrupt.reason),
            other => panic!("expected Interrupt, heard {other:?}"),
        }
    }

    pub async fn acked(&mut self, seq: u64) {
        let heard = self.next().await;
        assert_eq!(heard, Hear::Ack(v1::Ack { seq }));
    }

    /// The session ends without another word.
    pub async fn ended(mut self) {
        assert!(matches!(heard(self.from.message()).await, Ok(None) | Err(_)));
    }

    /// Has nothing more to say, and waits until the session is over.
    pub async fn leave(self) {
        let Self { to, mut from, .. } = self;
        drop(to);
        assert!(matches!(heard(from.message()).await, Ok(None) | Err(_)));
    }

    /// The connection is cut.
    pub fn cut(self) {
        drop(self.to);
    }
}

pub fn success(token: Option<v1::Token>, files: Vec<v1::File>) -> Say {
    let metrics_json = r#"{"accuracy":0.5}"#.to_owned();
    let point = v1::Point { name: "main".to_owned(), metrics_json, files };
    let end = v1::finished::End::Success(v1::Success { points: vec![point], artifacts: vec![] });
    Say::Finished(v1::Finished { token, end: Some(end), run_s: 1.0, ..Default::default() })
}

pub fn failure(token: Option<v1::Token>, class: &str) -> Say {
    let end = v1::finished::End::Failure(v1::Failure { class: class.to_owned(), message: "boom".to_owned() });
    Say::Finished(v1::Finished { token, end: Some(end), run_s: 1.0, ..Default::default() })
}

/// The processes are gone by a user's wish.
pub fn cancelled(token: Option<v1::Token>) -> Say {
    Say::Finished(v1::Finished {
        token,
        end: Some(v1::finished::End::Cancelled(true)),
        run_s: 1.0,
        ..Default::default()
    })
}

pub fn interrupted(token: Option<v1::Token>) -> Say {
    let end = v1::finished::End::Interrupted("drained".to_owned());
    Say::Finished(v1::Finished { token, end: Some(end), run_s: 1.0, ..Default::default() })
}

/// A plan of one command stage with as many jobs.
pub fn commands(jobs: usize) -> String {
    let axis: Vec<String> = (1..=jobs).map(|i| i.to_string()).collect();
    format!(
        "name: test\nstages:\n  work: {{ command: {{ run: [/bin/true] }}, matrix: {{ i: [{}] }} }}\n",
        axis.join(", ")
    )
}

/// Two stages, the second reading the first.
pub fn chain() -> String {
    "name: chain\nstages:\n  first: { command: { run: [/bin/true], outputs: [model.bin] } }\n  \
     second: { command: { run: [/bin/true], input: first } }\n"
        .to_owned()
}

/// Jobs that can go on from a checkpoint.
pub fn resumable(jobs: usize) -> String {
    commands(jobs).replace("run: [/bin/true]", "run: [/bin/true], protocol: events")
}
