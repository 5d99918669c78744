//! The real terminal: taken, drawn on, and given back whatever happens.
//!
//! It is given back when [`Terminal`] is dropped (at the end, on an error, on a signal, which the loop turns into an end) and by a
//! panic before its message is printed.

use std::io::{self, Stdout};
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::cursor::{Hide, Show};
use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Frame;
use ratatui::backend::CrosstermBackend;
use tokio::sync::mpsc;

use super::state::Key;
use crate::output;

/// How long a key may go unnoticed at the end.
const POLL: Duration = Duration::from_millis(100);

/// The whole screen, until it is dropped.
pub struct Terminal(ManuallyDrop<ratatui::Terminal<CrosstermBackend<Stdout>>>);

impl Terminal {
    pub fn enter() -> io::Result<Self> {
        give_back_on_panic();
        enable_raw_mode()?;
        let entered = execute!(io::stdout(), EnterAlternateScreen, Hide)
            .and_then(|()| ratatui::Terminal::new(CrosstermBackend::new(io::stdout())));
        match entered {
            Ok(terminal) => {
                output::capture(true);
                // Its own end complains where the terminal is gone, and panics for want of a place to do so.
                Ok(Self(ManuallyDrop::new(terminal)))
            }
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    pub fn draw(&mut self, picture: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.0.draw(picture).map(|_| ())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
        // What was not seen any more.
        let left = output::captured();
        output::capture(false);
        for note in left {
            output::note(&note);
        }
    }
}

/// Whether writing failed for want of a terminal: it was closed.
pub fn is_gone(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::errno::Errno::EIO as i32)
}

/// Nobody can be told if it fails.
fn give_back() {
    let _ = disable_raw_mode();
    let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
}

fn give_back_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if output::is_captured() {
                give_back();
                output::capture(false);
            }
            before(panic);
        }));
    });
}

/// Keys, read by a thread of its own.
pub struct Input {
    keys: mpsc::Receiver<Option<Key>>,
    stop: Arc<AtomicBool>,
    /// Disconnected when the thread has ended.
    ended: std::sync::mpsc::Receiver<()>,
}

impl Input {
    pub fn start() -> Self {
        let (tell, keys) = mpsc::channel(64);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (alive, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            read(&tell, &stopped);
            drop::<std::sync::mpsc::Sender<()>>(alive);
        });
        Self { keys, stop, ended }
    }

    /// The next key; `Some(None)`: the screen has another size; `None`: the terminal is gone. Cancel-safe.
    pub async fn next(&mut self) -> Option<Option<Key>> {
        self.keys.recv().await
    }
}

impl Drop for Input {
    /// Waits, so that nothing that is typed for the next program is taken from it; but not for ever: where the terminal is gone (a closed
    /// SSH session) crossterm reads its end again and again, and never comes back.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.keys.close();
        let _ended_or_stuck = self.ended.recv_timeout(POLL * 10);
    }
}

fn read(tell: &mpsc::Sender<Option<Key>>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let news = match event::poll(POLL) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        let told = match news {
            Err(_) => return,
            Ok(Event::Resize(..)) => Some(None),
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => meaning(key.code, key.modifiers).map(Some),
            Ok(_) => None,
        };
        if told.is_some_and(|told| tell.blocking_send(told).is_err()) {
            return;
        }
    }
}

fn meaning(code: KeyCode, modifiers: KeyModifiers) -> Option<Key> {
    if modifiers.contains(KeyModifiers::CONTROL) {
        return match code {
            KeyCode::Char('c' | 'd') => Some(Key::Interrupt),
            KeyCode::Char('p') => Some(Key::Up),
            KeyCode::Char('n') => Some(Key::Down),
            _ => None,
        };
    }
    match code {
        KeyCode::Char(c) => Some(Key::Char(c)),
        KeyCode::Up => Some(Key::Up),
        KeyCode::Down => Some(Key::Down),
        KeyCode::PageUp => Some(Key::PageUp),
        KeyCode::PageDown => Some(Key::PageDown),
        KeyCode::Home => Some(Key::First),
        KeyCode::End => Some(Key::Last),
        KeyCode::Enter => Some(Key::Enter),
        KeyCode::Esc => Some(Key::Escape),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_c_leaves_and_is_no_letter() {
        assert_eq!(meaning(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Key::Interrupt));
        assert_eq!(meaning(KeyCode::Char('c'), KeyModifiers::NONE), Some(Key::Char('c')));
        assert_eq!(meaning(KeyCode::Char('G'), KeyModifiers::SHIFT), Some(Key::Char('G')));
        assert_eq!(meaning(KeyCode::F(1), KeyModifiers::NONE), None);
    }
}
