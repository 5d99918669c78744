//! What the coordinator says by being there: a ping elsewhere for as long as it is well, so that its silence is noticed; and a look
//! at its own disk.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::channels::client;
use super::settings::Heartbeat;
use crate::dispatch::DispatchHandle;
use crate::home::Home;
use crate::store::notices::DiskRoom;
use crate::store::{Store, free_bytes};

/// How long the other side may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the disk is looked at.
const LOOKS: Duration = Duration::from_mins(1);

/// Asks an address with GET at an interval. It stops while nothing can be recorded, and while jobs are not handed out.
pub struct Pulse {
    pub heartbeat: Heartbeat,
    pub store: Store,
    pub dispatch: DispatchHandle,
}

impl Pulse {
    pub async fn always(self, stop: CancellationToken) {
        let client = client(PATIENCE, |builder| builder);
        let mut beat = tokio::time::interval(self.heartbeat.every);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = beat.tick() => {}
            }
            if !self.is_well().await {
                continue;
            }
            let asked = tokio::select! {
                () = stop.cancelled() => return,
                asked = client.get(&self.heartbeat.url).send() => asked,
            };
            match asked.and_then(reqwest::Response::error_for_status) {
                Ok(_) => failing = false,
                // Told once. The address may hold a secret.
                Err(error) if !failing => {
                    failing = true;
                    tracing::warn!(error = %error.without_url(), "the heartbeat is not taken");
                }
                Err(_) => {}
            }
        }
    }

    async fn is_well(&self) -> bool {
        self.store.halt().is_none() && self.dispatch.agents().await.is_ok()
    }
}

/// How many bytes are free where the home lies; `None`: nobody knows.
type Free = dyn Fn(&Home) -> Option<u64> + Send + Sync;

/// Notes when the disk of the home has little room left, and when it has room again.
pub struct DiskWatch {
    pub home: Home,
    pub store: Store,
    /// Less is little.
    pub low_bytes: u64,
    pub free: Arc<Free>,
}

impl DiskWatch {
    pub fn new(home: Home, store: Store, low_bytes: u64) -> Self {
        Self { home, store, low_bytes, free: Arc::new(|home| free_bytes(home.root())) }
    }

    pub async fn always(self, stop: CancellationToken) {
        let mut look = tokio::time::interval(LOOKS);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = look.tick() => {}
            }
            self.look().await;
        }
    }

    pub(super) async fn look(&self) {
        let Some(free) = (self.free)(&self.home) else { return };
        let Some(low) = verdict(free, self.low_bytes) else { return };
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        let detail = format!("{:.1} GiB are free in {}", gib(free), self.home.root().display());
        let detail = if low { format!("{detail}, less than {:.1} GiB", gib(self.low_bytes)) } else { detail };
        if let Err(error) = self.store.write(DiskRoom { low, detail }).await {
            tracing::warn!(%error, "how full the disk is cannot be noted");
        }
    }
}

/// Whether it is low. In between (`None`) it is as it was: a disk at its limit is told once, not each minute.
fn verdict(free: u64, low: u64) -> Option<bool> {
    if free < low { Some(true) } else { (free >= low.saturating_add(low / 4)).then_some(false) }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::store::notices::Arrive;
    use crate::store::testing::bench;

    #[tokio::test]
    async fn a_disk_at_its_limit_is_told_once_and_again_when_it_had_room() {
        let bench = bench().await;
        bench.store.write(Arrive).await.unwrap();
        let free = Arc::new(AtomicU64::new(100));
        let watch = DiskWatch {
            home: Home::new(bench.folder.path()),
            store: bench.store.clone(),
            low_bytes: 40,
            free: Arc::new({
                let free = free.clone();
                move |_: &Home| Some(free.load(Ordering::Relaxed))
            }),
        };
        let told = || bench.number("SELECT count(*) FROM events WHERE what = 'disk_low'");
        for (now, told_by_then) in [(100, 0), (39, 1), (30, 1), (41, 1), (39, 1), (50, 1), (39, 2)] {
            free.store(now, Ordering::Relaxed);
            watch.look().await;
            assert_eq!(told().await, told_by_then, "{now} free");
        }
    }
}
