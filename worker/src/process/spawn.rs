//! Starting a process with what `posix_spawn` lacks (parent-death signal, working folder) at what it costs.
//!
//! `fork` copies the page tables of the whole program (which in `sweep local` includes the coordinator): measured in
//! fractions of a millisecond, as much as a short job takes. Here the child borrows the agent's memory until it calls
//! `execve` (`CLONE_VM | CLONE_VFORK`, as glibc's `posix_spawn` does), while the calling thread sleeps.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use super::Child;
use super::cgroup::{Cgroups, Lent};

/// A program to start. Every text is ready for `execve`: the child allocates nothing.
pub struct Command<'a> {
    /// A path; with a slash, since nothing is searched.
    pub program: &'a CStr,
    /// With the program's own name first.
    pub argv: &'a [CString],
    /// `NAME=value`.
    pub env: &'a [CString],
    pub folder: &'a CStr,
    /// What all its processes together may take of the host's memory, where control groups can bound that.
    pub most_memory: Option<u64>,
    /// Becomes stdout and stderr.
    pub log: BorrowedFd<'a>,
    /// Becomes file descriptor 3.
    pub events: Option<BorrowedFd<'a>>,
    /// How much less of the host's cores it gets when others want them, too: 0 to 19. Its children inherit that.
    pub nice: c_int,
}

/// Why a program did not start.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The program, its interpreter or the working folder: nothing that another try would change.
    #[error("{0}")]
    Program(io::Error),
    /// The machine: no memory, too many processes.
    #[error("cannot start a process: {0}")]
    System(io::Error),
}

/// The event pipe's number in the child.
const EVENTS_FD: c_int = 3;
const STACK_BYTES: usize = 64 << 10;

/// Starts processes from the thread that it was made on.
pub struct Spawner {
    /// `/dev/null`, every child's stdin.
    null: OwnedFd,
    /// Where a child runs until it has called `execve`.
    stack: Stack,
    /// A control group for each child, where that can be.
    cgroups: Option<Cgroups>,
    /// Not `Send`: children die with this thread.
    _thread: PhantomData<*const ()>,
}

impl Spawner {
    pub fn new(cgroups: Option<Cgroups>) -> io::Result<Self> {
        let null = OwnedFd::from(std::fs::File::open("/dev/null")?);
        Ok(Self { null: above_events(null)?, stack: Stack::new()?, cgroups, _thread: PhantomData })
    }

    /// Starts the program as the leader of a new process group. Must be called within a tokio runtime.
    pub fn spawn(&mut self, command: &Command<'_>) -> Result<Child, SpawnError> {
        let argv = pointers(command.argv);
        let env = pointers(command.env);
        let log = above_events_ref(command.log).map_err(SpawnError::System)?;
        let events = command.events.map(above_events_ref).transpose().map_err(SpawnError::System)?;
        let cgroup = self.cgroup(command.most_memory);
        let orders = Orders {
            program: command.program.as_ptr(),
            argv: argv.as_ptr(),
            env: env.as_ptr(),
            folder: command.folder.as_ptr(),
            null: self.null.as_raw_fd(),
            log: log.as_raw_fd(),
            events: events.as_ref().map_or(-1, |fd| fd.as_raw_fd()),
            nice: command.nice,
            parent: nix::unistd::getpid().as_raw(),
            cgroup: cgroup.as_ref().map_or(-1, |cgroup| cgroup.entrance().as_raw_fd()),
            outside: AtomicI32::new(0),
            failure: AtomicI32::new(0),
        };
        let (pid, pidfd) = self.clone_child(&orders).map_err(SpawnError::System)?;
        let cgroup = self.entered(cgroup, orders.outside.load(Ordering::SeqCst));
        let child = Child::new(pid, pidfd, cgroup).map_err(SpawnError::System)?;
        match orders.failure.load(Ordering::SeqCst) {
            0 => Ok(child),
            errno => {
                child.collect_failed().map_err(SpawnError::System)?;
                Err(SpawnError::Program(io::Error::from_raw_os_error(errno)))
            }
        }
    }

    /// A group for the next child.
    fn cgroup(&mut self, most_memory: Option<u64>) -> Option<Lent> {
        match self.cgroups.as_ref()?.take(most_memory) {
            Ok(cgroup) => Some(cgroup),
            Err(error) => {
                self.without_cgroups(&error);
                None
            }
        }
    }

    /// The group that the child is in. `errno`: why it is not.
    fn entered(&mut self, cgroup: Option<Lent>, errno: i32) -> Option<Lent> {
        if errno == 0 {
            return cgroup;
        }
        cgroup?.recycle();
        self.without_cgroups(&io::Error::from_raw_os_error(errno));
        None
    }

    fn without_cgroups(&mut self, error: &io::Error) {
        tracing::warn!(%error, "runners get no control groups any more; processes that leave a runner's group are looked for by their marks");
        self.cgroups = None;
    }

    /// Runs [`child_main`] in the new process and returns once it has called `execve` or ended.
    fn clone_child(&mut self, orders: &Orders) -> io::Result<(i32, OwnedFd)> {
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
        let mut pidfd: c_int = -1;
        let mask = SignalMask::block_all();
        // SAFETY: `CLONE_VFORK` suspends this thread until the child has left our memory, so `orders`, what it points
        // to and the stack outlive their use; no signal handler of ours can run in the child, all are blocked.
        let pid = unsafe {
            libc::clone(
                child_main,
                self.stack.top(),
                flags,
                ptr::from_ref(orders).cast_mut().cast::<c_void>(),
                ptr::from_mut(&mut pidfd),
            )
        };
        let failed = io::Error::last_os_error();
        drop(mask);
        if pid < 0 {
            return Err(failed);
        }
        // SAFETY: the kernel stored a fresh descriptor there that nobody else owns.
        Ok((pid, unsafe { OwnedFd::from_raw_fd(pidfd) }))
    }
}

/// What the child reads, and where it leaves word of a failure. Raw pointers: the child may neither allocate nor drop.
struct Orders {
    program: *const c_char,
    argv: *const *const c_char,
    env: *const *const c_char,
    folder: *const c_char,
    null: c_int,
    log: c_int,
    events: c_int,
    nice: c_int,
    parent: libc::pid_t,
    /// The entrance of its control group, or -1.
    cgroup: c_int,
    /// Why it is not in there: it runs all the same.
    outside: AtomicI32,
    failure: AtomicI32,
}

/// The child between `clone` and `execve`, in the agent's memory: system calls only.
extern "C" fn child_main(orders: *mut c_void) -> c_int {
    // SAFETY: `clone_child` passes a pointer to an `Orders` that outlives this process's use of it.
    let orders = unsafe { &*orders.cast::<Orders>() };
    // SAFETY: async-signal-safe calls on descriptors and texts that are valid for the whole function.
    unsafe {
        if prepare_child(orders) {
            libc::execve(orders.program, orders.argv, orders.env);
        }
        orders.failure.store(*libc::__errno_location(), Ordering::SeqCst);
        libc::_exit(127)
    }
}

/// Everything before `execve`. False: `errno` says why.
///
/// # Safety
/// Only in a child of `clone_child`.
unsafe fn prepare_child(orders: &Orders) -> bool {
    unsafe {
        // Before it can have children of its own.
        if orders.cgroup >= 0 && libc::write(orders.cgroup, c"0".as_ptr().cast(), 1) < 0 {
            orders.outside.store(*libc::__errno_location(), Ordering::SeqCst);
        }
        if libc::setpgid(0, 0) != 0 || libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
            return false;
        }
        // The agent may have died before the line above.
        if libc::getppid() != orders.parent {
            libc::_exit(127);
        }
        if libc::dup2(orders.null, 0) < 0 || libc::dup2(orders.log, 1) < 0 || libc::dup2(orders.log, 2) < 0 {
            return false;
        }
        let mut first_closed = EVENTS_FD;
        if orders.events >= 0 {
            if libc::dup2(orders.events, EVENTS_FD) < 0 {
                return false;
            }
            first_closed += 1;
        }
        // Whatever some library forgot to mark is closed too. Kernels before 5.11 lack this: then it stays open.
        libc::syscall(libc::SYS_close_range, first_closed, c_int::MAX, libc::CLOSE_RANGE_CLOEXEC);
        if orders.nice != 0 {
            // Being nicer is always allowed. Where it fails all the same the program runs as the agent does.
            libc::setpriority(libc::PRIO_PROCESS, 0, orders.nice);
        }
        reset_signals();
        libc::chdir(orders.folder) == 0
    }
}

/// Default actions and an empty mask, so that no handler of the agent runs here and the program starts as from a shell.
///
/// # Safety
/// Only in a child of `clone_child`.
unsafe fn reset_signals() {
    unsafe {
        for signal in 1..=64 {
            let mut action: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(signal, ptr::null(), &raw mut action) != 0 {
                continue;
            }
            // Rust's start-up ignores SIGPIPE; programs expect the default. Other ignored signals (nohup) stay so.
            let ignored = action.sa_sigaction == libc::SIG_IGN && signal != libc::SIGPIPE;
            if action.sa_sigaction != libc::SIG_DFL && !ignored {
                action = std::mem::zeroed();
                action.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &raw const action, ptr::null_mut());
            }
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
    }
}

/// Blocks this thread's signals while it exists.
struct SignalMask {
    before: libc::sigset_t,
}

impl SignalMask {
    fn block_all() -> Self {
        // SAFETY: both sets are plain data that the calls initialise.
        unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            let mut before: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
            Self { before }
        }
    }
}

impl Drop for SignalMask {
    fn drop(&mut self) {
        // SAFETY: `before` was filled in by `block_all`.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, ptr::null_mut()) };
    }
}

/// Memory for a child's stack, growing downwards.
struct Stack {
    base: *mut c_void,
}

impl Stack {
    fn new() -> io::Result<Self> {
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a fresh anonymous mapping.
        let base = unsafe { libc::mmap(ptr::null_mut(), STACK_BYTES, access, kind | libc::MAP_STACK, -1, 0) };
        if base == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(Self { base }) }
    }

    fn top(&mut self) -> *mut c_void {
        // SAFETY: one past the end of the mapping; page-aligned, hence aligned for the ABI.
        unsafe { self.base.cast::<u8>().add(STACK_BYTES).cast() }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and no child uses it: `clone_child` has returned.
        unsafe { libc::munmap(self.base, STACK_BYTES) };
    }
}

/// The null-terminated array that `execve` reads.
fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
}

/// A descriptor that the child's `dup2`s onto 0 to 3 cannot overwrite.
fn above_events(fd: OwnedFd) -> io::Result<OwnedFd> {
    if fd.as_raw_fd() > EVENTS_FD { Ok(fd) } else { duplicate_above(fd.as_raw_fd()) }
}

/// As [`above_events`], borrowing where it can.
fn above_events_ref(fd: BorrowedFd<'_>) -> io::Result<MaybeOwned<'_>> {
    if fd.as_raw_fd() > EVENTS_FD {
        Ok(MaybeOwned::Borrowed(fd))
    } else {
        duplicate_above(fd.as_raw_fd()).map(MaybeOwned::Owned)
    }
}

enum MaybeOwned<'a> {
    Borrowed(BorrowedFd<'a>),
    Owned(OwnedFd),
}

impl AsRawFd for MaybeOwned<'_> {
    fn as_raw_fd(&self) -> c_int {
        match self {
            Self::Borrowed(fd) => fd.as_raw_fd(),
            Self::Owned(fd) => fd.as_raw_fd(),
        }
    }
}

fn duplicate_above(fd: c_int) -> io::Result<OwnedFd> {
    // SAFETY: duplicates an open descriptor; the result is ours alone.
    unsafe {
        let copy = libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, EVENTS_FD + 1);
        if copy < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(copy)) }
    }
}
