//! Which processes belong to an attempt: its memory is theirs, and it is over when they are.

use super::cgroup::Lookup;
use super::{leftovers, procfs};

/// Finds an attempt's processes at any time: those in its control group; or else those of its runner's process group, and
/// those that left that and bear the attempt's mark. Cheap to clone; it may outlive them.
#[derive(Debug, Clone)]
pub struct Members {
    /// The agent's id.
    agent: String,
    /// What [`leftovers::ATTEMPT_VARIABLE`] was set to.
    attempt: String,
    /// The runner's process id.
    group: i32,
    /// Its control group, where there is one.
    cgroup: Option<Lookup>,
}

impl Members {
    pub fn new(agent: &str, attempt: String, group: i32, cgroup: Option<Lookup>) -> Self {
        Self { agent: agent.to_owned(), attempt, group, cgroup }
    }

    /// The living ones, now. Where there are no control groups this looks through `/proc`, which takes some milliseconds where
    /// there are many: not for the agent's own thread.
    pub fn pids(&self) -> Vec<i32> {
        match &self.cgroup {
            Some(cgroup) => cgroup.pids(),
            None => procfs::processes().filter(|pid| self.has(*pid)).collect(),
        }
    }

    /// Whether this is one of the living ones.
    pub fn has(&self, pid: i32) -> bool {
        if let Some(cgroup) = &self.cgroup {
            return cgroup.pids().contains(&pid);
        }
        let Some(stat) = procfs::stat(pid).filter(|stat| !stat.is_dead()) else { return false };
        stat.group == self.group || leftovers::is_of_attempt(pid, &self.agent, &self.attempt)
    }

    /// Who they are, for somebody who wants to know what does not end: `python3 (812, asleep in the kernel)`.
    pub fn describe(&self) -> String {
        let described: Vec<String> = self.pids().into_iter().filter_map(procfs::describe).collect();
        described.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::{Child, Command};

    use super::*;

    fn start(group: i32, marks: &[(&str, &str)]) -> (Child, i32) {
        let mut command = Command::new("sleep");
        command.arg("600").env_clear().envs(marks.iter().copied()).process_group(group);
        let child = command.spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        (child, pid)
    }

    #[test]
    fn the_group_and_what_left_it_are_found_and_nothing_else() {
        let agent = format!("test-members-{}", std::process::id());
        let marks = [(leftovers::AGENT_VARIABLE, agent.as_str()), (leftovers::ATTEMPT_VARIABLE, "j1.2")];
        let other = [(leftovers::AGENT_VARIABLE, agent.as_str()), (leftovers::ATTEMPT_VARIABLE, "j1.21")];
        let (mut leader, group) = start(0, &marks);
        let (mut inside, unmarked) = start(group, &[]);
        let (mut escaped, marked) = start(0, &marks);
        let (mut stranger, _) = start(0, &other);
        let members = Members::new(&agent, "j1.2".to_owned(), group, None);
        let mut expected = vec![group, unmarked, marked];
        let mut found = members.pids();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected);
        for child in [&mut leader, &mut inside, &mut escaped, &mut stranger] {
            child.kill().unwrap();
        }
        // Dead, though nobody has collected them yet.
        while !members.pids().is_empty() {
            std::thread::yield_now();
        }
        for child in [&mut leader, &mut inside, &mut escaped, &mut stranger] {
            child.wait().unwrap();
        }
    }
}
