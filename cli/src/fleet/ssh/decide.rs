//! From what a host says of itself to what is done there, or why not. Pure.

use std::net::IpAddr;

use sweep_link::Address;
use sweep_shared::hosts::Settings;

use super::probe::{Probe, Torch};
use super::trouble::Trouble;
use crate::format;

/// What is the same for all hosts.
pub struct Wanted<'a> {
    /// `None`: each host is told how it reaches us.
    pub coordinator: Option<&'a Address>,
    pub port: u16,
    pub our_host: &'a str,
    pub has_runner: bool,
    /// Minor version of the glibc that the programs take.
    pub glibc: Option<u32>,
    pub size_bytes: u64,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub launcher: Launcher,
    pub coordinator: String,
    /// For GPUs; `None`: our own libtorch, for the CPU.
    pub torch: Option<Torch>,
    /// Worth knowing, and no reason to stop.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Launcher {
    /// A unit of the user's own systemd, which goes on without a session and starts at boot.
    Systemd,
    /// A process of its own session that watches the agent.
    Detached,
}

impl Launcher {
    pub fn name(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::Detached => "detached",
        }
    }
}

/// The version that our programs are built for.
const TORCH: &str = "2.11.0";
/// Left free on the host's disk for checkpoints and the cache, at the least.
const SPARE_BYTES: u64 = 1 << 30;
/// What certificates forgive, with something to spare.
const MOST_AHEAD_S: i64 = 20 * 3600;
/// As `stat -f -c %T` calls file systems of other machines.
const NETWORK: [&str; 9] = ["nfs", "nfs4", "cifs", "smb", "smb2", "lustre", "gpfs", "ceph", "beegfs"];

pub fn decide(probe: &Probe, settings: &Settings, by_jump: bool, wanted: &Wanted<'_>) -> Result<Decision, Trouble> {
    if let Some(trouble) = unfit(probe, wanted) {
        return Err(trouble);
    }
    let mut notes = Vec::new();
    let torch = torch(probe, settings, wanted)?;
    let launcher = if probe.lingers { Launcher::Systemd } else { Launcher::Detached };
    if probe.systemd && !probe.lingers {
        notes.push(
            "it will not come back by itself after a reboot: `sudo loginctl enable-linger` there, then `sweep agents upgrade`"
                .to_owned(),
        );
    }
    if !wanted.has_runner {
        notes.push("no sweep-runner lies beside this sweep: only `command` stages will run there".to_owned());
    }
    if probe.ahead_s.abs() > 300 {
        notes.push(format!("its clock is {}", off(probe.ahead_s)));
    }
    Ok(Decision { launcher, coordinator: coordinator(probe, by_jump, wanted)?, torch, notes })
}

fn off(ahead_s: i64) -> String {
    let way = if ahead_s > 0 { "ahead" } else { "behind" };
    format!("{} {way}", format::duration(std::time::Duration::from_secs(ahead_s.unsigned_abs())))
}

/// Why nothing of ours can run there.
fn unfit(probe: &Probe, wanted: &Wanted<'_>) -> Option<Trouble> {
    if probe.system != "Linux" {
        return Some(Trouble::new(format!("it runs {}, and agents run on Linux", probe.system)));
    }
    if probe.arch != std::env::consts::ARCH {
        let ours = std::env::consts::ARCH;
        return Some(
            Trouble::new(format!("it is {}, and this sweep was built for {ours}", probe.arch))
                .remedy(format!("build sweep on a machine of {} and run `sweep agents launch` there", probe.arch)),
        );
    }
    if let Some(program) = probe.lacking.first() {
        return Some(Trouble::new(format!("it has no program {program}")).remedy("install coreutils and gawk there"));
    }
    if let Some(needed) = wanted.glibc {
        let has =
            probe.glibc.as_deref().and_then(|text| text.strip_prefix("glibc 2.")?.split('.').next()?.parse().ok());
        if has.is_none_or(|has: u32| has < needed) {
            let has = probe.glibc.as_deref().unwrap_or("another C library");
            return Some(
                Trouble::new(format!("it has {has}, and this sweep was built for glibc 2.{needed}"))
                    .remedy("build sweep on the oldest of your systems, and launch from there"),
            );
        }
    }
    if probe.ahead_s.abs() > MOST_AHEAD_S {
        return Some(
            Trouble::new(format!("its clock is {}: no certificate would count there", off(probe.ahead_s)))
                .remedy("set it (sudo timedatectl set-ntp true)"),
        );
    }
    let root = &probe.root;
    if !probe.writable {
        return Some(
            Trouble::new(format!("the folder {root} cannot be written"))
                .remedy("name another with `home:` in the file of hosts"),
        );
    }
    if NETWORK.contains(&probe.disk.as_str()) {
        return Some(
            Trouble::new(format!("{root} lies on a network file system ({})", probe.disk))
                .remedy("name a folder on a local disk with `home:` in the file of hosts"),
        );
    }
    // What is there already takes no more room; and what runs is its own judge.
    let needed = match &probe.state {
        state if state.runs() => 0,
        state if state.started_as.is_some() => SPARE_BYTES,
        _ => wanted.size_bytes + SPARE_BYTES,
    };
    let free = probe.free_bytes.filter(|free| *free < needed)?;
    Some(
        Trouble::new(format!(
            "{root} has {} free, and {} are needed",
            format::bytes(free as f64),
            format::bytes(needed as f64)
        ))
        .remedy("free some, or name a folder on another disk with `home:`"),
    )
}

/// The torch that brings CUDA, where there are GPUs to use.
fn torch(probe: &Probe, settings: &Settings, wanted: &Wanted<'_>) -> Result<Option<Torch>, Trouble> {
    if settings.cpu || !wanted.has_runner || probe.driver.is_none() {
        return Ok(None);
    }
    let fits = |torch: &&Torch| torch.cuda && torch.version.split('+').next() == Some(TORCH);
    if let Some(torch) = probe.torches.iter().find(fits) {
        return Ok(Some(torch.clone()));
    }
    let found = match probe.torches.first() {
        Some(torch) if torch.cuda => format!("torch {}", torch.version),
        Some(torch) => format!("torch {} without CUDA", torch.version),
        None => "no torch".to_owned(),
    };
    Err(Trouble::new(format!("it has NVIDIA's driver, and {found}; CUDA's libraries come with torch {TORCH}")).remedy(format!(
        "there: python3 -m venv ~/torch && ~/torch/bin/pip install torch=={TORCH}, then `torch: ~/torch` in the file of hosts; or \
         `cpu: true`, which leaves its GPUs alone"
    )))
}

/// How the agent there finds the coordinator: as it was named; else our host's name, where that means something there; else the
/// address from which we came.
fn coordinator(probe: &Probe, by_jump: bool, wanted: &Wanted<'_>) -> Result<String, Trouble> {
    if let Some(address) = wanted.coordinator {
        return Ok(address.url());
    }
    let ip = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<IpAddr>().ok());
    if ip(&probe.resolved).is_some_and(|ip| !ip.is_loopback()) {
        return Ok(format!("https://{}:{}", wanted.our_host, wanted.port));
    }
    match ip(&probe.peer) {
        Some(IpAddr::V6(ip)) if !by_jump => Ok(format!("https://[{ip}]:{}", wanted.port)),
        Some(ip) if !by_jump => Ok(format!("https://{ip}:{}", wanted.port)),
        _ => Err(Trouble::new(format!("the name {} of this machine means nothing there", wanted.our_host))
            .remedy("say how it reaches the coordinator: `coordinator: https://…` in the file of hosts")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fine() -> Probe {
        Probe {
            system: "Linux".into(),
            arch: std::env::consts::ARCH.into(),
            glibc: Some("glibc 2.36".into()),
            root: "/home/ada/.local/share/sweep-agent".into(),
            writable: true,
            disk: "ext2/ext3".into(),
            free_bytes: Some(10 << 30),
            peer: Some("10.0.0.7".into()),
            ..Probe::default()
        }
    }

    fn wanted() -> Wanted<'static> {
        Wanted {
            coordinator: None,
            port: 7433,
            our_host: "desk",
            has_runner: true,
            glibc: Some(34),
            size_bytes: 1 << 30,
        }
    }

    fn decided(probe: &Probe) -> Result<Decision, Trouble> {
        decide(probe, &Settings::default(), false, &wanted())
    }

    #[test]
    fn a_host_as_they_are_gets_an_agent() {
        let plain = decided(&fine()).unwrap();
        assert_eq!((plain.launcher, plain.torch, plain.notes), (Launcher::Detached, None, vec![]));
        let unit = decided(&Probe { systemd: true, lingers: true, ..fine() }).unwrap();
        assert_eq!((unit.launcher, unit.notes), (Launcher::Systemd, vec![]));
        let once = decided(&Probe { systemd: true, ..fine() }).unwrap();
        assert!(once.launcher == Launcher::Detached && once.notes[0].contains("enable-linger"));
    }

    #[test]
    fn what_cannot_be_is_told_with_a_remedy() {
        let cases = [
            (Probe { system: "Darwin".into(), ..fine() }, "agents run on Linux"),
            (Probe { arch: "riscv64".into(), ..fine() }, "it is riscv64"),
            (
                Probe { glibc: Some("glibc 2.31".into()), ..fine() },
                "it has glibc 2.31, and this sweep was built for glibc 2.34",
            ),
            (Probe { glibc: None, ..fine() }, "another C library"),
            (Probe { lacking: vec!["sha256sum".into()], ..fine() }, "no program sha256sum"),
            (Probe { writable: false, ..fine() }, "name another with `home:`"),
            (Probe { disk: "nfs".into(), ..fine() }, "a folder on a local disk"),
            (Probe { free_bytes: Some(1 << 30), ..fine() }, "has 1.07 GB free, and 2.15 GB are needed"),
            (Probe { ahead_s: -90_000, ..fine() }, "behind: no certificate"),
            (
                Probe { driver: Some("580.65".into()), ..fine() },
                "and no torch; CUDA's libraries come with torch 2.11.0",
            ),
            (Probe { peer: None, ..fine() }, "means nothing there; say how it reaches the coordinator"),
        ];
        for (probe, told) in cases {
            let trouble = decided(&probe).expect_err(told).to_string();
            assert!(trouble.contains(told), "{trouble}");
        }
    }

    #[test]
    fn a_gpu_takes_a_torch_that_fits() {
        let torch = |version: &str, cuda| Torch { version: version.into(), cuda, folders: vec!["/t/lib".into()] };
        let host = |torches| Probe { driver: Some("580".into()), torches, ..fine() };
        let good = torch("2.11.0+cu130", true);
        assert_eq!(decided(&host(vec![torch("2.9.0", true), good.clone()])).unwrap().torch, Some(good));
        for other in [torch("2.11.1", true), torch("2.11.0+cpu", false)] {
            let told = decided(&host(vec![other.clone()])).unwrap_err().to_string();
            assert!(told.contains(&other.version) && told.contains("cpu: true"), "{told}");
        }
        let cpu = Settings { cpu: true, ..Settings::default() };
        assert_eq!(decide(&host(vec![]), &cpu, false, &wanted()).unwrap().torch, None);
    }

    #[test]
    fn the_coordinator_is_called_as_the_host_can_reach_it() {
        let url =
            |probe: &Probe, by_jump| decide(probe, &Settings::default(), by_jump, &wanted()).map(|d| d.coordinator);
        let knows = Probe { resolved: Some("10.0.0.9".into()), ..fine() };
        assert_eq!(url(&knows, true).unwrap(), "https://desk:7433");
        let itself = Probe { resolved: Some("127.0.1.1".into()), ..fine() };
        assert_eq!(url(&itself, false).unwrap(), "https://10.0.0.7:7433");
        assert_eq!(url(&Probe { peer: Some("fd00::7".into()), ..fine() }, false).unwrap(), "https://[fd00::7]:7433");
        assert!(url(&fine(), true).is_err());
        let named = "https://lab.example.org".parse().unwrap();
        let wanted = Wanted { coordinator: Some(&named), ..wanted() };
        let decided = decide(&fine(), &Settings::default(), true, &wanted).unwrap();
        assert_eq!(decided.coordinator, "https://lab.example.org:7433");
    }
}
