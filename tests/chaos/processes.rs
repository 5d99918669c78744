//! What `/proc` tells about processes that bear a mark in their environment.

use std::fs;
use std::process::{Command, Stdio};

/// Those alive whose environment has an entry that begins with each of the marks.
pub fn bearing(marks: &[&str]) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("there is /proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| is_alive(*pid) && bears(*pid, marks)).collect()
}

fn bears(pid: u32, marks: &[&str]) -> bool {
    let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { return false };
    let has = |mark: &&str| environment.split(|byte| *byte == 0).any(|entry| entry.starts_with(mark.as_bytes()));
    marks.iter().all(has)
}

/// Zombies are dead.
fn is_alive(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Whether there was somebody to take the signal.
pub fn signal(pid: u32, signal: &str) -> bool {
    let status = Command::new("kill").args([signal, &pid.to_string()]).stderr(Stdio::null()).status();
    status.expect("kill runs").success()
}

/// Whether it handles SIGTERM by now; a process that has just been started does not.
pub fn handles_term(pid: u32) -> bool {
    const TERM: u64 = 1 << (15 - 1);
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { return false };
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & TERM != 0)
}

/// The cores that this process may use.
pub fn cores() -> Vec<u32> {
    let status = fs::read_to_string("/proc/self/status").expect("there is /proc");
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("the kernel tells");
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        first.parse::<u32>().expect("a number")..=last.parse().expect("a number")
    };
    list.trim().split(',').flat_map(range).collect()
}
