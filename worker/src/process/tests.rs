//! Real processes: what a runner finds when it starts, and that nothing survives its end.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;

use nix::sys::signal::Signal;

use super::*;

/// A runner's surroundings in a folder that vanishes with the test.
struct Bench {
    folder: tempfile::TempDir,
    log: File,
    spawner: Spawner,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        Self { folder, log, spawner: Spawner::new(None).unwrap() }
    }

    fn shell(&mut self, script: &str, events: Option<&File>) -> Child {
        self.try_spawn("/bin/sh", &["sh", "-c", script], events).unwrap()
    }

    fn try_spawn(&mut self, program: &str, argv: &[&str], events: Option<&File>) -> Result<Child, SpawnError> {
        let text = |text: &str| CString::new(text).unwrap();
        let argv: Vec<CString> = argv.iter().map(|arg| text(arg)).collect();
        self.spawner.spawn(&Command {
            program: &text(program),
            argv: &argv,
            env: &[text("PATH=/usr/bin:/bin"), text("GREETING=hello")],
            folder: &text(self.folder.path().to_str().unwrap()),
            most_memory: None,
            log: self.log.as_fd(),
            events: events.map(AsFd::as_fd),
            nice: 0,
        })
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// A fifo: reading it blocks until a process of the test has written.
    fn fifo(&self, name: &str) -> std::path::PathBuf {
        nix::unistd::mkfifo(&self.path(name), nix::sys::stat::Mode::S_IRWXU).unwrap();
        self.path(name)
    }
}

async fn line_from(fifo: &Path) -> String {
    let fifo = fifo.to_owned();
    tokio::task::spawn_blocking(move || fs::read_to_string(fifo).unwrap().trim().to_owned()).await.unwrap()
}

/// The descriptors that the shell has open. `true` keeps it from becoming `ls`, which opens one more.
const OPEN_DESCRIPTORS: &str = "ls /proc/$$/fd; true";

#[tokio::test]
async fn a_runner_finds_its_folder_environment_log_and_empty_input() {
    let mut bench = Bench::new();
    let child = bench.shell("pwd; echo $GREETING; echo oops >&2; cat; ps -o pgid= $$ | tr -d ' '; echo $$", None);
    let pid = child.pid();
    child.ended().await.unwrap();
    assert_eq!(child.finish().await.unwrap().exit, Exit::Status(0));
    let folder = fs::canonicalize(bench.folder.path()).unwrap();
    assert_eq!(bench.log(), format!("{}\nhello\noops\n{pid}\n{pid}\n", folder.display()));
}

#[tokio::test]
async fn only_a_runner_with_events_has_a_fourth_descriptor() {
    let mut bench = Bench::new();
    // Something the agent holds open must not reach a runner: a lock would outlive the agent.
    let held = File::open("/dev/null").unwrap();
    // SAFETY: clears the close-on-exec flag of a descriptor that this test owns.
    unsafe { libc::fcntl(std::os::fd::AsRawFd::as_raw_fd(&held), libc::F_SETFD, 0) };
    let child = bench.shell(OPEN_DESCRIPTORS, None);
    child.ended().await.unwrap();
    child.finish().await.unwrap();
    assert_eq!(bench.log(), "0\n1\n2\n");

    let (mut read, write) = pipe();
    let child = bench.shell("echo event >&3", Some(&write));
    drop(write);
    child.ended().await.unwrap();
    child.finish().await.unwrap();
    let mut told = String::new();
    read.read_to_string(&mut told).unwrap();
    assert_eq!(told, "event\n");
}

fn pipe() -> (File, File) {
    let (read, write) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
    (File::from(read), File::from(write))
}

#[tokio::test]
async fn the_exit_status_and_the_signal_are_told_apart() {
    let mut bench = Bench::new();
    let child = bench.shell("exit 7", None);
    child.ended().await.unwrap();
    assert_eq!(child.finish().await.unwrap().exit, Exit::Status(7));
    let child = bench.shell("kill -SEGV $$", None);
    child.ended().await.unwrap();
    assert_eq!(child.finish().await.unwrap().exit, Exit::Signal(libc::SIGSEGV));
}

#[tokio::test]
async fn a_missing_program_is_an_error_and_leaves_no_zombie() {
    let mut bench = Bench::new();
    let error = bench.try_spawn("/no/such/program", &["program"], None).unwrap_err();
    assert!(matches!(&error, SpawnError::Program(cause) if cause.kind() == std::io::ErrorKind::NotFound), "{error}");
    fs::write(bench.path("text"), "no program").unwrap();
    let text = bench.path("text");
    let error = bench.try_spawn(text.to_str().unwrap(), &["text"], None).unwrap_err();
    assert!(matches!(error, SpawnError::Program(_)));
}

#[tokio::test]
async fn signals_reach_a_runner_that_starts_with_none_blocked_or_ignored() {
    let mut bench = Bench::new();
    let ready = bench.fifo("ready");
    let child = bench.shell("trap 'echo asked; exit 75' TERM; echo up >ready; while :; do sleep 0.01; done", None);
    line_from(&ready).await;
    child.signal(Signal::SIGTERM);
    child.ended().await.unwrap();
    assert_eq!(child.finish().await.unwrap().exit, Exit::Status(75));
    assert!(bench.log().ends_with("asked\n"), "{}", bench.log());

    // Rust programs ignore SIGPIPE; a shell pipeline would then print errors instead of ending.
    let child = bench.shell("kill -PIPE $$; echo survived", None);
    child.ended().await.unwrap();
    assert_eq!(child.finish().await.unwrap().exit, Exit::Signal(libc::SIGPIPE));
    let child = bench.shell("grep SigBlk /proc/self/status", None);
    child.ended().await.unwrap();
    child.finish().await.unwrap();
    assert!(bench.log().ends_with("SigBlk:\t0000000000000000\n"), "{}", bench.log());
}

#[tokio::test]
async fn a_runner_that_ignores_sigterm_and_its_grandchildren_are_killed() {
    let mut bench = Bench::new();
    let ready = bench.fifo("ready");
    let child = bench.shell("trap '' TERM; (trap '' TERM; echo $BASHPID >ready; exec sleep 600) & wait", None);
    line_from(&ready).await;
    let group = child.pid();
    child.signal(Signal::SIGTERM);
    assert!(group_lives(group));
    assert_eq!(child.finish().await.unwrap().exit, Exit::Signal(libc::SIGKILL));
    assert!(!group_lives(group));
}

#[tokio::test]
async fn a_runner_that_forks_while_it_is_killed_leaves_nothing() {
    let mut bench = Bench::new();
    let ready = bench.fifo("ready");
    // Each of them starts others until it is killed.
    let child = bench.shell(
        "trap '' TERM; grow() { sleep 600 & [ $1 -gt 0 ] && { grow $(($1 - 1)) & grow $(($1 - 1)); }; wait; }; \
         echo up >ready; grow 8",
        None,
    );
    line_from(&ready).await;
    let group = child.pid();
    child.signal(Signal::SIGTERM);
    assert_eq!(child.finish().await.unwrap().exit, Exit::Signal(libc::SIGKILL));
    assert!(!group_lives(group));
}

#[tokio::test]
async fn what_a_finished_runner_leaves_in_its_group_is_killed() {
    let mut bench = Bench::new();
    let child = bench.shell("sleep 600 & exit 0", None);
    let group = child.pid();
    child.ended().await.unwrap();
    assert_eq!(child.finish().await.unwrap().exit, Exit::Status(0));
    assert!(!group_lives(group));
}

#[tokio::test]
async fn dropping_a_child_kills_its_group() {
    let mut bench = Bench::new();
    let ready = bench.fifo("ready");
    let (mut read, write) = pipe();
    let child = bench.shell("echo up >ready; sleep 600", Some(&write));
    drop(write);
    line_from(&ready).await;
    drop(child);
    // The pipe's end: every process that held descriptor 3 is gone.
    tokio::task::spawn_blocking(move || read.read_to_end(&mut Vec::new()).unwrap()).await.unwrap();
}

#[test]
fn a_runner_dies_with_the_thread_that_spawned_it() {
    let (mut read, write) = pipe();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        let mut bench = Bench::new();
        let child = bench.shell("exec sleep 600", Some(&write));
        // As if the agent had crashed: no destructor kills the child.
        std::mem::forget(child);
    })
    .join()
    .unwrap();
    read.read_to_end(&mut Vec::new()).unwrap();
}
