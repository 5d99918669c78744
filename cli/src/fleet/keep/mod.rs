//! Looking after an agent on a machine where no systemd does: `sweep agent --keep FOLDER`, which `sweep agents launch` starts.
//!
//! The keeper leads a session of its own, so that it outlives the connection that started it. It starts the agent, starts it
//! again when it dies, keeps what it says in a bounded `log`, and passes the wish to stop on. In the folder its pid stands with
//! its start in ticks since the boot, so that whoever looks does not take another process for it; a lock says that there is one.

mod log;
mod pace;

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::exit::{Exit, Failure, Outcome};
use crate::format;
use crate::moment::Zone;
use crate::signals::Signals;
use crate::whole_file;
use log::Log;
use pace::Pace;

/// How long what an agent said may take into the log after its end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Runs until the agent ends in good order, is told to, or cannot be helped by another start.
pub async fn keep(folder: &Path) -> Outcome {
    let _lock = lock(folder)?;
    // One that was started by a shell for itself leads its session already.
    let _ = nix::unistd::setsid();
    let mut signals = Signals::listen()?;
    let keeper = Keeper { log: Arc::new(Mutex::new(Log::open(&folder.join("agent.log"), log::MOST))) };
    let pid_file = folder.join("pid");
    whole_file::tell(&folder.join("restarts"), "0")?;
    whole_file::tell(&folder.join("pid"), &format!("{}\n", identity()?))?;
    let ended = keeper.run(folder, &mut signals).await;
    let _ = fs::remove_file(pid_file);
    ended
}

/// `Flock` gives it back in so many words: closing the file alone would leave it to a process that is just being forked.
fn lock(folder: &Path) -> Outcome<Flock<File>> {
    let path = folder.join("lock");
    let wrong = |error: io::Error| Failure::usage(format!("cannot use {}: {error}", path.display()));
    let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(wrong)?;
    match Flock::lock(lock, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(lock),
        Err((_, Errno::EWOULDBLOCK)) => {
            Err(Failure::usage(format!("another keeper looks after the agent in {}", folder.display())))
        }
        Err((_, error)) => Err(wrong(error.into())),
    }
}

/// `<pid> <start in ticks> <start in seconds since 1970>`
fn identity() -> io::Result<String> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name before it may hold anything, spaces and brackets as well.
    let ticks = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(19)).unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Ok(format!("{} {ticks} {now}", std::process::id()))
}

struct Keeper {
    log: Arc<Mutex<Log>>,
}

impl Keeper {
    async fn run(&self, folder: &Path, signals: &mut Signals) -> Outcome {
        let (mut pace, mut restarts, mut asked) = (Pace::default(), 0_u64, 0_u32);
        loop {
            let began = Instant::now();
            let (mut agent, copied) = self.start()?;
            let status = loop {
                tokio::select! {
                    status = agent.wait() => break status?,
                    () = signals.next() => {
                        asked += 1;
                        pass_on(&agent);
                    }
                }
            };
            // Its last words; whoever it left behind may hold the pipe open.
            let _ = tokio::time::timeout(LAST_WORDS, copied).await;
            if asked > 0 || status.success() {
                return Ok(Exit::Done);
            }
            let told = in_words(status);
            if is_lasting(status) {
                self.note(&format!("the agent {told}; another start would not change that"));
                return Ok(Exit::Done);
            }
            let pause = pace.after(began.elapsed());
            restarts += 1;
            self.note(&format!("the agent {told}; it is started again in {}", format::duration(pause)));
            // Where the disk is full the agent matters more than the count.
            let _ = whole_file::tell(&folder.join("restarts"), &restarts.to_string());
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = signals.next() => return Ok(Exit::Done),
            }
        }
    }

    fn note(&self, text: &str) {
        let line = format!("{} keeper: {text}\n", Zone::here().full(SystemTime::now()));
        self.log.lock().unwrap_or_else(std::sync::PoisonError::into_inner).write(line.as_bytes());
    }

    /// This program again, as the agent. The calling thread must stay: the agent is told to stop when it goes.
    fn start(&self) -> Outcome<(Child, JoinHandle<()>)> {
        let (reader, writer) = io::pipe()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments(std::env::args_os().skip(1)));
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        // SAFETY: prctl may be called between fork and exec.
        unsafe { command.pre_exec(|| nix::sys::prctl::set_pdeathsig(Signal::SIGTERM).map_err(io::Error::from)) };
        let agent =
            command.spawn().map_err(|error| Failure::internal(format!("the agent cannot be started: {error}")))?;
        // With it goes our copy of the pipe's end, so that it ends with the agent.
        drop(command);
        let (log, mut said) = (Arc::clone(&self.log), tokio::net::unix::pipe::Receiver::from_owned_fd(reader.into())?);
        let copied = tokio::spawn(async move {
            let mut piece = vec![0; 16 << 10];
            while let Ok(read @ 1..) = said.read(&mut piece).await {
                log.lock().unwrap_or_else(std::sync::PoisonError::into_inner).write(&piece[..read]);
            }
        });
        Ok((agent, copied))
    }
}

/// The keeper's own, without what makes it one.
fn arguments(all: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut all = all.peekable();
    let mut kept = Vec::new();
    while let Some(argument) = all.next() {
        if argument == "--keep" {
            all.next();
        } else if !argument.to_string_lossy().starts_with("--keep=") {
            kept.push(argument);
        }
    }
    kept
}

fn pass_on(agent: &Child) {
    if let Some(pid) = agent.id() {
        // One that has just ended needs no telling.
        let _ = kill(Pid::from_raw(pid as i32), Signal::SIGTERM);
    }
}

/// Wrong settings, or not let in: those who can mend it are people.
fn is_lasting(status: ExitStatus) -> bool {
    status
        .code()
        .is_some_and(|code| code == i32::from(Exit::Usage.code()) || code == i32::from(Exit::Unreachable.code()))
}

fn in_words(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_gets_the_keepers_arguments_but_for_one() {
        let of = |line: &str| arguments(line.split(' ').map(OsString::from)).join(" ".as_ref()).into_string().unwrap();
        assert_eq!(of("agent -v --keep /run --label a=b"), "agent -v --label a=b");
        assert_eq!(of("agent --keep=/run"), "agent");
    }

    #[test]
    fn a_process_is_known_by_its_start() {
        let identity = identity().unwrap();
        let words: Vec<u64> = identity.split(' ').map(|word| word.parse().unwrap()).collect();
        assert_eq!((words.len(), words[0]), (3, u64::from(std::process::id())));
        assert!(words[1] > 0, "{identity}");
    }

    #[test]
    fn there_is_one_keeper_for_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let held = lock(folder.path()).unwrap();
        assert!(lock(folder.path()).unwrap_err().text().contains("another keeper"));
        drop(held);
        assert!(lock(folder.path()).is_ok());
    }
}
