//! Tables that were made, kept while they are asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sweep_shared::ids::SweepId;
use tokio::sync::watch;

use super::table::{Table, gather};
use crate::store::{Store, StoreError, read};

/// Of how many sweeps a table is kept: those that were looked at last.
const MOST: usize = 16;
/// For so long a page waits for a table that is being made: of few jobs until it is there, whatever else the machine does; of many,
/// what takes long is shown later.
const PATIENCE: Duration = Duration::from_millis(120);
const FEW: u64 = 4000;
const MUCH_PATIENCE: Duration = Duration::from_secs(10);

/// A table that took longer than this to make is not made anew with each new point, but so that making it takes one part in so many
/// of the time.
const CHEAP: Duration = Duration::from_millis(40);
const REST: u32 = 20;

/// A sweep's table, as far as it is there.
#[derive(Debug, Clone)]
pub enum Answer {
    Now(Arc<Table>),
    /// Points have come since; the next table is being made.
    Before(Arc<Table>),
    /// The first one is being made.
    Soon,
}

impl Answer {
    pub fn table(&self) -> Option<&Arc<Table>> {
        match self {
            Self::Now(table) | Self::Before(table) => Some(table),
            Self::Soon => None,
        }
    }
}

type Version = (u64, i64);

#[derive(Clone, Default)]
struct Entry {
    /// Of which points.
    made: Option<(Version, Arc<Table>)>,
    /// Is being made; the receiver hears when it is.
    making: Option<watch::Receiver<()>>,
    /// It was costly: not to be made anew before.
    rests_until: Option<Instant>,
    /// Counts questions.
    asked: u64,
}

/// A cheap handle to all of them.
#[derive(Clone, Default)]
pub struct Tables(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    entries: HashMap<SweepId, Entry>,
    asked: u64,
}

impl Tables {
    /// Waits for as long as a page may.
    pub async fn of(&self, store: &Store, sweep: SweepId) -> Result<Answer, StoreError> {
        let version = read::points_version(store, sweep).await?;
        let Some(mut making) = self.look(store, sweep, version, true) else { return Ok(self.answer(sweep, version)) };
        // Made, given up, or not in time: what there is tells.
        let patience = if version.0 <= FEW { MUCH_PATIENCE } else { PATIENCE };
        let _ = tokio::time::timeout(patience, making.changed()).await;
        Ok(self.answer(sweep, version))
    }

    /// Waits until it is made, however long that takes.
    pub async fn whole(&self, store: &Store, sweep: SweepId) -> Result<Arc<Table>, StoreError> {
        let version = read::points_version(store, sweep).await?;
        if let Some(mut making) = self.look(store, sweep, version, false) {
            let _ = making.changed().await;
        }
        match self.answer(sweep, version) {
            Answer::Now(table) => Ok(table),
            // What failed in the making fails here, too, and says why.
            Answer::Before(_) | Answer::Soon => gather(store, sweep).await.map(Arc::new),
        }
    }

    /// `None`: the table is there, or (where it may be `rested`) the last one is to do for now. Otherwise it is being made, from now on
    /// at the latest.
    fn look(&self, store: &Store, sweep: SweepId, version: Version, rested: bool) -> Option<watch::Receiver<()>> {
        let mut kept = self.0.lock().expect("no holder panics");
        kept.asked += 1;
        let asked = kept.asked;
        let entry = kept.entries.entry(sweep).or_default();
        entry.asked = asked;
        if entry.made.as_ref().is_some_and(|(of, _)| *of == version) {
            return None;
        }
        if rested && entry.made.is_some() && entry.rests_until.is_some_and(|until| Instant::now() < until) {
            return None;
        }
        if let Some(making) = entry.making.as_ref().filter(|making| making.has_changed().is_ok()) {
            return Some(making.clone());
        }
        let (done, making) = watch::channel(());
        entry.making = Some(making.clone());
        kept.forget();
        drop(kept);
        let (tables, store) = (self.clone(), store.clone());
        tokio::spawn(async move {
            let began = Instant::now();
            match gather(&store, sweep).await {
                Ok(table) => tables.put(sweep, version, table, began.elapsed()),
                Err(error) => tracing::warn!(%error, %sweep, "its results could not be read"),
            }
            let _ = done.send(());
        });
        Some(making)
    }

    fn put(&self, sweep: SweepId, version: Version, table: Table, took: Duration) {
        let mut kept = self.0.lock().expect("no holder panics");
        // Forgotten meanwhile: nobody asks for it.
        let Some(entry) = kept.entries.get_mut(&sweep) else { return };
        entry.made = Some((version, Arc::new(table)));
        entry.making = None;
        entry.rests_until = (took > CHEAP).then(|| Instant::now() + took * REST);
    }

    fn answer(&self, sweep: SweepId, version: Version) -> Answer {
        let kept = self.0.lock().expect("no holder panics");
        match kept.entries.get(&sweep).and_then(|entry| entry.made.clone()) {
            Some((of, table)) if of == version => Answer::Now(table),
            Some((_, table)) => Answer::Before(table),
            None => Answer::Soon,
        }
    }
}

impl Kept {
    /// Those that nobody looked at for longest go.
    fn forget(&mut self) {
        while self.entries.len() > MOST {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.asked).map(|(sweep, _)| *sweep);
            let Some(oldest) = oldest else { return };
            self.entries.remove(&oldest);
        }
    }
}
