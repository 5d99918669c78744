//! The coordinator as one service: start, address, stop.

use std::net::SocketAddr;
use std::time::Duration;

use sweep_shared::ids::SweepId;
use sweep_shared::wire::{DESCRIPTOR, MAX_MESSAGE_BYTES, v1};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::service::InterceptorLayer;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::api::Api;
use crate::api::auth::Auth;
use crate::api::banner::banner;
use crate::artifacts::{ArtifactService, Artifacts};
use crate::board::Board;
use crate::dispatch::{AgentService, DispatchHandle, Dispatcher};
use crate::home::{Home, HomeError, HomeLock};
use crate::logs::Logs;
use crate::options::{Options, SHORTEST_LEASE};
use crate::results::Publisher;
use crate::store::{OpenError, Store, StoreError};
use crate::tidy::Tidy;

/// Why a coordinator cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(
        "{0} is not a loopback address; this version has no TLS yet and listens on loopback only (127.0.0.1, [::1])"
    )]
    NotLoopback(SocketAddr),
    #[error(
        "a lease of {lease:?} with a reconnect grace of {grace:?} cannot be: \
         a lease lasts at least {SHORTEST_LEASE:?}, and the grace no longer than the lease"
    )]
    Terms { lease: Duration, grace: Duration },
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("cannot read the database: {0}")]
    Read(#[from] StoreError),
}

/// Idle connections are tried this often, or more often where the lease is short; one that does not answer in time is dead. A
/// half-open connection, of which neither kernel knows, is so found within half the lease.
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes in flight of one upload, and of one connection.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// How long calls may take to end once the coordinator is told to stop.
const GOODBYE: Duration = Duration::from_secs(5);

/// Entry point.
pub struct Coordinator;

impl Coordinator {
    /// Takes the home, opens (or makes, or migrates) its database, listens, and serves until [`Running::shutdown`].
    pub async fn start(options: Options) -> Result<Running, StartError> {
        check(&options)?;
        let lock = Home::new(&options.home).lock()?;
        let token = lock.token()?;
        let listen = |source| StartError::Listen { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let store = Store::open(&lock.home().database(), options.clock.clone(), &*options.luck).await?;
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let parts = Parts::assemble(&options, lock.home().clone(), store.clone(), &stop, &mut tasks).await?;
        let dispatch = parts.api.dispatch.clone();
        serve(parts, &token, listener, options.lease, &stop, &mut tasks);
        lock.announce(address)?;
        tracing::info!(%address, home = %options.home.display(), "the coordinator listens");
        Ok(Running { address, token, lock, store, dispatch, stop, tasks })
    }
}

fn check(options: &Options) -> Result<(), StartError> {
    if !options.listen.ip().is_loopback() && !options.insecure {
        return Err(StartError::NotLoopback(options.listen));
    }
    let (lease, grace) = (options.lease, options.reconnect_grace);
    if lease < SHORTEST_LEASE || grace > lease {
        return Err(StartError::Terms { lease, grace });
    }
    Ok(())
}

/// The services.
struct Parts {
    api: Api,
    agents: AgentService,
    artifacts: ArtifactService,
}

impl Parts {
    /// Starts what runs in the background, and makes what answers calls.
    async fn assemble(
        options: &Options,
        home: Home,
        store: Store,
        stop: &CancellationToken,
        tasks: &mut JoinSet<&'static str>,
    ) -> Result<Self, StoreError> {
        let (api, dispatcher) = assemble(options, home.clone(), store.clone(), stop.clone()).await?;
        let artifacts = api.artifacts.clone();
        let ended = |name: &'static str| move |()| name;
        use futures_util::FutureExt as _;
        tasks.spawn(dispatcher.run(stop.clone()).map(ended("the dispatcher")));
        let publisher = Publisher { home: home.clone(), store: store.clone(), changes: store.watch() };
        tasks.spawn(publisher.run(stop.clone()).map(ended("the publisher")));
        let tidy = Tidy {
            home,
            store,
            artifacts: artifacts.clone(),
            logs: api.logs.clone(),
            board: api.board.clone(),
            retention: options.tidies.then_some(options.retention),
            clock: options.clock.clone(),
        };
        tasks.spawn(tidy.always(stop.clone()).map(ended("the collector")));
        let agents = AgentService::new(api.dispatch.clone(), api.board.clone(), api.logs.clone());
        Ok(Self { api, agents, artifacts: ArtifactService::new(artifacts) })
    }
}

/// What a coordinator is made of, before anything runs: all that is done with the database at a start is done here.
pub(crate) async fn assemble(
    options: &Options,
    home: Home,
    store: Store,
    stop: CancellationToken,
) -> Result<(Api, Dispatcher), StoreError> {
    let artifacts = Artifacts::new(home.clone(), options.max_blob_bytes);
    match store.drop_broken_checkpoints(|hash| artifacts.has(hash)).await {
        Ok(0) => {}
        Ok(dropped) => tracing::warn!(dropped, "checkpoints whose files are gone are forgotten"),
        // Agents find out by themselves, and take the checkpoint before.
        Err(error) => tracing::warn!(%error, "checkpoints could not be looked through"),
    }
    let (board, logs) = (Board::new(), Logs::new(home.clone()));
    let (dispatcher, dispatch) =
        Dispatcher::new(store.clone(), artifacts.clone(), (board.clone(), logs.clone()), options).await?;
    let clock = options.clock.clone();
    let retention = options.retention;
    Ok((Api { home, store, board, logs, artifacts, dispatch, clock, retention, stop }, dispatcher))
}

fn serve(
    parts: Parts,
    token: &str,
    listener: TcpListener,
    lease: Duration,
    stop: &CancellationToken,
    tasks: &mut JoinSet<&'static str>,
) {
    let banner = banner(parts.api.store.clone());
    let sweeps = v1::sweeps_server::SweepsServer::new(parts.api)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let agents = v1::agents_server::AgentsServer::new(parts.agents)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let artifacts = v1::artifacts_server::ArtifactsServer::new(parts.artifacts);
    let (reporter, health) = tonic_health::server::health_reporter();
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTOR)
        .build_v1()
        .expect("the descriptor is built with this program");
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let stop = stop.clone();
    let server = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE.min(lease / 6)))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT.min(lease / 3)))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .layer(InterceptorLayer::new(Auth::new(token)))
        .layer(banner)
        .add_service(sweeps)
        .add_service(agents)
        .add_service(artifacts)
        .add_service(health)
        .add_service(reflection);
    tasks.spawn(async move {
        reporter.set_serving::<v1::sweeps_server::SweepsServer<Api>>().await;
        let ended = server.serve_with_incoming_shutdown(incoming, stop.cancelled_owned()).await;
        if let Err(error) = ended {
            tracing::error!(%error, "the server failed");
        }
        "the server"
    });
}

/// A coordinator at work. Dropped without [`Running::shutdown`], it ends as after a crash: nothing acknowledged is lost.
pub struct Running {
    address: SocketAddr,
    token: String,
    lock: HomeLock,
    store: Store,
    dispatch: DispatchHandle,
    stop: CancellationToken,
    tasks: JoinSet<&'static str>,
}

impl Running {
    /// Where it listens; the true port where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// For clients: `http://127.0.0.1:7433`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What every call must carry as `authorization: Bearer <token>`.
    pub fn token(&self) -> &str {
        &self.token
    }

    pub fn home(&self) -> &Home {
        self.lock.home()
    }

    /// Hands out this sweep's jobs, too; for a coordinator of [`Options::submitted_only`] that takes over from another.
    pub async fn serve(&self, sweep: SweepId) {
        self.dispatch.serve(sweep).await;
    }

    /// Makes the coordinator look at its clock at once, for those who set a clock of their own.
    pub async fn poke(&self) {
        self.dispatch.poke().await;
    }

    /// Ends open streams, finishes what was begun, and gives the home back. Agents keep their runners and reconnect later.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GOODBYE, all).await.is_err() {
            tracing::warn!("some calls did not end in time");
            self.tasks.shutdown().await;
        }
        self.store.close().await;
        tracing::info!("the coordinator has stopped");
    }

    /// Returns when a part of the coordinator has ended by itself, which only a failure can cause.
    pub async fn failed(&mut self) -> anyhow::Error {
        match self.tasks.join_next().await {
            Some(Ok(part)) => anyhow::anyhow!("{part} has ended"),
            Some(Err(error)) => anyhow::anyhow!("a part of the coordinator crashed: {error}"),
            None => anyhow::anyhow!("the coordinator has ended"),
        }
    }
}
