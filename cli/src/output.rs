//! Where text goes. Results go to standard output, notes to standard error; a reader that went away (`| head`) is no error.
//!
//! While progress bars are on the screen, everything passes through them, so that no line is drawn over. While the whole screen is
//! taken, remarks are kept for whoever has it.

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::MultiProgress;
use serde::Serialize;

/// The bars on the screen, if there are any.
static BARS: Mutex<Option<MultiProgress>> = Mutex::new(None);
/// Standard output's reader is gone.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Remarks made while the whole screen is taken; `None` while it is not.
static CAPTURED: Mutex<Option<Vec<String>>> = Mutex::new(None);
/// Remarks that are kept until somebody asks for them.
const MOST_CAPTURED: usize = 100;

/// From now on remarks and log lines are kept instead of written, or written again.
pub fn capture(on: bool) {
    *locked(&CAPTURED) = on.then(Vec::new);
}

pub fn is_captured() -> bool {
    locked(&CAPTURED).is_some()
}

/// What was kept since the last time.
pub fn captured() -> Vec<String> {
    locked(&CAPTURED).as_mut().map(std::mem::take).unwrap_or_default()
}

fn keep(text: &str) -> bool {
    let mut captured = locked(&CAPTURED);
    let Some(kept) = captured.as_mut() else { return false };
    if kept.len() < MOST_CAPTURED {
        kept.push(text.trim_end().to_owned());
    }
    true
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Whether standard output's reader went away: nothing that is printed will be read.
pub fn closed() -> bool {
    CLOSED.load(Ordering::Relaxed)
}

/// Prints to standard output as it is.
pub fn write(bytes: &[u8]) -> io::Result<()> {
    if closed() {
        return Ok(());
    }
    let done = above_bars(|| {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush())
    });
    match done {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            CLOSED.store(true, Ordering::Relaxed);
            Ok(())
        }
        other => other,
    }
}

/// Prints lines to standard output.
pub fn print(text: &str) -> io::Result<()> {
    if text.ends_with('\n') { write(text.as_bytes()) } else { write(format!("{text}\n").as_bytes()) }
}

/// Prints one JSON document to standard output.
pub fn json<T: Serialize>(value: &T) -> io::Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

/// Tells the user something beside the result. Nobody reading it is no error.
pub fn note(text: &str) {
    if keep(text) {
        return;
    }
    let text = if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") };
    let _ = above_bars(|| io::stderr().lock().write_all(text.as_bytes()));
}

/// A remark that belongs to the result where that is text, and beside it where that is a JSON document.
pub fn note_or_print(json: bool, text: &str) -> io::Result<()> {
    if json {
        note(text);
        return Ok(());
    }
    print(text)
}

/// Registers the bars through which everything passes from now on; `None` once they are gone.
pub fn set_bars(bars: Option<MultiProgress>) {
    *locked(&BARS) = bars;
}

fn above_bars<T>(write: impl FnOnce() -> T) -> T {
    let bars = locked(&BARS).clone();
    match bars {
        Some(bars) => bars.suspend(write),
        None => write(),
    }
}

/// A writer for log lines: standard error, above the bars.
pub struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if keep(&String::from_utf8_lossy(bytes)) {
            return Ok(bytes.len());
        }
        // A log that cannot be written must not end the work that it tells about.
        let _ = above_bars(|| io::stderr().lock().write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
