//! A runner from its start to its end: its events, the stop it is asked for, its death.

use std::io;
use std::time::Duration;

use nix::sys::signal::Signal;
use sweep_shared::event::{Epoch, RunnerEvent};
use tokio::net::unix::pipe;
use tokio::time::Instant;

use super::folder::Folder;
use super::launch::Launched;
use super::lines::{Line, Lines};
use super::outputs::Outputs;
use super::verdict::Told;
use super::{Early, News, StopSignal, Tell, asked};
use crate::process::{Ended, Exit, oom_kills};
use crate::session::Stop;
use crate::space;

/// What was heard so far.
#[derive(Default)]
pub struct Heard {
    lines: Lines,
    told: Told,
}

/// Listens until the runner has ended, and ends it when that is asked: SIGTERM and a grace, or SIGKILL at once.
pub async fn until_ended(
    launched: &mut Launched,
    outputs: &mut Outputs,
    folder: &Folder,
    stop: &mut StopSignal,
    grace: Duration,
    tell: &Tell,
) -> Heard {
    let mut heard = Heard::default();
    let mut stopping = Stopping::No;
    loop {
        tokio::select! {
            biased;
            _ = launched.child.ended() => return heard,
            next = stopping.next(stop) => {
                match &next {
                    Stopping::Asked { .. } => launched.child.signal(Signal::SIGTERM),
                    Stopping::Killed => launched.child.signal(Signal::SIGKILL),
                    Stopping::No => {}
                }
                stopping = next.with_grace(grace);
            }
            readable = readable(launched.events.as_ref()) => {
                if readable.is_err() || !heard.read_available(launched.events.as_ref(), outputs, folder, tell) {
                    launched.events = None;
                }
            }
        }
    }
}

/// How far a runner is on its way out.
enum Stopping {
    No,
    Asked { kill_at: Option<Instant> },
    Killed,
}

impl Stopping {
    /// Resolves when the next step is due.
    async fn next(&self, stop: &mut StopSignal) -> Self {
        match self {
            Self::No => match asked(stop).await {
                Stop::Interrupt(_) => Self::Asked { kill_at: None },
                Stop::Cancel | Stop::Kill(_) => Self::Killed,
            },
            Self::Asked { kill_at } => {
                let kill_at = kill_at.unwrap_or_else(Instant::now);
                tokio::select! {
                    _ = super::killed(stop) => {}
                    () = tokio::time::sleep_until(kill_at) => {}
                }
                Self::Killed
            }
            Self::Killed => std::future::pending().await,
        }
    }

    fn with_grace(self, grace: Duration) -> Self {
        match self {
            Self::Asked { kill_at: None } => Self::Asked { kill_at: Some(Instant::now() + grace) },
            other => other,
        }
    }
}

/// The runner has ended: ends its whole group, and hears what it still had said.
pub async fn collect(
    launched: Launched,
    mut heard: Heard,
    outputs: &mut Outputs,
    folder: &Folder,
    tell: &Tell,
) -> Result<(Ended, Told), Early> {
    let Launched { child, events, oom_kills_before, members: _ } = launched;
    let ended = child.finish().await.map_err(|error| Early::disk("waiting for the runner", &error))?;
    heard.read_available(events.as_ref(), outputs, folder, tell);
    if let Some(rest) = heard.lines.rest() {
        heard.line(&rest, outputs, folder, tell);
    }
    let more_kills = |before| oom_kills().is_some_and(|now| now > before);
    heard.told.out_of_memory = ended.exit == Exit::Signal(libc::SIGKILL) && oom_kills_before.is_some_and(more_kills);
    heard.told.disk_full = space::is_scarce(&folder.path);
    Ok((ended, heard.told))
}

async fn readable(events: Option<&pipe::Receiver>) -> io::Result<()> {
    match events {
        Some(events) => events.readable().await,
        None => std::future::pending().await,
    }
}

impl Heard {
    /// Reads what is there. False: the pipe is at its end.
    fn read_available(
        &mut self,
        events: Option<&pipe::Receiver>,
        outputs: &mut Outputs,
        folder: &Folder,
        tell: &Tell,
    ) -> bool {
        let Some(events) = events else { return false };
        let mut buffer = [0; 16 << 10];
        loop {
            match events.try_read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    for line in self.lines.push(&buffer[..count]) {
                        match line {
                            Line::Whole(line) => self.line(&line, outputs, folder, tell),
                            Line::TooLong => folder.note("an event longer than 1 MiB is ignored"),
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
        }
    }

    fn line(&mut self, line: &[u8], outputs: &mut Outputs, folder: &Folder, tell: &Tell) {
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        match serde_json::from_slice(line) {
            Ok(event) => self.event(event, outputs, tell),
            Err(error) => {
                let text = String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned();
                folder.note(&format!("this is no event ({error}): {text}"));
            }
        }
    }

    fn event(&mut self, event: RunnerEvent, outputs: &mut Outputs, tell: &Tell) {
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
}
