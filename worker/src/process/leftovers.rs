//! Killing what an earlier incarnation of the agent left running.
//!
//! Runners die with the agent, but their own children need not. All of them inherit the marks that [`marks`] puts into
//! a runner's environment, and a new incarnation kills every process that bears its agent's id and an older number.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::procfs;

/// Names the agent, in every runner's environment.
pub const AGENT_VARIABLE: &str = "SWEEP_AGENT";
/// Counts the agent's starts, in every runner's environment.
pub const INCARNATION_VARIABLE: &str = "SWEEP_INCARNATION";

/// The environment entries that mark an incarnation's runners.
pub fn marks(agent: &str, incarnation: u64) -> [String; 2] {
    [format!("{AGENT_VARIABLE}={agent}"), format!("{INCARNATION_VARIABLE}={incarnation}")]
}

/// Kills the processes of earlier incarnations; how many there were. Only those of the same user can be seen.
pub fn kill(agent: &str, incarnation: u64) -> usize {
    // A killed process may have forked since the scan: look again until nothing is found, but not for ever.
    (0..10).map(|_| kill_once(agent, incarnation)).take_while(|&found| found > 0).sum()
}

fn kill_once(agent: &str, incarnation: u64) -> usize {
    let me = i32::try_from(std::process::id()).unwrap_or(-1);
    let found = procfs::processes().filter(|&pid| pid != me && is_leftover(pid, agent, incarnation));
    let killed: Vec<OwnedFd> = found.filter_map(|pid| kill_if(pid, || is_leftover(pid, agent, incarnation))).collect();
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

fn is_leftover(pid: i32, agent: &str, incarnation: u64) -> bool {
    let alive = procfs::stat(pid).is_some_and(|stat| !stat.is_dead());
    alive && procfs::environment(pid).is_some_and(|env| bears_older_mark(&env, agent, incarnation))
}

fn bears_older_mark(environment: &[u8], agent: &str, incarnation: u64) -> bool {
    let [ours, this_incarnation] = marks(agent, incarnation);
    let mut ours_found = false;
    let mut current = false;
    for entry in environment.split(|&byte| byte == 0) {
        ours_found |= entry == ours.as_bytes();
        current |= entry == this_incarnation.as_bytes();
    }
    ours_found && !current
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
        // `spawn` returns after a successful exec, so the new environment is in place.
        assert_eq!(kill(&agent, 2), 1);
        assert!(!marked.wait().unwrap().success());
        assert!(current.try_wait().unwrap().is_none());
        current.kill().unwrap();
        current.wait().unwrap();
    }
}
