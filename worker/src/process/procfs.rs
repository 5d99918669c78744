//! What `/proc` tells. Processes vanish while one reads: every answer is optional.

use std::fs;
use std::time::Duration;

/// A line of `/proc/<pid>/stat`, as far as needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    pub state: char,
    pub group: i32,
    /// It is just becoming another program (`execve`): there is memory for that, but its environment is not in it yet.
    pub changes: bool,
}

impl Stat {
    /// A zombie, or about to be removed.
    pub fn is_dead(self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }
}

/// The ids of all processes.
pub fn processes() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

pub fn stat(pid: i32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name in parentheses may itself hold spaces and parentheses: fields count from the last one.
fn parse_stat(line: &str) -> Option<Stat> {
    let mut fields = line.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let group = fields.nth(1)?.parse().ok()?;
    // The fields 23 (vsize) and 51 (env_end) of proc_pid_stat(5). The kernel's own threads have no memory either.
    let (memory, environment) = (fields.nth(17), fields.nth(27));
    let changes = memory.is_some_and(|bytes| bytes != "0") && environment == Some("0");
    Some(Stat { state, group, changes })
}

/// `python3 (812, asleep in the kernel)`.
pub fn describe(pid: i32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    let doing = match stat(pid)?.state {
        'D' => "asleep in the kernel",
        'T' => "stopped",
        't' => "held by a debugger",
        'Z' | 'X' | 'x' => return None,
        _ => "running",
    };
    Some(format!("{} ({pid}, {doing})", name.trim_end()))
}

/// The environment the process was started with, as `NAME=value` separated by zero bytes. One that is just becoming another program
/// has none until it is that, which is waited for: it takes microseconds, unless nobody lets it run.
pub fn environment(pid: i32) -> Option<Vec<u8>> {
    const LOOKS: u32 = 100;
    const MOMENT: Duration = Duration::from_millis(1);
    for _ in 1..LOOKS {
        let environment = read_environment(pid)?;
        if !environment.is_empty() {
            return Some(environment);
        }
        if !stat(pid)?.changes {
            // It has none; or it has become the other program since.
            break;
        }
        std::thread::sleep(MOMENT);
    }
    read_environment(pid)
}

fn read_environment(pid: i32) -> Option<Vec<u8>> {
    fs::read(format!("/proc/{pid}/environ")).ok()
}

/// Resident memory of one process.
pub fn resident_bytes(pid: i32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    // SAFETY: asks for a constant.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages * page.max(1) as u64)
}

/// What these processes have in RAM together. Pages that several share are counted once, which takes the kernel longer to
/// tell, so it is asked for that only where there are several.
pub fn resident_together(pids: &[i32]) -> u64 {
    match *pids {
        [only] => resident_bytes(only).unwrap_or(0),
        _ => pids.iter().filter_map(|pid| shared_out_bytes(*pid).or_else(|| resident_bytes(*pid))).sum(),
    }
}

/// Resident memory, of each shared page the share that falls to this process.
fn shared_out_bytes(pid: i32) -> Option<u64> {
    parse_pss(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?)
}

fn parse_pss(text: &str) -> Option<u64> {
    let kibibytes: u64 =
        text.lines().find_map(|line| line.strip_prefix("Pss:"))?.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// How many processes the kernel's out-of-memory killer has ended since boot.
pub fn oom_kills() -> Option<u64> {
    let text = fs::read_to_string("/proc/vmstat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_parentheses_does_not_shift_the_fields() {
        let stat = parse_stat("42 (a) b (c) S 1 40 40 0 -1 4194304").unwrap();
        assert_eq!(stat, Stat { state: 'S', group: 40, changes: false });
        assert!(parse_stat("42 (cut").is_none());
    }

    #[test]
    fn a_process_is_never_caught_without_its_environment() {
        for _ in 0..50 {
            let mut child = std::process::Command::new("sleep").arg("600").env("MARKED", "1").spawn().unwrap();
            let environment = environment(i32::try_from(child.id()).unwrap()).unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(environment.split(|byte| *byte == 0).any(|entry| entry == b"MARKED=1"));
        }
    }

    #[test]
    fn a_process_without_an_environment_is_no_riddle() {
        let mut child = std::process::Command::new("sleep").arg("600").env_clear().spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        assert_eq!(environment(pid), Some(Vec::new()));
        let line = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!parse_stat(&line).unwrap().changes, "{line}");
        let mut fields: Vec<&str> = line.split(' ').collect();
        fields[50] = "0";
        assert!(parse_stat(&fields.join(" ")).unwrap().changes, "{line}");
    }

    #[test]
    fn the_share_of_shared_pages_is_found_in_what_the_kernel_tells() {
        let told =
            "00400000-7ffd [rollup]\nRss:                2000 kB\nPss:                1500 kB\nPss_Anon:  9 kB\n";
        assert_eq!(parse_pss(told), Some(1500 << 10));
        assert_eq!(parse_pss("Rss: 1 kB\n"), None);
    }

    #[test]
    fn this_process_is_listed_alive_and_resident() {
        let me = i32::try_from(std::process::id()).unwrap();
        assert!(processes().any(|pid| pid == me));
        assert!(!stat(me).unwrap().is_dead());
        assert!(resident_bytes(me).unwrap() > 1 << 20);
    }
}
