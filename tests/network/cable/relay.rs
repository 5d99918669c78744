//! The thread that carries the packets.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fs::File;
use std::io::{ErrorKind, PipeReader, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Direction, Link, Shared, State, Weather};

/// More than any packet: the devices' MTU is 1500.
const PACKET_BYTES: usize = 4096;

/// A packet on its way: when it arrives, which packet it is, whose it is.
type Flying = Reverse<(Instant, u64, Direction, Vec<u8>)>;

struct Relay {
    shared: Arc<Shared>,
    flying: BinaryHeap<Flying>,
    /// When the newest packet of each direction arrives: the next one does not overtake it.
    newest: HashMap<Direction, Instant>,
    rows: HashMap<Direction, Row>,
    sent: u64,
    dice: Dice,
}

/// The packets in a row of which one is lost.
#[derive(Default)]
struct Row {
    /// How many have come.
    come: u32,
    /// The one that is lost.
    unlucky: u32,
}

pub fn start(shared: Arc<Shared>, mut woken: PipeReader) -> JoinHandle<()> {
    let mut relay = Relay {
        shared,
        flying: BinaryHeap::new(),
        newest: HashMap::new(),
        rows: HashMap::new(),
        sent: 0,
        dice: Dice(0x5eed),
    };
    std::thread::spawn(move || {
        while let Some(ports) = relay.ports() {
            relay.deliver();
            let mut fds: Vec<RawFd> = ports.iter().map(|tun| tun.as_raw_fd()).collect();
            fds.push(woken.as_raw_fd());
            let ready = poll(&fds, relay.next_arrival());
            if ready.last() == Some(&true) {
                let mut byte = [0];
                woken.read_exact(&mut byte).expect("the cable holds the other end");
            }
            ports.iter().zip(ready).filter(|(_, ready)| *ready).for_each(|(tun, _)| relay.take_from(tun));
        }
    })
}

impl Relay {
    /// `None`: the cable is gone.
    fn ports(&self) -> Option<Vec<Arc<File>>> {
        let state = self.shared.lock();
        (!state.ended).then(|| state.ports.values().cloned().collect())
    }

    fn next_arrival(&self) -> Option<Duration> {
        self.flying.peek().map(|Reverse((at, ..))| at.saturating_duration_since(Instant::now()))
    }

    /// Reads all that a host has sent.
    fn take_from(&mut self, mut tun: &File) {
        let mut buffer = [0; PACKET_BYTES];
        loop {
            match tun.read(&mut buffer) {
                Ok(read) => self.take(&buffer[..read]),
                // Nothing more for now; or the host is gone, and its device with it.
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, packet: &[u8]) {
        // Neighbour discovery of IPv6 goes nowhere.
        let Some(direction) = direction(packet) else { return };
        let mut state = self.shared.lock();
        let link = state.links.entry(direction).or_default();
        let Weather { cut, delay, jitter, lost_one_in } = link.weather;
        let row = self.rows.entry(direction).or_default();
        if cut || row.loses(lost_one_in, &mut self.dice) {
            link.swallowed_packets += 1;
            self.shared.changed.notify_all();
            return;
        }
        let newest = self.newest.entry(direction).or_insert_with(Instant::now);
        *newest = (Instant::now() + delay + jitter.mul_f64(self.dice.roll())).max(*newest);
        self.sent += 1;
        self.flying.push(Reverse((*newest, self.sent, direction, packet.to_owned())));
    }

    fn deliver(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((at, ..))) = self.flying.peek()
            && *at <= now
        {
            let Some(Reverse((_, _, direction, packet))) = self.flying.pop() else { return };
            hand_over(&mut self.shared.lock(), direction, &packet);
            self.shared.changed.notify_all();
        }
    }
}

impl Row {
    /// Whether the packet that comes now is lost.
    fn loses(&mut self, one_in: u32, dice: &mut Dice) -> bool {
        if one_in == 0 {
            return false;
        }
        if self.come == 0 {
            self.unlucky = (dice.roll() * f64::from(one_in)) as u32;
        }
        let lost = self.come == self.unlucky;
        self.come = (self.come + 1) % one_in;
        lost
    }
}

/// A packet has come to the end of its way.
fn hand_over(state: &mut State, (from, to): Direction, packet: &[u8]) {
    let tun = state.ports.get(&to).cloned();
    let link = state.links.entry((from, to)).or_default();
    let arrives = tun.filter(|_| !link.weather.cut).is_some_and(|tun| (&*tun).write_all(packet).is_ok());
    if !arrives {
        link.swallowed_packets += 1;
        return;
    }
    link.arrived_packets += 1;
    link.arrived_bytes += packet.len() as u64;
    if link.cut_at_bytes.is_some_and(|bytes| link.arrived_bytes >= bytes) {
        *link = Link { weather: Weather::CUT, cut_at_bytes: None, ..*link };
        state.links.entry((to, from)).or_default().weather = Weather::CUT;
    }
}

/// Source and destination of an IPv4 packet.
fn direction(packet: &[u8]) -> Option<Direction> {
    let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?));
    (packet.first()? >> 4 == 4).then_some(())?;
    Some((address(12)?, address(16)?))
}

/// Which of the descriptors can be read, after waiting at most so long for one.
fn poll(fds: &[RawFd], timeout: Option<Duration>) -> Vec<bool> {
    let mut polled: Vec<libc::pollfd> =
        fds.iter().map(|fd| libc::pollfd { fd: *fd, events: libc::POLLIN, revents: 0 }).collect();
    // Rounded up, so that a short wait is not a busy one.
    let timeout_ms = timeout.map_or(-1, |timeout| timeout.as_millis() as i32 + 1);
    // SAFETY: the pointer and the length are those of a vector that lives through the call.
    let rc = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, timeout_ms) };
    assert!(rc >= 0 || std::io::Error::last_os_error().kind() == ErrorKind::Interrupted, "poll failed");
    polled.iter().map(|polled| polled.revents & libc::POLLIN != 0).collect()
}

/// Chance with a seed (xorshift64, Marsaglia 2003).
struct Dice(u64);

impl Dice {
    /// In 0..1.
    fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}
