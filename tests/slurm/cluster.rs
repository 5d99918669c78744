//! Slurm with two nodes of one place each, in a network that nobody else sees.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sched::{CloneFlags, unshare};

use crate::process::Process;

/// Where everything listens. Not loopback's own: names are looked up by getaddrinfo, which takes that for no network.
pub const ADDRESS: &str = "10.78.0.1";
pub const NODES: [&str; 2] = ["n1", "n2"];

/// A network namespace. It goes with the last process in it and the last descriptor to it.
pub struct Network {
    namespace: File,
}

impl Network {
    /// Needs root.
    pub fn new() -> io::Result<Self> {
        // A namespace belongs to a thread, so a thread of its own goes there and comes not back.
        std::thread::spawn(Self::enter).join().expect("making a network does not panic")
    }

    fn enter() -> io::Result<Self> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        let cidr = format!("{ADDRESS}/32");
        for args in [&["link", "set", "lo", "up"][..], &["addr", "add", &cidr, "dev", "lo"]] {
            let output = Command::new("ip").args(args).output()?;
            if !output.status.success() {
                return Err(io::Error::other(format!("ip {args:?}: {}", String::from_utf8_lossy(&output.stderr))));
            }
        }
        Ok(Self { namespace: File::open("/proc/thread-self/ns/net")? })
    }

    /// A command that will run in this network, and not outlive the thread that starts it.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("setpriv");
        let namespace = format!("--net=/proc/{}/fd/{}", std::process::id(), self.namespace.as_raw_fd());
        command.args(["--pdeathsig", "KILL", "nsenter", &namespace, "--"]).arg(program);
        command
    }
}

/// Dropped, it takes every process of it, jobs and all.
pub struct Cluster {
    nodes: BTreeMap<&'static str, Process>,
    _controller: Process,
    _munged: Process,
    pub network: Network,
    folder: PathBuf,
}

impl Cluster {
    /// A Slurm in this folder, with its nodes idle.
    pub fn new(folder: &Path) -> Self {
        let network = Network::new().unwrap();
        fs::create_dir_all(folder.join("state")).unwrap();
        let munged = munge(&network, folder);
        fs::write(folder.join("slurm.conf"), configuration(folder)).unwrap();
        let conf = folder.join("slurm.conf");
        let mut controller = network.command("slurmctld");
        controller.arg("-D").env("SLURM_CONF", &conf);
        let controller = Process::start("slurmctld", controller);
        controller.said.wait_for("Running as primary controller");
        let mut cluster = Self {
            nodes: BTreeMap::new(),
            _controller: controller,
            _munged: munged,
            network,
            folder: folder.to_owned(),
        };
        for node in NODES {
            cluster.boot(node);
        }
        cluster
    }

    pub fn conf(&self) -> PathBuf {
        self.folder.join("slurm.conf")
    }

    /// A node with processes of its own: one that is dropped leaves none behind, as if its plug had been pulled.
    pub fn boot(&mut self, node: &'static str) {
        let mut command = self.network.command("unshare");
        // The shell is the node's first process, to whom orphans fall.
        command.args(["--pid", "--fork", "--kill-child=KILL", "--mount-proc", "bash", "-c"]);
        command.arg(format!("slurmd -D -N {node} & wait")).env("SLURM_CONF", self.conf());
        let process = Process::start(node, command);
        process.said.wait_for("slurmd started");
        self.nodes.insert(node, process);
    }

    pub fn pull_the_plug(&mut self, node: &str) {
        self.nodes.remove(node).expect("it runs");
    }

    /// A command of Slurm's that succeeds; what it says.
    pub fn slurm(&self, argv: &[&str]) -> String {
        let mut command = self.network.command(argv[0]);
        let output = command.args(&argv[1..]).env("SLURM_CONF", self.conf()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(output.status.success(), "{argv:?}: {said}");
        said
    }
}

/// By which Slurm's parts know each other.
fn munge(network: &Network, folder: &Path) -> Process {
    let folder = folder.join("munge");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o711)).unwrap();
    let key = folder.join("key");
    fs::write(&key, blake3::hash(folder.as_os_str().as_encoded_bytes()).as_bytes()).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
    let mut command = network.command("munged");
    let file = |option: &str, name: &str| format!("--{option}={}", folder.join(name).display());
    command.args(["--foreground", "--force"]);
    command.args([
        file("key-file", "key"),
        file("socket", "socket"),
        file("pid-file", "pid"),
        file("seed-file", "seed"),
    ]);
    let process = Process::start("munged", command);
    process.said.wait_for("work threads");
    process
}

/// What is in a file and what comes.
pub fn tail(file: &Path) -> Process {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "tail", "--quiet", "-n", "+1", "-F"]).arg(file);
    Process::start(&file.display().to_string(), command)
}

fn configuration(folder: &Path) -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let (host, folder) = (host.trim(), folder.display());
    let node = |(port, node): (u16, &str)| {
        format!("NodeName={node} NodeHostname={host} NodeAddr={ADDRESS} Port={port} CPUs=1")
    };
    let nodes = (26831..).zip(NODES).map(node).collect::<Vec<String>>().join("\n");
    // A job that went back to the queue waits until the credentials of its last turn have expired: here not for two minutes.
    format!(
        "ClusterName=ci
SlurmctldHost={host}({ADDRESS})
SlurmUser=root
AuthInfo=socket={folder}/munge/socket,cred_expire=5
SlurmctldPort=26820
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=0
ReturnToService=2
KillWait=30
{nodes}
PartitionName=lab Nodes=ALL Default=YES State=UP
"
    )
}
