//! The runner protocol's writing end: one JSON object a line, to file descriptor 3.

use std::fs::File;
use std::io::Write;
use std::os::fd::FromRawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use sweep_shared::event::RunnerEvent;

use super::{Stop, exhausted};

const EVENT_FD: i32 = 3;
/// Progress inside an epoch is told at most this often.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Where events go.
pub struct Events {
    line: Arc<Mutex<Line>>,
    /// Asked to stop when nobody listens any more: the agent is gone.
    stop: Stop,
    last_progress: Option<Instant>,
}

struct Line {
    sink: Box<dyn Write + Send>,
    lost: bool,
    /// How far the job was when it was last told, in 0..=1.
    fraction: f64,
}

impl Events {
    pub fn new(sink: Box<dyn Write + Send>, stop: Stop) -> Self {
        Self { line: Arc::new(Mutex::new(Line { sink, lost: false, fraction: 0.0 })), stop, last_progress: None }
    }

    /// Another end of the same line.
    pub fn share(&self) -> Self {
        Self { line: Arc::clone(&self.line), stop: self.stop.clone(), last_progress: None }
    }

    /// To file descriptor 3, or to standard output if that is not open for writing (as when run by hand). Must be called once,
    /// and before this process opens files of its own, one of which would become number 3.
    pub fn open(stop: Stop) -> Self {
        match event_pipe() {
            Some(pipe) => {
                exhausted::tell_on(EVENT_FD);
                Self::new(Box::new(pipe), stop)
            }
            None => Self::new(Box::new(std::io::stdout()), stop),
        }
    }

    /// Writes one event. When the reader has gone away, the job is asked to stop, with a checkpoint, and later events go
    /// nowhere.
    pub fn emit(&mut self, event: &RunnerEvent) {
        let mut line = self.locked();
        if line.lost {
            return;
        }
        let result = serde_json::to_vec(event).map_err(std::io::Error::from).and_then(|mut text| {
            text.push(b'\n');
            line.sink.write_all(&text)?;
            line.sink.flush()
        });
        if let Err(error) = result {
            tracing::error!(%error, "nobody reads the events any more; stopping");
            line.lost = true;
            self.stop.ask();
        }
    }

    fn locked(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells in words what the job does, where it is no further than before.
    pub fn doing(&mut self, message: &str) {
        let fraction = self.locked().fraction;
        self.emit(&RunnerEvent::Progress { fraction, message: message.to_owned() });
    }

    /// Tells how far the job is, in 0..=1, unless it was told a moment ago.
    pub fn progress(&mut self, fraction: f64, message: &str) {
        if self.last_progress.is_some_and(|last| last.elapsed() < PROGRESS_EVERY) {
            return;
        }
        self.last_progress = Some(Instant::now());
        self.locked().fraction = fraction;
        self.emit(&RunnerEvent::Progress { fraction, message: message.to_owned() });
    }
}

fn event_pipe() -> Option<File> {
    // SAFETY: only borrowed for asking; a closed descriptor gives an error.
    let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(EVENT_FD) };
    let flags = OFlag::from_bits_truncate(fcntl(fd, FcntlArg::F_GETFL).ok()?);
    if flags.contains(OFlag::O_WRONLY) || flags.contains(OFlag::O_RDWR) {
        fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
        // SAFETY: open and writable, inherited for this purpose, and owned by nothing else in this process.
        return Some(unsafe { File::from_raw_fd(EVENT_FD) });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_stops_the_job() {
        let stop = Stop::new();
        let mut events = Events::new(Box::new(Broken), stop.clone());
        assert!(!stop.asked());
        events.emit(&RunnerEvent::Done);
        assert!(stop.asked());
        events.emit(&RunnerEvent::Done);
    }
}
