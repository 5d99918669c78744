//! The coordinator as one service: start, address, stop.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use sweep_shared::access::Fingerprint;
use sweep_shared::ids::SweepId;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::api::Api;
use crate::app;
use crate::artifacts::{self, Artifacts, PlaceError};
use crate::board::Board;
use crate::clock::Clock;
use crate::dispatch::{DispatchHandle, Dispatcher};
use crate::home::{Home, HomeError, HomeLock};
use crate::logs::Logs;
use crate::net::{self, Door, Terms};
use crate::notices;
use crate::options::{Options, SHORTEST_LEASE};
use crate::results::Publisher;
use crate::store::notices::Leave;
use crate::store::{OpenError, Store, StoreError};
use crate::tidy::Tidy;
use crate::tls::{self, Authority, AuthorityError};
use crate::web::{SealError, Web};

/// Why a coordinator cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(
        "{0} is not a loopback address, and TLS is off: whoever can read that network would learn the tokens, and with one run any \
         program on every agent. Leave TLS on (--tls auto), or listen on 127.0.0.1"
    )]
    PlainOnNetwork(SocketAddr),
    #[error(
        "a lease of {lease:?} with a reconnect grace of {grace:?} cannot be: \
         a lease lasts at least {SHORTEST_LEASE:?}, and the grace no longer than the lease"
    )]
    Terms { lease: Duration, grace: Duration },
    #[error("{0:?} is neither an address nor a name that a certificate can bear")]
    Name(String),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error("cannot prepare TLS: {0:#}")]
    Tls(anyhow::Error),
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Artifacts(#[from] PlaceError),
    #[error("cannot read the database: {0}")]
    Read(#[from] StoreError),
}

/// Idle connections are tried this often, or more often where the lease is short; one that does not answer in time is dead. A
/// half-open connection, of which neither kernel knows, is so found within half the lease.
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long calls may take to end once the coordinator is told to stop.
const GOODBYE: Duration = Duration::from_secs(5);
/// How long notices may take before whoever is done with a coordinator stops it.
const TELLING: Duration = Duration::from_secs(20);

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
        let names = tls::names(&options.names, address);
        let with_tls = options.tls.holds(options.listen);
        let authority = with_tls.then(|| Authority::open(lock.home()).map(Arc::new)).transpose()?;
        let acceptor = authority.clone().map(|authority| tls::acceptor(authority, names.clone())).transpose();
        let acceptor = acceptor.map_err(StartError::Tls)?;
        let fingerprint = authority.as_ref().map(|authority| authority.fingerprint());

        let store = Store::open(&lock.home().database(), options.clock.clone(), &*options.luck).await?;
        store.set_rules(options.notices.rules.clone());
        if options.notices.stands {
            notices::arrive(&store).await;
        }
        let access = Access::open(store.clone(), options.clock.clone(), &token).await?;
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let ended = |name: &'static str| move |()| name;
        let artifacts = Artifacts::new(lock.home().clone(), options.max_blob_bytes);
        let artifacts =
            artifacts::place(artifacts, &options.artifacts, options.cache_bytes, &store, &*options.luck).await?;
        let (mut api, dispatcher) = assemble(&options, artifacts, store.clone(), stop.clone()).await?;
        let page = || url(&names, address, fingerprint.is_some());
        // Of a coordinator that goes with its one sweep nobody finds the page when the message has come.
        let page = || if options.submitted_only { String::new() } else { page() };
        api.notices.page = api.notices.settings.page.clone().unwrap_or_else(page);
        tasks.spawn(dispatcher.run(stop.clone()).map(ended("the dispatcher")));
        tasks.spawn(access.clone().follow(stop.clone()).map(ended("the book of who may come in")));
        in_background(&options, &api, &stop, &mut tasks);
        notices::start(&options, &api, &stop, &mut tasks);
        let dispatch = api.dispatch.clone();
        let web = Web::open(api.clone(), access.clone(), options.web)?;
        let app = app::router(api, access, authority, web, &options).await;
        let terms = Terms::new(KEEPALIVE.min(options.lease / 6), KEEPALIVE_TIMEOUT.min(options.lease / 3));
        let door = Door { tls: acceptor, app, terms };
        tasks.spawn(net::serve(listener, door, stop.clone()).map(ended("the server")));
        let (clock, stands, delivers) = (options.clock.clone(), options.notices.stands, options.notices.delivers);
        let running =
            Running { address, names, fingerprint, token, lock, store, dispatch, clock, stands, delivers, stop, tasks };
        running.lock.announce(running.local_url(), fingerprint)?;
        tracing::info!(%address, tls = fingerprint.is_some(), home = %options.home.display(), "the coordinator listens");
        Ok(running)
    }
}

fn check(options: &Options) -> Result<(), StartError> {
    if !options.listen.ip().is_loopback() && !options.tls.holds(options.listen) {
        return Err(StartError::PlainOnNetwork(options.listen));
    }
    if let Some(name) = options.names.iter().find(|name| !tls::is_name(name)) {
        return Err(StartError::Name(name.clone()));
    }
    let (lease, grace) = (options.lease, options.reconnect_grace);
    if lease < SHORTEST_LEASE || grace > lease {
        return Err(StartError::Terms { lease, grace });
    }
    Ok(())
}

/// What goes on without anybody asking.
fn in_background(options: &Options, api: &Api, stop: &CancellationToken, tasks: &mut JoinSet<&'static str>) {
    let ended = |name: &'static str| move |()| name;
    if let Some(depot) = api.artifacts.depot()
        && options.tidies
    {
        tasks.spawn(depot.clone().always(stop.clone()).map(ended("the keeper of artifacts")));
    }
    let publisher =
        Publisher { artifacts: api.artifacts.clone(), store: api.store.clone(), changes: api.store.watch() };
    tasks.spawn(publisher.run(stop.clone()).map(ended("the publisher")));
    let tidy = Tidy {
        home: api.home.clone(),
        store: api.store.clone(),
        artifacts: api.artifacts.clone(),
        logs: api.logs.clone(),
        board: api.board.clone(),
        retention: options.tidies.then_some(options.retention),
        clock: options.clock.clone(),
    };
    tasks.spawn(tidy.always(stop.clone()).map(ended("the collector")));
}

/// What a coordinator is made of, before anything runs: all that is done with the database at a start is done here.
pub(crate) async fn assemble(
    options: &Options,
    artifacts: Artifacts,
    store: Store,
    stop: CancellationToken,
) -> Result<(Api, Dispatcher), StoreError> {
    let home = artifacts.home().clone();
    // What a bucket has is not known before it answers.
    let is_gone = |hash: &_| artifacts.depot().is_none() && !artifacts.has(hash);
    match store.drop_broken_checkpoints(|hash| !is_gone(hash)).await {
        Ok(0) => {}
        Ok(dropped) => tracing::warn!(dropped, "checkpoints whose files are gone are forgotten"),
        // Agents find out by themselves, and take the checkpoint before.
        Err(error) => tracing::warn!(%error, "checkpoints could not be looked through"),
    }
    let (board, logs) = (Board::new(), Logs::new(home.clone()));
    let (dispatcher, dispatch) =
        Dispatcher::new(store.clone(), artifacts.clone(), (board.clone(), logs.clone()), options).await?;
    let clock = options.clock.clone();
    let (retention, notices) = (options.retention, options.notices.desk());
    let (tables, flows) = Default::default();
    let api = Api { home, store, board, logs, artifacts, dispatch, clock, retention, notices, tables, flows, stop };
    Ok((api, dispatcher))
}

/// For clients on this machine.
fn local_url(address: SocketAddr, tls: bool) -> String {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    format!("{}://{}", scheme(tls), SocketAddr::new(ip, address.port()))
}

/// For clients anywhere.
fn url(names: &[String], address: SocketAddr, tls: bool) -> String {
    if address.ip().is_loopback() {
        return local_url(address, tls);
    }
    let name = names.first().map_or("localhost", String::as_str);
    let name = if name.contains(':') { format!("[{name}]") } else { name.to_owned() };
    format!("{}://{name}:{}", scheme(tls), address.port())
}

fn scheme(tls: bool) -> &'static str {
    if tls { "https" } else { "http" }
}

/// A coordinator at work. Dropped without [`Running::shutdown`], it ends as after a crash: nothing acknowledged is lost.
pub struct Running {
    address: SocketAddr,
    /// By which others may call the host, the best first.
    names: Vec<String>,
    fingerprint: Option<Fingerprint>,
    token: String,
    lock: HomeLock,
    store: Store,
    dispatch: DispatchHandle,
    clock: Arc<dyn Clock>,
    stands: bool,
    delivers: bool,
    stop: CancellationToken,
    tasks: JoinSet<&'static str>,
}

impl Running {
    /// Where it listens; the true port where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// For clients on this machine: `http://127.0.0.1:7433`.
    pub fn local_url(&self) -> String {
        local_url(self.address, self.fingerprint.is_some())
    }

    /// For clients anywhere, as far as this machine knows: `https://gpu-1:7433`.
    pub fn url(&self) -> String {
        url(&self.names, self.address, self.fingerprint.is_some())
    }

    /// What clients pin; `None`: there is no TLS.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.fingerprint
    }

    /// The home's own token, for callers on this machine: `authorization: Bearer <token>`.
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

    /// Waits until the notices of what has happened so far have been tried once, for a moment at most.
    pub async fn tell_all(&self) {
        if self.delivers {
            notices::post::settled(&self.store, &*self.clock, TELLING).await;
        }
    }

    /// Ends open streams, finishes what was begun, and gives the home back. Agents keep their runners and reconnect later.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GOODBYE, all).await.is_err() {
            tracing::warn!("some calls did not end in time");
            self.tasks.shutdown().await;
        }
        if self.stands
            && let Err(error) = self.store.write(Leave).await
        {
            tracing::warn!(%error, "the coordinator's end cannot be noted; the next start will say that it died");
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
