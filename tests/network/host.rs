//! A host: a network namespace of its own with one device, the end of the cable. It has no name that could be left behind: it
//! goes with the last process in it and the last descriptor to it.

use std::fs::{File, OpenOptions};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;
use std::sync::Arc;

use nix::sched::{CloneFlags, unshare};

pub struct Host {
    namespace: File,
    /// What the host's kernel sends, and where packets for it go.
    pub tun: Arc<File>,
}

const DEVICE: &str = "cable";

impl Host {
    /// Needs root.
    pub fn boot(address: Ipv4Addr) -> io::Result<Self> {
        // A namespace belongs to a thread, so a thread of its own goes there and comes not back.
        std::thread::spawn(move || Self::boot_here(address)).join().expect("booting does not panic")
    }

    fn boot_here(address: Ipv4Addr) -> io::Result<Self> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        let namespace = File::open("/proc/thread-self/ns/net")?;
        let tun = open_tun()?;
        let cidr = format!("{address}/24");
        for args in [
            &["link", "set", "lo", "up"][..],
            &["addr", "add", &cidr, "dev", DEVICE],
            &["link", "set", DEVICE, "mtu", "1500", "up"],
        ] {
            let output = Command::new("ip").args(args).output()?;
            if !output.status.success() {
                return Err(io::Error::other(format!("ip {args:?}: {}", String::from_utf8_lossy(&output.stderr))));
            }
        }
        Ok(Self { namespace, tun: Arc::new(tun) })
    }

    /// A command that will run on this host, and not outlive the thread that starts it.
    pub fn command(&self, program: &std::path::Path) -> Command {
        let mut command = Command::new("setpriv");
        let namespace = format!("--net=/proc/{}/fd/{}", std::process::id(), self.namespace.as_raw_fd());
        command.args(["--pdeathsig", "KILL", "nsenter", &namespace, "--"]).arg(program);
        command
    }
}

/// A TUN device in this thread's namespace: whole IP packets, nothing before them.
fn open_tun() -> io::Result<File> {
    let tun = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/net/tun")?;
    // SAFETY: all zeroes is a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(DEVICE.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: TUNSETIFF reads an ifreq, which lives through the call.
    if unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETIFF as libc::Ioctl, &raw mut request) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(tun)
}
