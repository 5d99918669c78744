//! A coordinator that does what the test says, over real gRPC on loopback, and an agent that talks to it.

// Each test binary uses its part of this.
#![allow(dead_code, reason = "each test file uses its own part")]

mod blobs;

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use futures_util::Stream;
use sweep_shared::event::FileRef;
use sweep_shared::ids::{ContentHash, JobId, Token};
use sweep_shared::spec::{CommandSpec, JobSpec, PlanFile, Protocol, StageKind};
use sweep_shared::wire::v1::{self, agent_message, coordinator_message};
use sweep_worker::{Agent, AgentError, Options, Shutdown};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{TcpListenerStream, UnboundedReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

pub use blobs::Blobs;

type ToAgent = mpsc::UnboundedSender<Result<v1::CoordinatorMessage, Status>>;

/// One session as the test sees it.
pub struct Session {
    pub hello: v1::Hello,
    /// What Welcome says of the coordinator's copies of logs.
    pub logs: Vec<v1::LogLength>,
    from_agent: mpsc::UnboundedReceiver<v1::AgentMessage>,
    to_agent: ToAgent,
}

pub const TOKEN: &str = "secret";

#[derive(Clone)]
struct Agents {
    sessions: mpsc::UnboundedSender<(mpsc::UnboundedReceiver<v1::AgentMessage>, ToAgent)>,
}

#[tonic::async_trait]
impl v1::agents_server::Agents for Agents {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<v1::CoordinatorMessage, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<v1::AgentMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        if request.metadata().get("authorization").map(|value| value.as_bytes()) != Some(b"Bearer secret") {
            return Err(Status::unauthenticated("the token is wrong"));
        }
        let (to_agent, outgoing) = mpsc::unbounded_channel();
        let (from_agent, incoming) = mpsc::unbounded_channel();
        self.sessions.send((incoming, to_agent)).map_err(|_| Status::unavailable("the test is over"))?;
        let mut messages = request.into_inner();
        tokio::spawn(async move {
            while let Ok(Some(message)) = messages.message().await
                && from_agent.send(message).is_ok()
            {}
        });
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(outgoing))))
    }
}

/// A coordinator and where its sessions arrive.
pub struct Coordinator {
    pub address: SocketAddr,
    pub blobs: Blobs,
    sessions: mpsc::UnboundedReceiver<(mpsc::UnboundedReceiver<v1::AgentMessage>, ToAgent)>,
    stop: CancellationToken,
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Coordinator {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, sessions) = mpsc::unbounded_channel();
        let blobs = Blobs::default();
        let stop = CancellationToken::new();
        let server = tonic::transport::Server::builder()
            .add_service(v1::agents_server::AgentsServer::new(Agents { sessions: sender }))
            .add_service(v1::artifacts_server::ArtifactsServer::new(blobs.clone()));
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(async move {
            tokio::select! {
                served = server.serve_with_incoming(TcpListenerStream::new(listener)) => served.unwrap(),
                () = stopped => {}
            }
        });
        Self { address, blobs, sessions, stop }
    }

    /// The next session, up to its Hello.
    pub async fn session(&mut self) -> Session {
        loop {
            let (mut from_agent, to_agent) = self.sessions.recv().await.unwrap();
            // A session that broke before its Hello is followed by another.
            if let Some(v1::AgentMessage { body: Some(agent_message::Body::Hello(hello)), .. }) =
                from_agent.recv().await
            {
                return Session { hello, logs: Vec::new(), from_agent, to_agent };
            }
        }
    }

    /// The next session, welcomed with nothing to keep.
    pub async fn welcomed(&mut self) -> Session {
        let session = self.session().await;
        session.welcome(0, &[]);
        session
    }
}

impl Session {
    pub fn say(&self, body: coordinator_message::Body) {
        self.to_agent.send(Ok(v1::CoordinatorMessage { body: Some(body) })).unwrap();
    }

    pub fn welcome(&self, acked_seq: u64, keep: &[Token]) {
        self.welcome_to("g", acked_seq, keep);
    }

    pub fn welcome_to(&self, generation: &str, acked_seq: u64, keep: &[Token]) {
        let keep = keep.iter().map(|token| (*token).into()).collect();
        let generation = generation.to_owned();
        let logs = self.logs.clone();
        let lease_ms = 60_000;
        self.say(coordinator_message::Body::Welcome(v1::Welcome { generation, acked_seq, keep, lease_ms, logs }));
    }

    pub fn assign(&self, assign: v1::Assign) {
        self.say(coordinator_message::Body::Assign(assign));
    }

    pub fn cancel(&self, job: i64) {
        self.say(coordinator_message::Body::Cancel(v1::Cancel { token: Some(token(job).into()) }));
    }

    pub fn interrupt(&self, job: i64, reason: &str) {
        let (token, reason) = (Some(token(job).into()), reason.to_owned());
        self.say(coordinator_message::Body::Interrupt(v1::Interrupt { token, reason }));
    }

    pub fn ack(&self, seq: u64) {
        self.say(coordinator_message::Body::Ack(v1::Ack { seq }));
    }

    /// The next message but heartbeats.
    pub async fn hear(&mut self) -> (u64, agent_message::Body) {
        loop {
            let message = self.from_agent.recv().await.expect("the session ended");
            match message.body.unwrap() {
                agent_message::Body::Heartbeat(_) => {}
                body => return (message.seq, body),
            }
        }
    }

    /// The next Finished, and all that was said before it.
    pub async fn hear_finished(&mut self) -> (u64, v1::Finished, Vec<agent_message::Body>) {
        let mut before = Vec::new();
        loop {
            match self.hear().await {
                (seq, agent_message::Body::Finished(finished)) => return (seq, finished, before),
                (_, body) => before.push(body),
            }
        }
    }

    /// Until the agent has closed its side.
    pub async fn until_closed(mut self) {
        drop(self.to_agent);
        while self.from_agent.recv().await.is_some() {}
    }
}

/// An agent in a folder that vanishes with the test.
pub struct Running {
    pub home: tempfile::TempDir,
    pub shutdown: Shutdown,
    pub end: JoinHandle<Result<(), AgentError>>,
}

pub fn options(home: &std::path::Path, coordinator: &Coordinator) -> Options {
    let mut options =
        Options::new(home.join("agent"), format!("http://{}", coordinator.address), home.join("datasets"));
    TOKEN.clone_into(&mut options.token);
    options.slots = Some(2);
    options.backoff = (Duration::from_millis(1), Duration::from_millis(20));
    options
}

impl Running {
    pub fn start(coordinator: &Coordinator) -> Self {
        Self::start_with(coordinator, |_| {})
    }

    pub fn start_with(coordinator: &Coordinator, change: impl FnOnce(&mut Options)) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), coordinator, change)
    }

    pub fn start_in(home: tempfile::TempDir, coordinator: &Coordinator, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = options(home.path(), coordinator);
        change(&mut options);
        let shutdown = Shutdown::new();
        let end = tokio::spawn(Agent::new(options).unwrap().run(shutdown.clone()));
        Self { home, shutdown, end }
    }

    /// As a crash leaves it: nothing is said, the folder stays.
    pub async fn crash(self) -> tempfile::TempDir {
        self.shutdown.kill();
        self.end.await.unwrap().unwrap();
        self.home
    }
}

pub fn token(job: i64) -> Token {
    Token { job: JobId(job), attempt: 1, lease: 42 }
}

pub fn command(run: &[&str]) -> CommandSpec {
    CommandSpec {
        run: run.iter().map(|&arg| arg.to_owned()).collect(),
        protocol: Protocol::Exit,
        outputs: vec![],
        files: vec![],
        matrix: Default::default(),
        reuse: false,
        env: Default::default(),
        secrets: vec![],
    }
}

pub fn shell(script: &str) -> CommandSpec {
    command(&["sh", "-c", script])
}

pub fn assign(job: i64, command: CommandSpec) -> v1::Assign {
    let spec =
        JobSpec { stage: "s".to_owned(), seed: 7, data: None, kind: StageKind::Command(command), inputs: vec![] };
    v1::Assign {
        token: Some(token(job).into()),
        spec_json: sweep_shared::wire::to_json(&spec),
        device: "cpu".to_owned(),
        ..v1::Assign::default()
    }
}

/// A shell script that speaks the runner protocol: `say EVENT`.
pub fn speaking(script: &str) -> CommandSpec {
    let mut job = shell(&format!("say() {{ echo \"$1\" >&3; }}; {script}"));
    job.protocol = Protocol::Events;
    job
}

/// The event that a file is a checkpoint.
pub fn checkpoint_event(epoch: u32, file: &str) -> String {
    format!(r#"{{"event":"checkpoint","epoch":{epoch},"step":{epoch},"files":[{{"name":"state","path":"{file}"}}]}}"#)
}

pub fn file(name: &str, hash: &ContentHash) -> PlanFile {
    PlanFile { name: name.to_owned(), hash: hash.clone() }
}

pub fn blob(name: &str, hash: &ContentHash, bytes: &[u8]) -> v1::File {
    (&FileRef { name: name.to_owned(), path: String::new(), hash: Some(hash.clone()), size_bytes: bytes.len() as u64 })
        .into()
}

/// A fifo in the folder: whoever reads it waits until somebody has written.
pub fn fifo(folder: &std::path::Path, name: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    path
}

pub async fn read(path: &std::path::Path) -> String {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || std::fs::read_to_string(path).unwrap()).await.unwrap()
}

pub async fn write(path: &std::path::Path, text: &'static str) {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || std::fs::write(path, text).unwrap()).await.unwrap();
}
