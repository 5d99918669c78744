//! What is said in a story, by processes and runners: lines, and waiting for one.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sweep_tests::PATIENCE;

/// Lines in the order in which they were said.
pub struct Lines {
    /// Who says them.
    pub name: String,
    state: Mutex<State>,
    told: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    pub fn new(name: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), state: Mutex::default(), told: Condvar::new() })
    }

    /// Listens until the end, on a thread of its own.
    pub fn listen(self: &Arc<Self>, to: impl Read + Send + 'static) {
        let lines = Arc::clone(self);
        std::thread::spawn(move || {
            for line in BufReader::new(to).lines().map_while(Result::ok) {
                lines.push(line);
            }
            lines.lock().ended = true;
            lines.told.notify_all();
        });
    }

    pub fn push(&self, line: String) {
        self.lock().lines.push(line);
        self.told.notify_all();
    }

    /// How much was said so far.
    pub fn mark(&self) -> usize {
        self.lock().lines.len()
    }

    pub fn all(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// Waits for a line that holds this text, whenever it was said.
    pub fn wait_for(&self, text: &str) -> String {
        self.wait_since(0, text)
    }

    /// Waits for a line after `mark` that holds this text.
    pub fn wait_since(&self, mark: usize, text: &str) -> String {
        self.wait(text, |state| state.lines[mark..].iter().find(|line| line.contains(text)).cloned())
    }

    /// Waits until nobody can say anything any more.
    pub fn wait_end(&self) {
        self.wait("its end", |state| state.ended.then_some(()));
    }

    fn wait<T>(&self, what: &str, find: impl Fn(&State) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.lock();
        loop {
            if let Some(found) = find(&state) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let hopeless = state.ended || left.is_zero();
            assert!(!hopeless, "waited in vain for {what:?} of {}; it said:\n{}", self.name, state.lines.join("\n"));
            state = self.told.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Who waits in vain panics holding it; the lines are as good as before.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
