//! What the agent is told at its start, and how it is told to stop.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sweep_shared::access::Secret;
use sweep_shared::labels::Labels;
use sweep_shared::pulse::Pulse;
use tokio_util::sync::CancellationToken;

/// Everything that an agent needs to know. [`Options::new`] fills in what most agents want.
#[derive(Debug, Clone)]
pub struct Options {
    /// The agent's own folder (by default `SWEEP_HOME/agent`), on a local disk. One agent at a time, enforced by a lock.
    pub home: PathBuf,
    /// Where attempts run and blobs are cached, on the fastest disk that this machine has; nothing here has to outlive the agent. `None`: in `home`.
    pub scratch: Option<PathBuf>,
    /// The coordinator: `https://desk:7433`, or `http://127.0.0.1:7433`.
    pub address: String,
    /// Sent with every call as `authorization: Bearer <token>`, where no TLS is spoken. Empty: no header.
    pub token: String,
    /// What the agent's first certificate is asked for with, where TLS is spoken. Not needed once there is one.
    pub join_token: Option<Secret>,
    /// Jobs at once: per GPU where there are GPUs, otherwise on the CPU. `None`: one.
    pub slots: Option<u32>,
    /// What plans may ask for by `where`.
    pub labels: Labels,
    /// Where runners keep data sets and decoded images.
    pub datasets: PathBuf,
    /// Where published weights are asked for instead of at their publishers': a base URL that file names are added to.
    pub weights_url: Option<String>,
    /// Bounds of the wait between two tries of such a download.
    pub download_backoff: (Duration, Duration),
    /// What the machine's owner allows (`SWEEP_HOME/agent.toml`); a file that is missing allows everything.
    pub rules: Option<PathBuf>,
    /// `sweep-runner`. `None`: looked up when first needed by [`find_runner`].
    pub runner: Option<PathBuf>,
    /// Beats while the agent's loop turns.
    pub pulse: Pulse,
    /// How often the devices are probed and reported.
    pub heartbeat: Duration,
    /// How long a runner may take from SIGTERM to its end (it writes a checkpoint) before it is killed.
    pub grace: Duration,
    /// How long a killed runner's processes may take to vanish before it is said that they hang in the kernel.
    pub stuck: Duration,
    /// How long a runner may at least say nothing before it counts as hung. Slow ones may for longer: see `Watchdog`.
    pub patience: Duration,
    /// Where the values of secrets are, each in a file of its name.
    pub secrets: PathBuf,
    /// Whether each attempt runs in a control group of its own, where the kernel lets the agent make some.
    pub cgroups: bool,
    /// What the blob cache may hold. Blobs of live attempts stay, whatever the bound.
    pub cache_bytes: u64,
    /// What is kept of one attempt's output.
    pub log_bytes: u64,
    /// Bounds of the wait between two tries to connect.
    pub backoff: (Duration, Duration),
    /// The agent leaves when it had nothing to do for so long. `None`: it stays.
    pub leave_when_idle: Option<Duration>,
}

impl Options {
    pub fn new(home: impl Into<PathBuf>, address: impl Into<String>, datasets: impl Into<PathBuf>) -> Self {
        let home = home.into();
        Self {
            secrets: home.join("secrets"),
            home,
            scratch: None,
            address: address.into(),
            token: String::new(),
            join_token: None,
            slots: None,
            labels: Labels::default(),
            datasets: datasets.into(),
            weights_url: None,
            download_backoff: (Duration::from_secs(1), Duration::from_secs(30)),
            rules: None,
            runner: None,
            pulse: Pulse::default(),
            heartbeat: Duration::from_secs(5),
            grace: Duration::from_mins(2),
            stuck: Duration::from_secs(30),
            patience: Duration::from_mins(10),
            cgroups: true,
            cache_bytes: 20 << 30,
            log_bytes: 16 << 20,
            backoff: (Duration::from_millis(100), Duration::from_secs(5)),
            leave_when_idle: None,
        }
    }

    /// See [`Options::scratch`].
    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.as_deref().unwrap_or(&self.home)
    }

    /// Where attempts have their folders.
    pub(crate) fn attempts(&self) -> PathBuf {
        self.scratch().join("attempts")
    }
}

/// The two-step stop: cheap to clone, given to [`Agent::run`](crate::Agent::run).
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    kill: CancellationToken,
}

impl Shutdown {
    pub fn new() -> Self {
        Self::default()
    }

    /// First step: runners write a checkpoint and stop, reports are delivered, the agent leaves.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Second step: runners are killed, what is unreported stays in the spool for the next start.
    pub fn kill(&self) {
        self.kill.cancel();
        self.drain.cancel();
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    pub(crate) async fn draining(&self) {
        self.drain.cancelled().await;
    }

    pub(crate) async fn killing(&self) {
        self.kill.cancelled().await;
    }
}

/// The name of the runner's binary.
pub const RUNNER: &str = "sweep-runner";

/// Finds `sweep-runner`: beside the running program, then on `PATH`, then `SWEEP_RUNNER`.
pub fn find_runner() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(|folder| folder.join(RUNNER)));
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join(RUNNER)).find(|file| is_executable(file))
    };
    let named = || std::env::var_os("SWEEP_RUNNER").map(PathBuf::from);
    beside.filter(|file| is_executable(file)).or_else(on_path).or_else(|| named().filter(|file| is_executable(file)))
}

/// A regular file that this user may execute.
pub(crate) fn is_executable(file: &Path) -> bool {
    file.is_file() && nix::unistd::access(file, nix::unistd::AccessFlags::X_OK).is_ok()
}
