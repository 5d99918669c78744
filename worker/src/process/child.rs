//! One live runner, its process group, and its control group where there is one.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::WaitPidFlag;
use nix::unistd::Pid;
use tokio::io::unix::AsyncFd;

use super::cgroup::Lent;
#[cfg(doc)]
use super::leftovers;
use super::{Members, procfs};

/// How the leader ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Status(i32),
    Signal(i32),
}

/// How the leader ended, and what it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    pub exit: Exit,
    /// The most that the leader, or one child that it waited for, had in RAM; but never less than the agent itself had when
    /// it started the runner, since the kernel counts what a process had before `execve`, too.
    pub peak_bytes: u64,
    /// The kernel killed one of its processes for memory: known for sure where it runs in a control group that counts that.
    pub out_of_memory: bool,
}

/// A process that leads its own group. Dropping it kills the group.
pub struct Child {
    pid: Pid,
    /// Readable once the leader has ended.
    pidfd: AsyncFd<OwnedFd>,
    reaped: bool,
    /// Where the agent can make control groups.
    cgroup: Option<Lent>,
}

impl Child {
    pub(super) fn new(pid: i32, pidfd: OwnedFd, cgroup: Option<Lent>) -> io::Result<Self> {
        // SAFETY: the descriptor is owned by the value itself, and nothing closes or replaces it while it is registered.
        let registered = unsafe { AsyncFd::register_with_interest(pidfd, tokio::io::Interest::READABLE) };
        let pidfd = registered.map_err(|error| {
            let _gone = killpg(Pid::from_raw(pid), Signal::SIGKILL);
            io::Error::from(error)
        })?;
        Ok(Self { pid: Pid::from_raw(pid), pidfd, reaped: false, cgroup })
    }

    /// Collects a child that is ending by itself, because `execve` failed.
    pub(super) fn collect_failed(mut self) -> io::Result<()> {
        self.reap(WaitPidFlag::empty())?;
        if let Some(cgroup) = self.cgroup.take() {
            cgroup.recycle();
        }
        Ok(())
    }

    /// How to find all processes of the attempt that it leads: `attempt` is what [`leftovers::ATTEMPT_VARIABLE`] was set to.
    pub fn members(&self, agent: &str, attempt: String) -> Members {
        Members::new(agent, attempt, self.pid(), self.cgroup.as_ref().map(Lent::lookup))
    }

    /// The leader's process id, which is the group's too.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Resolves when the leader has ended. It stays a zombie, so that its number keeps naming the group.
    pub async fn ended(&self) -> io::Result<()> {
        self.pidfd.readable().await.map(drop)
    }

    /// Sends a signal to the whole group. A group that is gone already is no error.
    pub fn signal(&self, signal: Signal) {
        if !self.reaped {
            let _gone = killpg(self.pid, signal);
        }
    }

    /// Kills the whole group, and what left it.
    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
        if let Some(cgroup) = self.cgroup.as_ref().filter(|cgroup| cgroup.is_populated()) {
            cgroup.kill();
        }
    }

    /// Kills what is left of the group, collects the leader's status, and returns once every process is gone.
    pub async fn finish(mut self) -> io::Result<Ended> {
        self.kill();
        self.ended().await?;
        let mut ended =
            self.reap(WaitPidFlag::empty())?.ok_or_else(|| io::Error::other("the runner left no status"))?;
        wait_until_gone(self.pid, self.cgroup.as_ref()).await;
        if let Some(cgroup) = self.cgroup.take() {
            ended.out_of_memory = cgroup.was_out_of_memory();
            cgroup.recycle();
        }
        Ok(ended)
    }

    /// Collects the leader's status, and with it what the leader took, which `waitid` tells only those who ask the kernel itself.
    fn reap(&mut self, flags: WaitPidFlag) -> io::Result<Option<Ended>> {
        let fd = self.pidfd.get_ref().as_raw_fd();
        let flags = (WaitPidFlag::WEXITED | flags).bits();
        // SAFETY: both are plain data, for which zero bytes are a value.
        let (mut info, mut usage): (libc::siginfo_t, libc::rusage) =
            unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        loop {
            // SAFETY: the pointers are to values of the types that this call fills in, alive until it returns.
            let done =
                unsafe { libc::syscall(libc::SYS_waitid, libc::P_PIDFD, fd, &raw mut info, flags, &raw mut usage) };
            match Errno::result(done) {
                Ok(_) => break,
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // SAFETY: `waitid` has filled in the fields of SIGCHLD, or left them zero where nothing has ended.
        let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
        if pid == 0 {
            return Ok(None);
        }
        self.reaped = true;
        let exit = if info.si_code == libc::CLD_EXITED { Exit::Status(status) } else { Exit::Signal(status) };
        Ok(Some(Ended { exit, peak_bytes: kibibytes(usage.ru_maxrss), out_of_memory: false }))
    }
}

/// The most that this process ever had in RAM: below that, a child's [`Ended::peak_bytes`] says nothing of the child.
pub fn own_peak_bytes() -> u64 {
    // SAFETY: plain data, for which zero bytes are a value; the call fills it in.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    kibibytes(usage.ru_maxrss)
}

/// Linux counts `ru_maxrss` so.
fn kibibytes(count: libc::c_long) -> u64 {
    u64::try_from(count).unwrap_or(0) << 10
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
            let _still_dying = self.reap(WaitPidFlag::WNOHANG);
        }
    }
}

impl std::fmt::Debug for Child {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Child").field("pid", &self.pid).finish_non_exhaustive()
    }
}

/// Whether the group holds a process that is not yet dead. A zombie is dead: where nobody reaps orphans (a container
/// without an init) it stays in the process table for ever, without memory or files.
pub fn group_lives(group: i32) -> bool {
    match killpg(Pid::from_raw(group), None) {
        Err(Errno::ESRCH) => false,
        _ => procfs::processes().filter_map(procfs::stat).any(|stat| stat.group == group && !stat.is_dead()),
    }
}

/// SIGKILL was sent: this takes as long as the kernel does, which is for ever only under a driver that hangs.
async fn wait_until_gone(group: Pid, cgroup: Option<&Lent>) {
    let mut pause = Duration::from_millis(1);
    let is_populated = || cgroup.is_some_and(Lent::is_populated);
    while group_lives(group.as_raw()) || is_populated() {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
        // A process that forked while the first signal was delivered.
        let _gone = killpg(group, Signal::SIGKILL);
        cgroup.into_iter().for_each(Lent::kill);
    }
}
