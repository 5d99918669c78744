//! A runner from its start to its end: its events, the stop it is asked for, its silence, its death.

use std::io;
use std::time::Duration;

use nix::sys::signal::Signal;
use sweep_shared::event::{Epoch, RunnerEvent};
use tokio::net::unix::pipe;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::folder::Folder;
use super::launch::Launched;
use super::lines::{Line, Lines};
use super::outputs::Outputs;
use super::verdict::Told;
use super::watchdog::{Judgement, Watchdog};
use super::{Early, News, StopSignal, Tell, asked};
use crate::process::{Ended, Exit, Members, oom_kills};
use crate::session::{Stop, now};
use crate::space;

/// Reads of the event pipe in a row, so that a runner that floods it does not keep the agent from everything else.
const READS: usize = 64;

/// How long a runner may take to end.
pub struct Terms {
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
    /// A killed process that is still there after this long hangs in the kernel.
    pub stuck: Duration,
}

/// Whom a runner's events concern.
pub struct Supervised<'a> {
    pub outputs: &'a mut Outputs,
    pub folder: &'a Folder,
    pub tell: &'a Tell,
    pub watchdog: Watchdog,
}

/// What was heard so far.
#[derive(Default)]
pub struct Heard {
    lines: Lines,
    told: Told,
    /// A silence was told of.
    silent: bool,
}

/// Listens until the runner has ended, and ends it when that is asked or it has hung: SIGTERM and a grace, or SIGKILL at
/// once.
pub async fn until_ended(
    launched: &mut Launched,
    runner: &mut Supervised<'_>,
    stop: &mut StopSignal,
    terms: &Terms,
) -> Heard {
    let mut heard = Heard::default();
    let mut stopping = Stopping::No;
    let mut looks = looks(&runner.watchdog);
    loop {
        tokio::select! {
            biased;
            _ = launched.child.ended() => return heard,
            next = stopping.next(stop) => {
                next.carry_out(launched, runner.tell).await;
                stopping = next.timed(terms);
            }
            () = due(looks.as_mut()), if stopping.is_not_begun() => {
                heard.listen(launched, runner);
                if heard.has_hung(runner) {
                    ask(launched);
                    stopping = Stopping::Asked { kill_at: None }.timed(terms);
                }
            }
            readable = readable(launched.events.as_ref()) => match readable {
                Ok(()) => heard.listen(launched, runner),
                Err(_) => launched.events = None,
            }
        }
    }
}

/// When the watchdog is to look.
fn looks(watchdog: &Watchdog) -> Option<Interval> {
    let every = watchdog.every()?;
    let mut looks = interval_at(Instant::now() + every, every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Some(looks)
}

async fn due(looks: Option<&mut Interval>) {
    match looks {
        Some(looks) => drop(looks.tick().await),
        None => std::future::pending().await,
    }
}

/// Asks the whole group for a checkpoint and an end. A process that was stopped hears of it only when it goes on.
fn ask(launched: &Launched) {
    launched.child.signal(Signal::SIGTERM);
    launched.child.signal(Signal::SIGCONT);
}

/// How far a runner is on its way out.
enum Stopping {
    No,
    Asked {
        kill_at: Option<Instant>,
    },
    Killed {
        stuck_at: Option<Instant>,
    },
    /// Killed long ago.
    Stuck,
}

impl Stopping {
    fn is_not_begun(&self) -> bool {
        matches!(self, Self::No)
    }

    /// Resolves when the next step is due.
    async fn next(&self, stop: &mut StopSignal) -> Self {
        match self {
            Self::No => match asked(stop).await {
                Stop::Interrupt(_) => Self::Asked { kill_at: None },
                Stop::Cancel | Stop::Kill(_) => Self::Killed { stuck_at: None },
            },
            Self::Asked { kill_at } => {
                let kill_at = kill_at.unwrap_or_else(Instant::now);
                tokio::select! {
                    _ = super::killed(stop) => {}
                    () = tokio::time::sleep_until(kill_at) => {}
                }
                Self::Killed { stuck_at: None }
            }
            Self::Killed { stuck_at } => {
                tokio::time::sleep_until(stuck_at.unwrap_or_else(Instant::now)).await;
                Self::Stuck
            }
            Self::Stuck => std::future::pending().await,
        }
    }

    async fn carry_out(&self, launched: &Launched, tell: &Tell) {
        match self {
            Self::Asked { .. } => ask(launched),
            Self::Killed { .. } => launched.child.kill(),
            Self::Stuck => tell_stuck(launched.members.clone(), tell).await,
            Self::No => {}
        }
    }

    /// From now on time runs.
    fn timed(self, terms: &Terms) -> Self {
        match self {
            Self::Asked { kill_at: None } => Self::Asked { kill_at: Some(Instant::now() + terms.grace) },
            Self::Killed { stuck_at: None } => Self::Killed { stuck_at: Some(Instant::now() + terms.stuck) },
            other => other,
        }
    }
}

/// The runner has ended: ends its whole group, and hears what it still had said.
pub async fn collect(
    launched: Launched,
    mut heard: Heard,
    runner: &mut Supervised<'_>,
    terms: &Terms,
) -> Result<(Ended, Told), Early> {
    let Launched { child, events, oom_kills_before, members } = launched;
    let mut finish = std::pin::pin!(child.finish());
    let ended = tokio::select! {
        ended = &mut finish => ended,
        () = tokio::time::sleep(terms.stuck) => {
            tell_stuck(members, runner.tell).await;
            finish.await
        }
    };
    let ended = ended.map_err(|error| Early::disk("waiting for the runner", &error))?;
    while heard.read_available(events.as_ref(), runner) == Pipe::HasMore {}
    if let Some(rest) = heard.lines.rest() {
        heard.line(&rest, runner);
    }
    let more_kills = |before| oom_kills().is_some_and(|now| now > before);
    let killed = ended.exit == Exit::Signal(libc::SIGKILL);
    heard.told.out_of_memory = killed && oom_kills_before.is_some_and(more_kills);
    heard.told.surely_out_of_memory = ended.out_of_memory;
    heard.told.disk_full = space::is_scarce(&runner.folder.path);
    Ok((ended, heard.told))
}

/// Says once which processes hold the slot: no signal ends what sleeps in the kernel.
async fn tell_stuck(members: Members, tell: &Tell) {
    let token = tell.token;
    let described = spawn_blocking(move || members.describe()).await.unwrap_or_default();
    tracing::warn!(%token, processes = described, "killed processes do not end; their slot stays taken until they do");
    tell.say(News::Stuck(described));
}

async fn readable(events: Option<&pipe::Receiver>) -> io::Result<()> {
    match events {
        Some(events) => events.readable().await,
        None => std::future::pending().await,
    }
}

/// What a read left in the event pipe.
#[derive(PartialEq, Eq)]
enum Pipe {
    Empty,
    HasMore,
    Ended,
}

impl Heard {
    fn listen(&mut self, launched: &mut Launched, runner: &mut Supervised<'_>) {
        if self.read_available(launched.events.as_ref(), runner) == Pipe::Ended {
            launched.events = None;
        }
    }

    fn read_available(&mut self, events: Option<&pipe::Receiver>, runner: &mut Supervised<'_>) -> Pipe {
        let Some(events) = events else { return Pipe::Ended };
        let mut buffer = [0; 16 << 10];
        for _ in 0..READS {
            match events.try_read(&mut buffer) {
                Ok(0) => return Pipe::Ended,
                Ok(count) => {
                    for line in self.lines.push(&buffer[..count]) {
                        match line {
                            Line::Whole(line) => self.line(&line, runner),
                            Line::TooLong => runner.folder.note("an event longer than 1 MiB is ignored"),
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Pipe::Empty,
                Err(_) => return Pipe::Ended,
            }
        }
        Pipe::HasMore
    }

    fn line(&mut self, line: &[u8], runner: &mut Supervised<'_>) {
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        match serde_json::from_slice(line) {
            Ok(event) => self.event(event, runner),
            Err(error) => {
                let text = String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned();
                runner.folder.note(&format!("this is no event ({error}): {text}"));
            }
        }
    }

    fn event(&mut self, event: RunnerEvent, runner: &mut Supervised<'_>) {
        let (outputs, tell) = (&mut *runner.outputs, runner.tell);
        self.told.events += 1;
        runner.watchdog.hear(&event, now());
        match event {
            RunnerEvent::Resumed { epoch, step } => tell.say(News::Resumed { epoch, step }),
            RunnerEvent::Progress { fraction, message } => tell.say(News::Progress { fraction, message }),
            RunnerEvent::Epoch { epoch, epochs, phase, metrics } => {
                tell.say(News::Epoch(Epoch { epoch, epochs, phase, metrics }));
            }
            RunnerEvent::Checkpoint { epoch, step, files } => outputs.add_checkpoint(epoch, step, files),
            RunnerEvent::Point { point, metrics, files } => outputs.add_point(point, metrics, files),
            RunnerEvent::Artifact { file } => outputs.add_artifact(file),
            RunnerEvent::Failed { class, message } => self.told.failed = Some((class, message)),
            RunnerEvent::Done => self.told.done = true,
        }
    }

    /// Looks whether the runner has hung, tells where that is near, and notes it in the attempt's log.
    fn has_hung(&mut self, runner: &mut Supervised<'_>) -> bool {
        match runner.watchdog.look(now()) {
            Judgement::Well => {
                if std::mem::take(&mut self.silent) {
                    runner.tell.say(News::Silence(None));
                }
            }
            Judgement::Silent { silent, left } => {
                if !std::mem::replace(&mut self.silent, true) {
                    runner.tell.say(News::Silence(Some((now().saturating_sub(silent), now() + left))));
                }
            }
            Judgement::Hung(why) => {
                runner.folder.note(&format!("{why}: it is asked to stop, and killed if it does not"));
                self.told.hung = Some(why);
                return true;
            }
        }
        false
    }
}
