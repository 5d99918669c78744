//! A coordinator with TLS, its administrator, and agents.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sweep_coordinator::{Clock, Coordinator, Options, Running, SystemClock, Tls};
use sweep_link::{Address, Bearer, Channel, Link, Times, Trust};
use sweep_shared::access::Secret;
use sweep_shared::wire::v1;
use sweep_tests::PATIENCE;
use sweep_worker::{Agent, AgentError, Shutdown};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tonic::Streaming;
use tonic::service::interceptor::InterceptedService;
use v1::access_client::AccessClient;
use v1::sweeps_client::SweepsClient;

pub type Service = InterceptedService<Channel, Bearer>;

pub struct Site {
    pub running: Running,
    pub access: AccessClient<Service>,
    pub sweeps: SweepsClient<Service>,
    /// The audit log, from the beginning.
    events: Streaming<v1::EventRow>,
    _folder: TempDir,
}

/// A clock that is slow by so much.
struct Slow(SystemClock, Duration);

impl Clock for Slow {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn unix_ms(&self) -> i64 {
        self.0.unix_ms() - self.1.as_millis() as i64
    }
}

impl Site {
    pub async fn new() -> Self {
        Self::slow(Duration::ZERO).await
    }

    /// Whose clock is slow.
    pub async fn slow(by: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(Slow(SystemClock::new(), by));
        let running = Coordinator::start(Options { tls: Tls::On, clock, ..Options::ephemeral(folder.path()) }).await;
        let running = running.unwrap();
        let trust = Trust::Fingerprint(running.fingerprint().expect("it speaks TLS"));
        let link = Link::new(address(&running), trust, Times::USER).unwrap();
        let (channel, bearer) = (link.connect().await.unwrap(), Bearer::new(running.token()).unwrap());
        let access = AccessClient::with_interceptor(channel.clone(), bearer.clone());
        let mut sweeps = SweepsClient::with_interceptor(channel, bearer);
        let asked = v1::EventsRequest { limit: 1000, follow: true, ..Default::default() };
        let events = sweeps.events(asked).await.unwrap().into_inner();
        Self { running, access, sweeps, events, _folder: folder }
    }

    pub fn url(&self) -> String {
        self.running.local_url()
    }

    /// A token for one agent.
    pub async fn invite(&mut self) -> Secret {
        let request = v1::CreateTokenRequest { kind: "join".to_owned(), uses: 1, ..Default::default() };
        self.access.create_token(request).await.unwrap().into_inner().token.parse().unwrap()
    }

    /// Waits until the audit log has told of all these, in whatever order.
    pub async fn hears_all(&mut self, what: &[&str]) {
        let mut left = what.to_vec();
        let wait = async {
            while !left.is_empty() {
                let row = self.events.message().await.unwrap().expect("it is followed");
                left.retain(|what| *what != row.what);
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("not all events: {what:?}"));
    }

    /// Waits until the audit log tells of this, and says what it tells.
    pub async fn hears(&mut self, what: &str) -> v1::EventRow {
        let wait = async {
            loop {
                let row = self.events.message().await.unwrap().expect("it is followed");
                if row.what == what {
                    return row;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("no event {what}"))
    }

    pub async fn agents(&mut self) -> Vec<v1::AgentStatus> {
        self.sweeps.list_agents(v1::ListRequest { limit: 0 }).await.unwrap().into_inner().agents
    }
}

fn address(running: &Running) -> Address {
    running.local_url().parse().unwrap()
}

/// A folder for an agent, over its starts.
pub struct Machine(TempDir);

/// An agent that runs.
pub struct Started {
    pub shutdown: Shutdown,
    end: JoinHandle<Result<(), AgentError>>,
}

impl Machine {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn tls(&self, name: &str) -> PathBuf {
        self.0.path().join("agent/tls").join(name)
    }

    pub fn start(&self, url: &str, token: Option<Secret>) -> Started {
        let (home, datasets) = (self.0.path().join("agent"), self.0.path().join("datasets"));
        let mut options = sweep_worker::Options::new(home, url, datasets);
        options.join_token = token;
        options.backoff = (Duration::from_millis(1), Duration::from_millis(20));
        let shutdown = Shutdown::new();
        let end = tokio::spawn(Agent::new(options).unwrap().run(shutdown.clone()));
        Started { shutdown, end }
    }

    /// An agent that is not let in.
    pub async fn refused(&self, url: &str, token: Option<Secret>) -> AgentError {
        self.start(url, token).ended().await.expect_err("it is refused")
    }
}

impl Started {
    pub async fn ended(self) -> Result<(), AgentError> {
        tokio::time::timeout(PATIENCE, self.end).await.expect("it ends").expect("it does not panic")
    }

    /// Leaves in good order.
    pub async fn leaves(self) {
        self.shutdown.drain();
        self.ended().await.unwrap();
    }
}
