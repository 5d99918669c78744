//! One function over many files, on all cores.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Applies `work` to every item; the results come in the items' order. The first error (in that order) of those found
/// wins, and work not yet begun is given up.
pub fn map<I, R: Send, E: Send>(items: I, work: impl Fn(I::Item) -> Result<R, E> + Sync) -> Result<Vec<R>, E>
where
    I: IntoIterator<IntoIter: ExactSizeIterator + Send>,
{
    let items = items.into_iter();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len()).max(1);
    let (next, stop) = (Mutex::new(items.enumerate()), AtomicBool::new(false));
    let run = || {
        let mut done = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let taken = next.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((index, item)) = taken else { break };
            let result = work(item);
            stop.fetch_or(result.is_err(), Ordering::Relaxed);
            done.push((index, result));
        }
        done
    };
    let mut done: Vec<(usize, Result<R, E>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut done = run();
        for worker in workers {
            match worker.join() {
                Ok(part) => done.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order() {
        let items: Vec<usize> = (0..1000).collect();
        let doubled: Result<Vec<usize>, ()> = map(&items, |item| Ok(item * 2));
        assert_eq!(doubled.unwrap(), items.iter().map(|item| item * 2).collect::<Vec<_>>());
    }

    #[test]
    fn an_error_is_returned() {
        let items: Vec<usize> = (0..1000).collect();
        assert_eq!(map(&items, |&item| if item == 7 { Err(item) } else { Ok(()) }), Err(7));
    }
}
