//! Real groups, where the kernel lets this user make some.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsFd;

use super::super::{Child, Command, Exit, Spawner};
use super::*;

/// Groups in the test's own place, which goes with it.
struct Bench {
    home: tempfile::TempDir,
    agent: String,
}

impl Bench {
    /// Without what it needs, the test is over.
    fn new(test: &str) -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        let agent = format!("test-{test}-{}", std::process::id());
        match Cgroups::open(home.path(), &agent, 0) {
            Ok(_) => {
                eprintln!("{test}: ran");
                Some(Self { home, agent })
            }
            Err(why) => {
                let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
                let root = nix::unistd::geteuid().is_root();
                assert!(!(root && ci), "{test}: CI as root must be able to make control groups: {why}");
                eprintln!("{test}: skipped: {why}");
                None
            }
        }
    }

    fn open(&self, incarnation: u64) -> Cgroups {
        Cgroups::open(self.home.path(), &self.agent, incarnation).unwrap()
    }

    fn base(&self) -> PathBuf {
        place(&self.agent).unwrap()
    }
}

fn shell(spawner: &mut Spawner, script: &str, folder: &Path, events: Option<&File>) -> Child {
    let text = |text: &str| CString::new(text).unwrap();
    let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
    let argv = [text("sh"), text("-c"), text(script)];
    let command = Command {
        program: c"/bin/sh",
        argv: &argv,
        env: &[text("PATH=/usr/sbin:/usr/bin:/sbin:/bin")],
        folder: &text(folder.to_str().unwrap()),
        most_memory: None,
        log: log.as_fd(),
        events: events.map(AsFd::as_fd),
        nice: 0,
    };
    spawner.spawn(&command).unwrap()
}

/// A fifo, and what is written into it first.
fn fifo(folder: &Path) -> PathBuf {
    let path = folder.join("ready");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    path
}

async fn line_from(fifo: &Path) -> String {
    let fifo = fifo.to_owned();
    tokio::task::spawn_blocking(move || fs::read_to_string(fifo).unwrap().trim().to_owned()).await.unwrap()
}

fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Leaves the session, forks twice, wipes its environment off: nothing but its control group tells whose it is.
const ESCAPE: &str = "setsid env -i sh -c '(sleep 600 & echo $! >ready) &' & wait; ";

#[tokio::test]
async fn what_escapes_everything_else_is_gone_with_the_attempt() {
    let Some(bench) = Bench::new("what_escapes_everything_else_is_gone_with_the_attempt") else { return };
    let folder = bench.home.path();
    let ready = fifo(folder);
    let mut spawner = Spawner::new(Some(bench.open(1))).unwrap();
    // The runner itself ends well.
    let child = shell(&mut spawner, &format!("{ESCAPE} exit 7"), folder, None);
    let members = child.members("nobody", "j1.1".to_owned());
    let escaped = line_from(&ready).await;
    child.ended().await.unwrap();
    assert!(lives(&escaped) && members.pids().contains(&escaped.parse().unwrap()));
    assert_eq!(child.finish().await.unwrap().exit, Exit::Status(7));
    assert!(!lives(&escaped));
    assert_eq!(members.pids(), [] as [i32; 0]);
}

#[tokio::test]
async fn a_dropped_child_takes_along_what_escaped() {
    let Some(bench) = Bench::new("a_dropped_child_takes_along_what_escaped") else { return };
    let ready = fifo(bench.home.path());
    let (mut read, write) =
        nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map(|(r, w)| (File::from(r), File::from(w))).unwrap();
    let mut spawner = Spawner::new(Some(bench.open(1))).unwrap();
    let child = shell(&mut spawner, &format!("{ESCAPE} sleep 600"), bench.home.path(), Some(&write));
    drop(write);
    line_from(&ready).await;
    drop(child);
    // The pipe's end: nobody who inherited it lives.
    tokio::task::spawn_blocking(move || read.read_to_end(&mut Vec::new()).unwrap()).await.unwrap();
    drop(spawner);
    assert!(!bench.base().exists(), "with the agent its groups are gone");
}

#[tokio::test]
async fn groups_are_used_again_and_go_with_the_agent() {
    let Some(bench) = Bench::new("groups_are_used_again_and_go_with_the_agent") else { return };
    let cgroups = bench.open(3);
    let mut spawner = Spawner::new(Some(cgroups.clone())).unwrap();
    let mut before = None;
    for _ in 0..20 {
        let child = shell(&mut spawner, "cat /proc/self/cgroup >where", bench.home.path(), None);
        let members = child.members("nobody", "j1.1".to_owned());
        child.ended().await.unwrap();
        assert_eq!(child.finish().await.unwrap().exit, Exit::Status(0));
        let told = fs::read_to_string(bench.home.path().join("where")).unwrap();
        let told = told.lines().find_map(|line| line.strip_prefix("0::")).unwrap().to_owned();
        assert!(told.ends_with(&format!("/{}/3-0", name_of(&bench.agent))), "{told}");
        assert_eq!(before.get_or_insert_with(|| told.clone()), &told);
        // Another attempt's processes are none of its.
        let next = shell(&mut spawner, "sleep 600", bench.home.path(), None);
        assert_eq!(members.pids(), [] as [i32; 0]);
        next.finish().await.unwrap();
    }
    assert_eq!(group::below(cgroups.base()).len(), 1);
    drop((spawner, cgroups));
    assert!(!bench.base().exists());
}

#[tokio::test]
async fn groups_below_an_attempts_own_are_gone_with_it() {
    let Some(bench) = Bench::new("groups_below_an_attempts_own_are_gone_with_it") else { return };
    let cgroups = bench.open(1);
    let mut spawner = Spawner::new(Some(cgroups.clone())).unwrap();
    let ready = fifo(bench.home.path());
    let own = cgroups.base().join("1-0");
    let nest = format!(
        "mkdir {0}/inner; sh -c 'echo $$ >{0}/inner/cgroup.procs; echo $$ >ready; exec sleep 600' & wait",
        own.display()
    );
    let child = shell(&mut spawner, &nest, bench.home.path(), None);
    let inner = line_from(&ready).await;
    assert!(child.members("nobody", String::new()).pids().contains(&inner.parse().unwrap()));
    child.finish().await.unwrap();
    assert!(!lives(&inner) && !own.join("inner").exists());
}

#[tokio::test]
async fn what_an_earlier_agent_left_is_swept_wherever_it_was() {
    let Some(bench) = Bench::new("what_an_earlier_agent_left_is_swept_wherever_it_was") else { return };
    let ready = fifo(bench.home.path());
    // An agent that was started from elsewhere, and died without a word.
    let elsewhere = bench.base().with_file_name(format!("elsewhere-{}", std::process::id()));
    fs::create_dir(&elsewhere).unwrap();
    let base = elsewhere.join(name_of(&bench.agent));
    let cgroups = Cgroups::open_at(base.clone(), bench.home.path(), 1).unwrap();
    let mut spawner = Spawner::new(Some(cgroups)).unwrap();
    let child = shell(&mut spawner, ESCAPE, bench.home.path(), None);
    let escaped = line_from(&ready).await;
    child.ended().await.unwrap();
    std::mem::forget((child, spawner));
    assert!(lives(&escaped));
    assert_eq!(sweep(bench.home.path(), "another"), 0, "another agent's are left alone");
    assert!(lives(&escaped));
    // A shell between it and the runner may still be on its way out.
    assert!(sweep(bench.home.path(), &bench.agent) >= 1);
    assert!(!lives(&escaped) && !base.exists());
    fs::remove_dir(elsewhere).unwrap();
    assert_eq!(sweep(bench.home.path(), &bench.agent), 0);
}
