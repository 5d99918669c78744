//! What a coordinator is told at its start.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sweep_shared::pulse::Pulse;
use sweep_shared::states::FailureClass;

use crate::artifacts::ArtifactsIn;
use crate::clock::{Clock, SystemClock};
use crate::luck::{Luck, SystemLuck};
use crate::notices;
use crate::retention::Retention;
use crate::web;

/// The one port for everything.
pub const DEFAULT_PORT: u16 = 7433;
/// With less, a busy host's delays would look like silence.
pub const SHORTEST_LEASE: Duration = Duration::from_secs(5);

/// Everything that a coordinator needs to know. [`Options::new`] fills in what most want.
#[derive(Clone)]
pub struct Options {
    /// SWEEP_HOME, on a local disk. One coordinator at a time, enforced by a lock.
    pub home: PathBuf,
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    pub tls: Tls,
    /// Names and addresses of this host, besides those it knows of itself, that browsers may call it by.
    pub names: Vec<String>,
    /// Days that an agent's certificate counts; it renews it after two thirds of them.
    pub certificate_days: u32,
    /// How long an agent may be silent before its attempts may be given to others; at least [`SHORTEST_LEASE`]. How often
    /// agents and connections are looked at follows from it.
    pub lease: Duration,
    /// The same for an agent whose connection was closed, and after the coordinator's own start. At most the lease.
    pub reconnect_grace: Duration,
    /// When a failed job is tried again.
    pub backoff: Backoff,
    /// The largest artifact that is accepted.
    pub max_blob_bytes: u64,
    /// Where artifacts are kept.
    pub artifacts: ArtifactsIn,
    /// How much of them the home may hold, where they are kept elsewhere.
    pub cache_bytes: u64,
    /// Ordinary work goes before jobs that need a whole host, but not for longer than this.
    pub exclusive_patience: Duration,
    /// Hand out jobs of those sweeps only that are submitted to this very process. What earlier ones left stays as it is.
    pub submitted_only: bool,
    /// What is kept of work that is over.
    pub retention: Retention,
    /// Let go of the rest now and then, without being asked to.
    pub tidies: bool,
    /// Who is told of what, and how.
    pub notices: notices::Setup,
    /// How long sessions of the page last, and the like.
    pub web: web::Settings,
    /// Beats while work is handed out.
    pub pulse: Pulse,
    pub clock: Arc<dyn Clock>,
    pub luck: Arc<dyn Luck>,
}

impl Options {
    /// Loopback, the default port.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self {
            home: home.into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)),
            tls: Tls::Auto,
            names: Vec::new(),
            certificate_days: 30,
            lease: Duration::from_mins(1),
            reconnect_grace: Duration::from_secs(15),
            backoff: Backoff::default(),
            max_blob_bytes: 16 << 30,
            artifacts: ArtifactsIn::Unsaid,
            cache_bytes: 10 << 30,
            exclusive_patience: Duration::from_mins(10),
            submitted_only: false,
            retention: Retention::default(),
            tidies: false,
            notices: notices::Setup::default(),
            web: web::Settings::default(),
            pulse: Pulse::default(),
            clock: Arc::new(SystemClock::new()),
            luck: Arc::new(SystemLuck),
        }
    }

    /// Loopback, any free port.
    pub fn ephemeral(home: impl Into<PathBuf>) -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), ..Self::new(home) }
    }
}

/// Whether connections are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tls {
    /// On every address but loopback.
    #[default]
    Auto,
    On,
    /// Refused on any other address than loopback.
    Off,
}

impl Tls {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::On => "on",
            Self::Off => "off",
        }
    }

    pub(crate) fn holds(self, listen: SocketAddr) -> bool {
        match self {
            Self::Auto => !listen.ip().is_loopback(),
            Self::On => true,
            Self::Off => false,
        }
    }
}

impl std::str::FromStr for Tls {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Auto, Self::On, Self::Off];
        all.into_iter().find(|tls| tls.as_str() == text).ok_or_else(|| format!("{text:?} is not one of auto, on, off"))
    }
}

/// When a failed job is tried again. Exponential, with jitter: the wait before the n-th retry lies within ± `jitter` of
/// `first` · 2ⁿ⁻¹, at most `longest`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    pub first: Duration,
    /// Where the disk was full: somebody has to make room.
    pub first_disk_full: Duration,
    pub longest: Duration,
    /// In 0..1.
    pub jitter: f64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            first_disk_full: Duration::from_mins(1),
            longest: Duration::from_mins(5),
            jitter: 0.2,
        }
    }
}

impl Backoff {
    /// No waits at all, for tests.
    pub const NONE: Self =
        Self { first: Duration::ZERO, first_disk_full: Duration::ZERO, longest: Duration::ZERO, jitter: 0.0 };

    /// The wait after `failures` failures, the last of this class; `luck` is a random number in 0..1. `None`: trying again
    /// would end alike.
    pub fn wait(&self, class: FailureClass, failures: u32, luck: f64) -> Option<Duration> {
        let first = match class {
            FailureClass::BadInput | FailureClass::Diverged | FailureClass::TimedOut => return None,
            FailureClass::DiskFull => self.first_disk_full,
            FailureClass::OutOfMemory | FailureClass::DeviceError | FailureClass::Lost | FailureClass::Internal => {
                self.first
            }
        };
        let doubled = first.as_secs_f64() * 2f64.powi(failures.saturating_sub(1).min(30) as i32);
        let spread = 1.0 + self.jitter * (2.0 * luck.clamp(0.0, 1.0) - 1.0);
        Some(Duration::from_secs_f64((doubled * spread).min(self.longest.as_secs_f64()).max(0.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_stays_within_its_jitter_and_is_bounded() {
        let backoff = Backoff::default();
        let wait = |failures, luck| backoff.wait(FailureClass::Internal, failures, luck).unwrap();
        assert_eq!(wait(1, 0.5), Duration::from_secs(1));
        assert_eq!(wait(4, 0.5), Duration::from_secs(8));
        assert_eq!(wait(1, 0.0), Duration::from_millis(800));
        assert_eq!(wait(1, 1.0), Duration::from_millis(1200));
        assert_eq!(wait(1000, 1.0), Duration::from_mins(5));
    }

    #[test]
    fn each_class_waits_as_long_as_its_cause_may_last() {
        let wait = |class| Backoff::default().wait(class, 1, 0.5);
        assert_eq!(wait(FailureClass::DiskFull), Some(Duration::from_mins(1)));
        assert_eq!(wait(FailureClass::OutOfMemory), Some(Duration::from_secs(1)));
        for class in FailureClass::ALL {
            assert_eq!(wait(*class).is_some(), class.is_retryable(), "{class}");
        }
    }
}
