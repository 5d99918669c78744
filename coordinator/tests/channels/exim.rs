//! Debian's exim4 on a port of this test's own: for each connection a process that speaks SMTP on it, delivers what it took, and ends.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use nix::unistd::{Uid, User};
use sweep_coordinator::notices::{Security, Settings, Smtp};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::{AbortHandle, JoinHandle};

use crate::trust::Trust;

const EXIM: &str = "/usr/sbin/exim4";
pub const USER: &str = "sweep";
pub const PASSWORD: &str = "opal: rivet$7";

/// What the server wants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// TLS and a login, on a port where TLS begins at once.
    Tls,
    /// The same after STARTTLS.
    StartTls,
    /// Nothing, and it has no TLS to offer.
    Nothing,
}

pub struct Exim {
    folder: TempDir,
    pub address: SocketAddr,
    pub trust: Trust,
    wants: Wants,
    sessions: Arc<Mutex<Vec<JoinHandle<()>>>>,
    listener: AbortHandle,
}

impl Drop for Exim {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// Whether the server is here; says so. In CI it must be.
pub fn is_here(story: &str) -> bool {
    let here = Path::new(EXIM).exists();
    if here {
        eprintln!("{story}: ran");
    } else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{story}: CI must have exim4 (scripts/need-mail.sh)");
        eprintln!("{story}: skipped: no exim4 (scripts/need-mail.sh)");
    }
    here
}

impl Exim {
    pub async fn start(wants: Wants) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let trust = Trust::new(folder.path(), &["localhost"]);
        let configuration = folder.path().join("exim.conf");
        std::fs::write(&configuration, configured(folder.path(), wants)).unwrap();
        for inner in ["spool", "log", "mail"] {
            std::fs::create_dir(folder.path().join(inner)).unwrap();
        }
        if Uid::effective().is_root() {
            // It gives up being root where it can.
            let user = User::from_name("Debian-exim").unwrap().expect("the package makes it");
            for place in ["", "spool", "log", "mail", "certificate.pem", "key.pem"] {
                chown(folder.path().join(place), Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
            }
        }
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let sessions = Arc::new(Mutex::new(Vec::new()));
        let kept = sessions.clone();
        let listener = tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                let stream = stream.into_std().unwrap();
                stream.set_nonblocking(false).unwrap();
                let mut exim = Command::new(EXIM);
                exim.arg("-C").arg(&configuration).args(["-bs", "-odi"]);
                if wants == Wants::Tls {
                    exim.arg("-tls-on-connect");
                }
                exim.stdin(OwnedFd::from(stream.try_clone().unwrap()))
                    .stdout(OwnedFd::from(stream))
                    .stderr(Stdio::inherit());
                let mut child = exim.kill_on_drop(true).spawn().unwrap();
                // Else this process keeps the connection open as well.
                drop(exim);
                kept.lock().unwrap().push(tokio::spawn(async move {
                    child.wait().await.unwrap();
                }));
            }
        });
        Self { folder, address, trust, wants, sessions, listener: listener.abort_handle() }
    }

    /// Settings with which mail comes through.
    pub fn settings(&self) -> Settings {
        Settings { smtp: Some(self.smtp()), ..Settings::default() }
    }

    pub fn smtp(&self) -> Smtp {
        let password = self.folder.path().join("password");
        std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
        let login = self.wants != Wants::Nothing;
        Smtp {
            host: "localhost".to_owned(),
            port: self.address.port(),
            security: match self.wants {
                Wants::Tls => Security::Tls,
                Wants::StartTls => Security::StartTls,
                Wants::Nothing => Security::Off,
            },
            user: login.then(|| USER.to_owned()),
            password_file: login.then_some(password),
            from: "Größe sweep <sweep@example.test>".to_owned(),
            ca_file: login.then(|| self.trust.authority.clone()),
        }
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// What it has delivered, once all its conversations are over.
    pub async fn delivered(&self) -> Vec<Vec<u8>> {
        loop {
            let Some(session) = self.sessions.lock().unwrap().pop() else { break };
            session.await.unwrap();
        }
        let mut mails = Vec::new();
        let Ok(found) = std::fs::read_dir(self.folder.path().join("mail/new")) else { return mails };
        for mail in found {
            mails.push(std::fs::read(mail.unwrap().path()).unwrap());
        }
        mails
    }

    /// All that it noted.
    pub fn log(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.path().join("log").join(name)).unwrap_or_default();
        read("mainlog") + &read("rejectlog") + &read("paniclog")
    }
}

fn configured(folder: &Path, wants: Wants) -> String {
    let folder = folder.display();
    let (tls, accept) = match wants {
        Wants::Nothing => ("tls_advertise_hosts =", "accept"),
        _ => ("tls_advertise_hosts = *", "accept authenticated = *"),
    };
    let password = PASSWORD.replace('$', "\\$");
    // As whom it works where it was not started by root.
    let me = Uid::effective();
    let me =
        if me.is_root() { String::new() } else { format!("exim_user = {me}\nexim_group = {}", nix::unistd::getegid()) };
    format!(
        r"
{me}
primary_hostname = mail.example.test
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
log_selector = +received_recipients +tls_cipher +smtp_protocol_error
host_lookup =
rfc1413_query_timeout = 0s
never_users =
keep_environment =
deliver_drop_privilege = true
smtp_enforce_sync = true
message_size_limit = 2M
smtputf8_advertise_hosts = *
{tls}
tls_certificate = {folder}/certificate.pem
tls_privatekey = {folder}/key.pem
acl_smtp_mail = sender
acl_smtp_rcpt = reader
acl_smtp_data = content

begin acl
sender:
  deny sender_domains = forbidden.test
       message = 5.7.1 who are you
  accept
reader:
  defer local_parts = busy
        message = 4.2.2 mailbox is full\nplease come back
  deny local_parts = nobody
       message = 5.1.1 no such user here
  {accept}
  deny message = 5.7.1 log in first
content:
  deny condition = ${{if eq{{$h_X-Sweep-Event:}}{{unwanted}}}}
       message = 5.7.1 looks like spam
  defer condition = ${{if eq{{$h_X-Sweep-Event:}}{{grey}}}}
        message = 4.7.1 greylisted
  accept

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{USER}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
  server_advertise_condition = ${{if def:tls_in_cipher}}

begin routers
all:
  driver = accept
  transport = folder

begin transports
folder:
  driver = appendfile
  directory = {folder}/mail
  maildir_format
  create_directory
  envelope_to_add
"
    )
}
