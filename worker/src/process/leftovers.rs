//! Killing what left its runner's process group, by the marks that everything in an attempt inherits in its environment.
//!
//! Runners die with the agent, but their own children need not: a new incarnation kills every process that bears its
//! agent's id and an older number. And a runner's child may have made a session of its own: what bears a stopped
//! attempt's mark goes too.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::procfs;

/// Names the agent, in every runner's environment.
pub const AGENT_VARIABLE: &str = "SWEEP_AGENT";
/// Counts the agent's starts, in every runner's environment.
pub const INCARNATION_VARIABLE: &str = "SWEEP_INCARNATION";

/// Names the attempt, in its runner's environment.
pub const ATTEMPT_VARIABLE: &str = "SWEEP_ATTEMPT";

/// The environment entries that mark an incarnation's runners.
pub fn marks(agent: &str, incarnation: u64) -> [String; 2] {
    [format!("{AGENT_VARIABLE}={agent}"), format!("{INCARNATION_VARIABLE}={incarnation}")]
}

/// Kills the processes of earlier incarnations; how many there were. Only those of the same user can be seen.
pub fn kill_older(agent: &str, incarnation: u64) -> usize {
    kill_all(|environment| bears_older_mark(environment, agent, incarnation))
}

/// Kills what is left of one attempt of this agent: `attempt` is what [`ATTEMPT_VARIABLE`] was set to.
pub fn kill_attempt(agent: &str, attempt: &str) -> usize {
    let marks = attempt_marks(agent, attempt);
    kill_all(|environment| marks.iter().all(|mark| bears(environment, mark)))
}

/// Whether the process bears the mark of that attempt of this agent.
pub(super) fn is_of_attempt(pid: i32, agent: &str, attempt: &str) -> bool {
    let marks = attempt_marks(agent, attempt);
    procfs::environment(pid).is_some_and(|environment| marks.iter().all(|mark| bears(&environment, mark)))
}

fn attempt_marks(agent: &str, attempt: &str) -> [String; 2] {
    [format!("{AGENT_VARIABLE}={agent}"), format!("{ATTEMPT_VARIABLE}={attempt}")]
}

fn kill_all(is_meant: impl Fn(&[u8]) -> bool) -> usize {
    // A killed process may have forked since the scan: look again until nothing is found, but not for ever.
    (0..10).map(|_| kill_once(&is_meant)).take_while(|&found| found > 0).sum()
}

fn kill_once(is_meant: &impl Fn(&[u8]) -> bool) -> usize {
    let me = i32::try_from(std::process::id()).unwrap_or(-1);
    let is_leftover = |pid: i32| {
        let alive = procfs::stat(pid).is_some_and(|stat| !stat.is_dead());
        alive && procfs::environment(pid).is_some_and(|environment| is_meant(&environment))
    };
    let found = procfs::processes().filter(|&pid| pid != me && is_leftover(pid));
    let killed: Vec<OwnedFd> = found.filter_map(|pid| kill_if(pid, || is_leftover(pid))).collect();
    killed.iter().for_each(wait_until_dead);
    killed.len()
}

/// A pidfd becomes readable when its process has ended. One that hangs in the kernel is not waited for.
fn wait_until_dead(process: &OwnedFd) {
    const PATIENCE_MS: i32 = 2_000;
    let mut poll = libc::pollfd { fd: process.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one valid entry.
    unsafe { libc::poll(&raw mut poll, 1, PATIENCE_MS) };
}

fn bears_older_mark(environment: &[u8], agent: &str, incarnation: u64) -> bool {
    let [ours, this_incarnation] = marks(agent, incarnation);
    bears(environment, &ours) && !bears(environment, &this_incarnation)
}

fn bears(environment: &[u8], mark: &str) -> bool {
    environment.split(|&byte| byte == 0).any(|entry| entry == mark.as_bytes())
}

/// Kills the process if `still` holds once a pidfd pins it, so that a number that was reused in between is spared.
fn kill_if(pid: i32, still: impl FnOnce() -> bool) -> Option<OwnedFd> {
    // SAFETY: plain system calls; the descriptor is ours.
    let process = unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, pid, 0);
        (fd >= 0).then(|| OwnedFd::from_raw_fd(fd as i32))?
    };
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: as above.
    let kill = || unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), libc::SIGKILL, no_info, 0) };
    (still() && kill() == 0).then_some(process)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;

    use super::*;

    fn environment(entries: &[&str]) -> Vec<u8> {
        entries.join("\0").into_bytes()
    }

    #[test]
    fn only_older_incarnations_of_the_same_agent_are_leftovers() {
        let older = environment(&["PATH=/bin", "SWEEP_AGENT=a", "SWEEP_INCARNATION=1"]);
        assert!(bears_older_mark(&older, "a", 2));
        assert!(!bears_older_mark(&older, "a", 1));
        assert!(!bears_older_mark(&older, "b", 2));
        assert!(!bears_older_mark(&environment(&["PATH=/bin"]), "a", 2));
    }

    #[test]
    fn a_marked_process_is_killed_and_an_unmarked_one_is_not() {
        let agent = format!("test-leftovers-{}", std::process::id());
        let start = |env: &[String]| {
            let mut command = std::process::Command::new("sleep");
            command.arg("600").envs(env.iter().filter_map(|entry| entry.split_once('=')));
            command.spawn().unwrap()
        };
        let mut marked = start(&marks(&agent, 1));
        let mut current = start(&marks(&agent, 2));
        assert_eq!(kill_older(&agent, 2), 1);
        assert!(!marked.wait().unwrap().success());
        assert!(current.try_wait().unwrap().is_none());
        current.kill().unwrap();
        current.wait().unwrap();
    }

    #[test]
    fn what_left_a_stopped_attempt_is_found_by_its_mark() {
        let agent = format!("test-escaped-{}", std::process::id());
        let start = |attempt: &str| {
            let mut command = std::process::Command::new("sleep");
            command.arg("600").env(AGENT_VARIABLE, &agent).env(ATTEMPT_VARIABLE, attempt);
            command.process_group(0).spawn().unwrap()
        };
        let (mut escaped, mut other) = (start("j1.2"), start("j1.21"));
        assert_eq!(kill_attempt(&agent, "j1.2"), 1);
        assert!(!escaped.wait().unwrap().success());
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
