//! What is known of running attempts between commits: how far they are. Lost with the process, and told again by the agents.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use sweep_shared::ids::{JobId, SweepId, Token};
use tokio::sync::broadcast;

use crate::store::{Changes, Store};

/// The newest of a running attempt.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// Of the whole job, in 0..=1.
    pub fraction: f64,
    pub message: String,
}

#[derive(Debug, Clone)]
struct Entry {
    token: Token,
    sweep: SweepId,
    progress: Progress,
}

/// A cheap handle; the dispatcher writes, everyone reads.
#[derive(Clone)]
pub struct Board {
    entries: Arc<RwLock<HashMap<JobId, Entry>>>,
    told: broadcast::Sender<(SweepId, JobId)>,
}

/// Reports of progress that a slow watcher may fall behind.
const BACKLOG: usize = 1024;

impl Board {
    pub fn new() -> Self {
        Self { entries: Arc::default(), told: broadcast::channel(BACKLOG).0 }
    }

    /// An attempt begins, or goes on after a reconnect.
    pub fn begin(&self, token: Token, sweep: SweepId) {
        let mut entries = self.entries.write().expect("no holder panics");
        match entries.get(&token.job) {
            Some(entry) if entry.token == token => {}
            _ => drop(entries.insert(token.job, Entry { token, sweep, progress: Progress::default() })),
        }
    }

    /// These live, and no others.
    pub fn only(&self, live: impl Iterator<Item = (Token, SweepId)>) {
        let live: HashMap<Token, SweepId> = live.collect();
        self.entries.write().expect("no holder panics").retain(|_, entry| live.contains_key(&entry.token));
        for (token, sweep) in live {
            self.begin(token, sweep);
        }
    }

    pub fn end(&self, token: Token) {
        let mut entries = self.entries.write().expect("no holder panics");
        if entries.get(&token.job).is_some_and(|entry| entry.token == token) {
            entries.remove(&token.job);
        }
    }

    /// Notes progress; a stale token's is ignored.
    pub fn tell(&self, token: Token, progress: Progress) {
        let mut entries = self.entries.write().expect("no holder panics");
        let Some(entry) = entries.get_mut(&token.job).filter(|entry| entry.token == token) else { return };
        entry.progress = progress;
        // Nobody may be watching.
        let _ = self.told.send((entry.sweep, token.job));
    }

    pub fn progress(&self, job: JobId) -> Option<Progress> {
        self.entries.read().expect("no holder panics").get(&job).map(|entry| entry.progress.clone())
    }

    /// Whether this very attempt is live.
    pub fn is_live(&self, token: Token) -> bool {
        self.entries.read().expect("no holder panics").get(&token.job).is_some_and(|entry| entry.token == token)
    }

    /// Progress told from now on.
    pub fn watch(&self) -> broadcast::Receiver<(SweepId, JobId)> {
        self.told.subscribe()
    }
}

/// Both kinds of news, as watchers need them: registered before anything is read.
pub struct News {
    commits: broadcast::Receiver<Arc<Changes>>,
    progress: broadcast::Receiver<(SweepId, JobId)>,
}

/// What concerns one sweep.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// These jobs changed, perhaps the sweep itself, too.
    Jobs(std::collections::BTreeSet<JobId>),
    /// Too much happened meanwhile: look at everything.
    Everything,
    /// The coordinator is stopping.
    End,
}

impl News {
    pub fn new(store: &Store, board: &Board) -> Self {
        Self { commits: store.watch(), progress: board.watch() }
    }

    /// Waits until something concerns the sweep, and takes what has come by then.
    pub async fn of(&mut self, sweep: SweepId) -> Heard {
        use broadcast::error::{RecvError, TryRecvError};
        let mut jobs = std::collections::BTreeSet::new();
        let mut touched = false;
        loop {
            tokio::select! {
                commit = self.commits.recv() => match commit {
                    Ok(changes) => touched |= note(&changes, sweep, &mut jobs),
                    Err(RecvError::Lagged(_)) => return Heard::Everything,
                    Err(RecvError::Closed) => return Heard::End,
                },
                told = self.progress.recv() => match told {
                    Ok((of, job)) if of == sweep => drop(jobs.insert(job)),
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Heard::End,
                },
            }
            if !touched && jobs.is_empty() {
                continue;
            }
            loop {
                match self.commits.try_recv() {
                    Ok(changes) => drop(note(&changes, sweep, &mut jobs)),
                    Err(TryRecvError::Lagged(_)) => return Heard::Everything,
                    Err(_) => break,
                }
            }
            while let Ok((of, job)) = self.progress.try_recv() {
                if of == sweep {
                    jobs.insert(job);
                }
            }
            return Heard::Jobs(jobs);
        }
    }
}

fn note(changes: &Changes, sweep: SweepId, jobs: &mut std::collections::BTreeSet<JobId>) -> bool {
    jobs.extend(changes.jobs.iter().filter(|(of, _)| *of == sweep).map(|(_, job)| *job));
    changes.sweeps.contains(&sweep) || !jobs.is_empty()
}
