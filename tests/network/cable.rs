//! The cable between the hosts: a thread that carries packets from one TUN device to another, as a good or a bad network would.
//!
//! `tc netem` could delay and lose packets, but it is a kernel module that many kernels lack, it cannot easily be told to cut one
//! direction only, and it does not count. Everything above the packets is real: both kernels' TCP, and HTTP/2 over it.

mod relay;

use std::collections::HashMap;
use std::fs::File;
use std::io::{PipeWriter, Write};
use std::net::Ipv4Addr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sweep_tests::PATIENCE;

/// What happens to packets on their way in one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Weather {
    /// Nothing arrives.
    pub cut: bool,
    /// Each packet takes this long, and up to `jitter` longer; none overtakes another.
    pub delay: Duration,
    pub jitter: Duration,
    /// Of so many packets in a row one is lost, a random one, so that no line of this weather is good by luck. 0: none is lost.
    pub lost_one_in: u32,
}

impl Weather {
    pub const FINE: Self = Self { cut: false, delay: Duration::ZERO, jitter: Duration::ZERO, lost_one_in: 0 };
    pub const CUT: Self = Self { cut: true, ..Self::FINE };
}

/// From one host to another.
pub type Direction = (Ipv4Addr, Ipv4Addr);

/// One direction of the cable.
#[derive(Debug, Clone, Copy, Default)]
pub struct Link {
    weather: Weather,
    /// Cut both directions when this many bytes have arrived.
    cut_at_bytes: Option<u64>,
    pub arrived_packets: u64,
    pub arrived_bytes: u64,
    /// Lost, or sent into a cut cable.
    pub swallowed_packets: u64,
}

#[derive(Default)]
struct State {
    ports: HashMap<Ipv4Addr, Arc<File>>,
    links: HashMap<Direction, Link>,
    ended: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Who waits in vain panics holding it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hosts are plugged into it by their addresses. Dropping it ends its thread.
pub struct Cable {
    shared: Arc<Shared>,
    waker: PipeWriter,
    relay: Option<JoinHandle<()>>,
}

impl Cable {
    pub fn new() -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (woken, waker) = std::io::pipe()?;
        let relay = relay::start(Arc::clone(&shared), woken);
        Ok(Self { shared, waker, relay: Some(relay) })
    }

    /// Connects a host; another one with that address is no longer connected.
    pub fn plug(&self, address: Ipv4Addr, tun: Arc<File>) {
        self.shared.lock().ports.insert(address, tun);
        self.wake();
    }

    pub fn unplug(&self, address: Ipv4Addr) {
        self.shared.lock().ports.remove(&address);
        self.wake();
    }

    /// One direction.
    pub fn one_way(&self, from: Ipv4Addr, to: Ipv4Addr, weather: Weather) {
        self.shared.lock().links.entry((from, to)).or_default().weather = weather;
    }

    /// Both directions.
    pub fn between(&self, one: Ipv4Addr, other: Ipv4Addr, weather: Weather) {
        self.one_way(one, other, weather);
        self.one_way(other, one, weather);
    }

    /// Cuts both directions as soon as so many more bytes have gone this way.
    pub fn cut_after(&self, from: Ipv4Addr, to: Ipv4Addr, bytes: u64) {
        let mut state = self.shared.lock();
        let link = state.links.entry((from, to)).or_default();
        link.cut_at_bytes = Some(link.arrived_bytes + bytes);
    }

    pub fn link(&self, from: Ipv4Addr, to: Ipv4Addr) -> Link {
        self.shared.lock().links.get(&(from, to)).copied().unwrap_or_default()
    }

    /// Waits until the direction has been cut by [`Cable::cut_after`].
    pub fn wait_cut(&self, from: Ipv4Addr, to: Ipv4Addr) {
        self.wait("the cable is cut in the middle of an upload", |state| {
            state.links.get(&(from, to)).is_some_and(|link| link.weather.cut)
        });
    }

    /// Waits until so many more packets have been swallowed on their way, which is how long a cut is noticed from outside: a
    /// sender repeats each packet after pauses that double.
    pub fn wait_swallowed(&self, from: Ipv4Addr, to: Ipv4Addr, packets: u64) {
        let enough = self.link(from, to).swallowed_packets + packets;
        self.wait("the cut cable swallows packets", |state| {
            state.links.get(&(from, to)).is_some_and(|link| link.swallowed_packets >= enough)
        });
    }

    fn wait(&self, what: &str, done: impl Fn(&State) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.shared.lock();
        while !done(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited in vain until {what}: {:?}", state.links);
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn wake(&self) {
        (&self.waker).write_all(b"!").expect("the relay reads");
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.wake();
        if let Some(relay) = self.relay.take() {
            // Its own panic has been printed.
            let _ = relay.join();
        }
    }
}
