//! A host, reached through the system's OpenSSH: its configuration, its agent, its jump hosts, its known hosts.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use sweep_shared::hosts::Host;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::script::{Answer, Script};
use super::trouble::{self, Trouble};
use crate::exit::{Failure, Outcome};

/// How hosts are reached. One for a command; its connections end with it.
pub struct Ssh {
    config: Option<PathBuf>,
    /// Of identities: relative to the file of hosts.
    folder: PathBuf,
    /// For the sockets of shared connections and what ssh complains of; nobody else's.
    private: TempDir,
}

/// A host with what OpenSSH's configuration says of it.
pub struct Remote<'a> {
    ssh: &'a Ssh,
    pub host: &'a Host,
    facts: Facts,
}

/// Of `ssh -G`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Facts {
    /// The user shares connections already, perhaps one that took a password to open.
    shares: bool,
    /// Through another host: what the host believes to be our address is not ours.
    by_jump: bool,
    /// The user has chosen how long a host may take to answer, and how often a silent one is asked whether it is still there.
    waits: bool,
    asks: bool,
}

/// What follows a script on its input.
pub enum Input<'a> {
    Text(&'a str),
    File { path: &'a Path, offset: u64, sent: &'a (dyn Fn(u64) + Send + Sync) },
}

/// What a script may take that only looks.
const LOOK: Duration = Duration::from_mins(2);
/// Piece of a file in one write.
const PIECE: usize = 256 << 10;

/// Whatever the user's configuration says: no questions, nothing else over our connections. How keys are checked is the user's.
pub const OPTIONS: [&str; 7] = [
    "BatchMode=yes",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "RequestTTY=no",
    "RemoteCommand=none",
    "PermitLocalCommand=no",
];

impl Ssh {
    pub fn new(config: Option<PathBuf>, folder: &Path) -> Outcome<Self> {
        // Sockets' paths are short: 104 bytes on some systems, of which ssh takes 17 for itself.
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_dir());
        let within = runtime.filter(|path| path.as_os_str().len() < 30).unwrap_or_else(|| PathBuf::from("/tmp"));
        let private = tempfile::Builder::new()
            .prefix("sweep-ssh-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .tempdir_in(&within)
            .map_err(|error| Failure::usage(format!("cannot make a folder in {}: {error}", within.display())))?;
        Ok(Self { config, folder: folder.to_owned(), private })
    }

    /// Asks OpenSSH what it knows of the host; contacts nobody.
    pub async fn remote<'a>(&'a self, host: &'a Host) -> Result<Remote<'a>, Trouble> {
        let mut remote = Remote { ssh: self, host, facts: Facts::default() };
        let mut command = remote.bare(&["-G"]);
        command.args(["--", &host.destination]).stdin(Stdio::null());
        let output = command.output().await.map_err(|error| no_ssh(&error))?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(Trouble::new(format!("ssh does not like it: {}", trouble::last_line(&said))));
        }
        remote.facts = facts(&String::from_utf8_lossy(&output.stdout));
        Ok(remote)
    }
}

fn no_ssh(error: &std::io::Error) -> Trouble {
    Trouble::new(format!("the program ssh cannot be started: {error}"))
        .remedy("install OpenSSH's client (sudo apt install openssh-client)")
}

fn facts(configuration: &str) -> Facts {
    let value = |name: &str| {
        let lines = configuration.lines().filter_map(|line| line.split_once(' '));
        lines.into_iter().find(|(key, value)| *key == name && *value != "none").map(|(_, value)| value)
    };
    let by_jump = value("proxyjump").is_some() || value("proxycommand").is_some();
    let number = |name: &str| value(name).is_some_and(|value| value.parse::<u32>().is_ok_and(|number| number > 0));
    Facts {
        shares: value("controlpath").is_some(),
        by_jump,
        waits: number("connecttimeout"),
        asks: number("serveraliveinterval"),
    }
}

impl Remote<'_> {
    pub fn by_jump(&self) -> bool {
        self.facts.by_jump
    }

    /// As a user would type it.
    fn typed(&self) -> String {
        match self.host.settings.port {
            Some(port) => format!("-p {port} {}", self.host.destination),
            None => self.host.destination.clone(),
        }
    }

    fn command(&self, first: &[&str]) -> Command {
        let mut command = self.bare(first);
        for option in OPTIONS {
            command.args(["-o", option]);
        }
        if !self.facts.waits {
            command.args(["-o", "ConnectTimeout=15"]);
        }
        if !self.facts.asks {
            command.args(["-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"]);
        }
        command
    }

    /// What the file of hosts says.
    fn bare(&self, first: &[&str]) -> Command {
        let mut command = Command::new("ssh");
        command.args(first).kill_on_drop(true).env("LC_ALL", "C");
        if let Some(config) = &self.ssh.config {
            command.arg("-F").arg(config);
        }
        if let Some(port) = self.host.settings.port {
            command.args(["-p", &port.to_string()]);
        }
        if let Some(identity) = &self.host.settings.identity {
            command.arg("-i").arg(super::local_path(&self.ssh.folder, identity));
        }
        command
    }

    fn shared(&self, command: &mut Command) {
        if !self.facts.shares {
            let socket = self.ssh.private.path().join("%C");
            command.args(["-o", "ControlMaster=auto", "-o", "ControlPersist=20", "-o"]);
            command.arg(format!("ControlPath={}", socket.display()));
        }
    }

    /// Runs a script that only looks, or changes little.
    pub async fn ask(&self, script: &Script, input: &str) -> Result<Answer, Trouble> {
        match tokio::time::timeout(LOOK, self.run(script, Input::Text(input))).await {
            Ok(answer) => answer,
            Err(_) => Err(Trouble::new(format!("the host did not answer within {}", crate::format::duration(LOOK)))
                .remedy("a driver or a network disk may hang there; look with ssh")
                .passing()),
        }
    }

    /// Runs a script to its end, however long that takes.
    pub async fn run(&self, script: &Script, input: Input<'_>) -> Result<Answer, Trouble> {
        // Into a file: a connection that stays open for those after us would hold a pipe open, too.
        let complaints = tempfile::tempfile_in(self.ssh.private.path()).map_err(lost)?;
        let mut command = self.command(&[]);
        self.shared(&mut command);
        command.args(["--", &self.host.destination, &script.command()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(complaints.try_clone().map_err(lost)?);
        let mut child = command.spawn().map_err(|error| no_ssh(&error))?;
        let (mut stdin, stdout) = (child.stdin.take().expect("it is piped"), child.stdout.take().expect("it is piped"));
        let feed = async move {
            // Where the other side is gone, its end says why.
            if stdin.write_all(script.bytes()).await.is_ok() {
                let _ = send(&mut stdin, input).await;
            }
        };
        let mut said = Vec::new();
        let mut stdout = stdout.take(MOST_SAID);
        let ((), read, status) = tokio::join!(feed, stdout.read_to_end(&mut said), child.wait());
        read.map_err(lost)?;
        let text = String::from_utf8_lossy(&said).into_owned();
        self.understood(status.map_err(lost)?, &text, &read_back(complaints)).await
    }

    /// Runs a script whose output goes where ours goes, until it ends.
    pub async fn pass_on(&self, script: &Script, out: &mut (impl FnMut(&[u8]) + Send)) -> Result<Answer, Trouble> {
        let complaints = tempfile::tempfile_in(self.ssh.private.path()).map_err(lost)?;
        let mut command = self.command(&[]);
        self.shared(&mut command);
        command.args(["--", &self.host.destination, &script.command()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(complaints.try_clone().map_err(lost)?);
        let mut child = command.spawn().map_err(|error| no_ssh(&error))?;
        let mut stdin = child.stdin.take().expect("it is piped");
        // It stays open: the host sees our end by its end.
        let _ = stdin.write_all(script.bytes()).await;
        let mut stdout = tokio::io::BufReader::new(child.stdout.take().expect("it is piped"));
        let (mut said, mut line) = (String::new(), Vec::new());
        loop {
            line.clear();
            let read = tokio::io::AsyncBufReadExt::read_until(&mut stdout, b'\n', &mut line).await.map_err(lost)?;
            match line.strip_prefix(b"sweep:") {
                _ if read == 0 => break,
                Some(_) => said += &String::from_utf8_lossy(&line),
                None => out(&line),
            }
        }
        let status = child.wait().await.map_err(lost)?;
        self.understood(status, &said, &read_back(complaints)).await
    }

    async fn understood(&self, status: ExitStatus, said: &str, complaints: &str) -> Result<Answer, Trouble> {
        let answer = Answer::parse(said);
        if let Some(why) = answer.get("failed") {
            let last = trouble::last_line(complaints);
            let what = if last.is_empty() { why.to_owned() } else { format!("{why}: {last}") };
            return Err(Trouble::new(what));
        }
        match status.code() {
            Some(0) => Ok(answer),
            Some(255) | None => {
                let fingerprint = if trouble::is_distrust(complaints) { self.fingerprint().await } else { None };
                Err(trouble::of_ssh(complaints, &self.typed(), fingerprint.as_deref()))
            }
            Some(code) => {
                let last = trouble::last_line(complaints);
                Err(Trouble::new(format!("a script of ours ended there with {code}: {last}")))
            }
        }
    }

    /// Of the key that the host shows, by whatever way it is reached.
    async fn fingerprint(&self) -> Option<String> {
        let mut command = self.command(&["-v"]);
        command.args(["--", &self.host.destination, "exit"]).stdin(Stdio::null());
        let output = tokio::time::timeout(LOOK, command.output()).await.ok()?.ok()?;
        let said = String::from_utf8_lossy(&output.stderr);
        said.lines().rev().find_map(|line| line.split_once("Server host key: ")).map(|(_, key)| key.trim().to_owned())
    }

    /// Ends the shared connection, if it is ours.
    pub async fn close(&self) {
        if self.facts.shares {
            return;
        }
        let mut command = self.command(&[]);
        self.shared(&mut command);
        command.args(["-O", "exit", "--", &self.host.destination]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // Where none was opened there is none to close.
        let _ = tokio::time::timeout(LOOK, command.status()).await;
    }
}

/// More than any script of ours has to say.
const MOST_SAID: u64 = 4 << 20;

fn lost(error: std::io::Error) -> Trouble {
    Trouble::new(format!("ssh cannot be talked to: {error}")).passing()
}

fn read_back(mut file: std::fs::File) -> String {
    use std::io::{Read as _, Seek as _};
    let mut said = Vec::new();
    let read = file.rewind().and_then(|()| file.take(MOST_SAID).read_to_end(&mut said));
    read.map(|_| String::from_utf8_lossy(&said).into_owned()).unwrap_or_default()
}

async fn send(stdin: &mut tokio::process::ChildStdin, input: Input<'_>) -> std::io::Result<()> {
    match input {
        Input::Text(text) => stdin.write_all(text.as_bytes()).await,
        Input::File { path, offset, sent } => {
            let mut file = tokio::fs::File::open(path).await?;
            file.seek(std::io::SeekFrom::Start(offset)).await?;
            let mut piece = vec![0; PIECE];
            loop {
                let read = file.read(&mut piece).await?;
                if read == 0 {
                    return Ok(());
                }
                stdin.write_all(&piece[..read]).await?;
                sent(read as u64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_configured_is_seen() {
        let plain = "host lab\nport 22\ncontrolpath none\nproxyjump none\n";
        assert_eq!(facts(plain), Facts::default());
        let own =
            facts("controlpath /home/ada/.ssh/cm-%C\nproxycommand nc %h %p\nconnecttimeout 5\nserveraliveinterval 0\n");
        assert_eq!(own, Facts { shares: true, by_jump: true, waits: true, asks: false });
    }
}
