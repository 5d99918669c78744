//! Who is told how far loading is, and may end it.
//!
//! Reading and decoding a large folder of images takes minutes: a job that says nothing for so long looks dead, and one that
//! cannot be stopped meanwhile is killed instead.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::error::DataError;

/// How often something is told, and how long work may take before anything is.
const EVERY: Duration = Duration::from_secs(1);

/// The two things that loading asks of its caller. Both are called from many threads.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Told in words what is being done.
    pub tell: &'a (dyn Fn(&str) + Sync),
    /// Whether to give up, with [`DataError::Stopped`].
    pub stopped: &'a (dyn Fn() -> bool + Sync),
}

impl Watch<'_> {
    /// Nobody listens and nobody stops.
    pub const NOBODY: Watch<'static> = Watch { tell: &|_| (), stopped: &|| false };
}

/// Counts the items of one piece of work.
pub struct Count<'a> {
    watch: Watch<'a>,
    what: &'static str,
    total: usize,
    done: AtomicUsize,
    told: Mutex<Instant>,
    every: Duration,
}

impl<'a> Count<'a> {
    /// Work on `total` items that is called `what`, as in "decoding images".
    pub fn new(watch: Watch<'a>, what: &'static str, total: usize) -> Count<'a> {
        Count { watch, what, total, done: AtomicUsize::new(0), told: Mutex::new(Instant::now()), every: EVERY }
    }

    /// One more item is done.
    pub fn one(&self) -> Result<(), DataError> {
        if (self.watch.stopped)() {
            return Err(DataError::Stopped);
        }
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.elapsed() >= self.every {
            *told = Instant::now();
            (self.watch.tell)(&format!("{}: {done} of {}", self.what, self.total));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_how_many_of_how_many_but_not_of_what_takes_a_moment() {
        let told = Mutex::new(Vec::new());
        let tell = |message: &str| told.lock().unwrap().push(message.to_owned());
        let watch = Watch { tell: &tell, stopped: &|| false };
        let mut count = Count { every: Duration::ZERO, ..Count::new(watch, "decoding images", 2) };
        count.one().unwrap();
        count.one().unwrap();
        count.every = Duration::MAX;
        count.one().unwrap();
        assert_eq!(*told.lock().unwrap(), ["decoding images: 1 of 2", "decoding images: 2 of 2"]);
    }

    #[test]
    fn a_request_to_stop_ends_the_work() {
        let watch = Watch { stopped: &|| true, ..Watch::NOBODY };
        assert!(matches!(Count::new(watch, "decoding images", 2).one(), Err(DataError::Stopped)));
    }
}
