//! Hosts that are reached by SSH: a real sshd on each, with a key and a home folder of its own, and the client's configuration.

use std::fs::{self, Permissions};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use sweep_tests::binary;

use crate::process::Process;
use crate::world::{COORDINATOR, World, name};

pub const SSHD: &str = "/usr/sbin/sshd";
const PORT: u16 = 2222;
/// A host of that name, which then becomes the program.
const NAMED: &str = r#"echo "$1" > /proc/sys/kernel/hostname; shift; exec "$@""#;

/// Dropped, it takes what was brought up with it.
pub struct Reached {
    pub world: World,
    servers: Vec<Process>,
    /// The program that is copied to hosts: alone, and without what debuggers need.
    program: PathBuf,
}

impl Reached {
    /// The coordinator's host may come to these by `ssh a` and `ssh b`.
    pub fn new(mut world: World, hosts: &[Ipv4Addr]) -> Self {
        let bin = world.folder().join("bin");
        fs::create_dir(&bin).unwrap();
        let program = bin.join("sweep");
        run(Command::new("strip").arg("-o").arg(&program).arg(binary("sweep")));
        let key = world.folder().join("client");
        keygen(&key);
        fs::write(world.folder().join("ssh_config"), "").unwrap();
        fs::write(world.folder().join("known_hosts"), "").unwrap();
        // sshd wants this folder, whatever its configuration says.
        fs::create_dir_all("/run/sshd").unwrap();
        let mut servers = Vec::new();
        for host in hosts {
            world.boot(*host);
            servers.push(serve(&world, *host));
        }
        Self { world, servers, program }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.world.folder().join(name)
    }

    /// Closes every connection that there is, and lets nobody in any more.
    pub fn close_servers(&mut self) {
        self.servers.clear();
    }

    pub fn open_servers(&mut self, hosts: &[Ipv4Addr]) {
        self.servers = hosts.iter().map(|host| serve(&self.world, *host)).collect();
    }

    /// A file of hosts, from its list.
    pub fn list(&self, hosts: &str) -> String {
        let path = self.file("hosts.yaml");
        fs::write(&path, format!("ssh_config: ssh_config\nhosts:\n{hosts}")).unwrap();
        path.display().to_string()
    }

    /// As [`World::user`], with the program that is to be copied.
    pub fn agents(&self, args: &[&str]) -> (Option<i32>, String) {
        let mut command = self.world.on(COORDINATOR, &self.program);
        command.env("SWEEP_HOME", self.world.home(COORDINATOR)).env_remove("SWEEP_COORDINATOR");
        command.env_remove("SSH_AUTH_SOCK").arg("agents").args(args);
        let (status, said) = Process::start(&format!("sweep agents {}", args.join(" ")), command).finish();
        (status.code(), said)
    }

    /// The rows that the command prints, by host; and its exit code.
    pub fn rows(&self, args: &[&str]) -> (Option<i32>, Vec<Value>) {
        let (code, said) = self.agents(&[args, &["--json", "-q"]].concat());
        let begin = said.find('[').unwrap_or_else(|| panic!("no document: {said}"));
        let mut rows = serde_json::Deserializer::from_str(&said[begin..]).into_iter::<Vec<Value>>();
        (code, rows.next().and_then(Result::ok).unwrap_or_else(|| panic!("no document: {said}")))
    }

    /// The folder on the host that holds all that was put there.
    pub fn root(&self, host: Ipv4Addr) -> PathBuf {
        self.file(&format!("home-{}", name(host))).join(".local/share/sweep-agent")
    }

    /// The host's agents that run now; the keeper is none.
    pub fn agent_pids(&self, host: Ipv4Addr) -> Vec<Pid> {
        processes(&self.root(host))
            .into_iter()
            .filter(|(_, words)| !words.contains("--keep"))
            .map(|(pid, _)| pid)
            .collect()
    }
}

impl Drop for Reached {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for server in &self.servers {
                eprintln!("--- {} said:\n{}", server.said.name, server.said.all().join("\n"));
            }
        }
        // They have left the sessions that began them, and nobody else would end them. Keepers first, so that they start nobody.
        for keeper in [true, false] {
            for (pid, words) in processes(self.world.folder()) {
                if words.contains("--keep") == keeper {
                    let _ = kill(pid, Signal::SIGKILL);
                }
            }
        }
    }
}

/// Processes of `sweep agent` whose SWEEP_HOME lies in the folder, with their arguments.
fn processes(folder: &Path) -> Vec<(Pid, String)> {
    let home = format!("SWEEP_HOME={}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|pid| pid.parse().ok()) else { continue };
        let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
        let words = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
        let environment = String::from_utf8_lossy(&read("environ")).into_owned();
        let is_agent = words.split(' ').nth(1) == Some("agent");
        if is_agent && environment.split('\0').any(|variable| variable.starts_with(&home)) {
            found.push((Pid::from_raw(pid), words));
        }
    }
    found
}

fn run(command: &mut Command) {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn keygen(path: &Path) {
    let _ = fs::remove_file(path);
    run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path));
}

fn add(path: &Path, text: &str) {
    let before = fs::read_to_string(path).unwrap();
    fs::write(path, before + text).unwrap();
}

/// Starts the host's sshd. The first time it gets its key, which the client knows from then on.
fn serve(world: &World, host: Ipv4Addr) -> Process {
    let (folder, name) = (world.folder(), name(host));
    let key = folder.join(format!("host-{name}"));
    let (home, here) = (folder.join(format!("home-{name}")), folder.display());
    if !key.exists() {
        keygen(&key);
        fs::create_dir(&home).unwrap();
        fs::set_permissions(&home, Permissions::from_mode(0o700)).unwrap();
        let public = fs::read_to_string(key.with_extension("pub")).unwrap();
        add(&folder.join("known_hosts"), &format!("[{host}]:{PORT} {public}"));
        let client = format!(
            "Host {name}\n HostName {host}\n Port {PORT}\n User root\n IdentityFile {here}/client\n IdentitiesOnly yes\n\
             \x20UserKnownHostsFile {here}/known_hosts\n GlobalKnownHostsFile none\n ConnectTimeout 10\n ServerAliveInterval 3\n"
        );
        add(&folder.join("ssh_config"), &client);
        let server = format!(
            "ListenAddress {host}\nPort {PORT}\nHostKey {}\nAuthorizedKeysFile {here}/client.pub\nStrictModes no\nUsePAM no\n\
             PidFile none\nPasswordAuthentication no\nSetEnv HOME={}\n",
            key.display(),
            home.display()
        );
        fs::write(folder.join(format!("sshd-{name}")), server).unwrap();
    }
    let mut command = world.on(host, Path::new("unshare"));
    command
        .args(["--uts", "sh", "-c", NAMED, "sh", name, SSHD, "-D", "-e", "-f"])
        .arg(folder.join(format!("sshd-{name}")));
    let server = Process::start(&format!("sshd on {name}"), command);
    server.said.wait_for("Server listening");
    server
}
