//! What of notices goes on in a coordinator without anybody asking.

use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::heartbeat::{DiskWatch, Pulse};
use super::post::Post;
use super::{Courier, Setup};
use crate::api::Api;
use crate::options::Options;
use crate::store::Store;
use crate::store::notices::Arrive;

/// Notes that the coordinator is here, and whether it had died before.
pub async fn arrive(store: &Store) {
    match store.write(Arrive).await {
        Ok(false) => {}
        Ok(true) => tracing::warn!("the coordinator had not been stopped: it, or its machine, had died"),
        // On a disk that is full it must start all the same.
        Err(error) => tracing::warn!(%error, "the coordinator's start cannot be noted"),
    }
}

/// Delivers notices, watches the disk and sends the heartbeat, as far as that is wanted. Answers the way out.
pub fn start(
    options: &Options,
    (api, page): (&Api, String),
    stop: &CancellationToken,
    tasks: &mut JoinSet<&'static str>,
) -> Option<Arc<dyn Courier>> {
    let ended = |name: &'static str| move |()| name;
    let Setup { settings, delivers, stands, disk_low_bytes, retries, courier, .. } = options.notices.clone();
    let (store, clock, luck) = (api.store.clone(), options.clock.clone(), options.luck.clone());
    if stands {
        let watch = DiskWatch::new(api.home.clone(), store.clone(), disk_low_bytes);
        tasks.spawn(watch.always(stop.clone()).map(ended("the watch on the disk")));
        if let Some(heartbeat) = settings.heartbeat.clone() {
            let pulse = Pulse { heartbeat, store: store.clone(), dispatch: api.dispatch.clone() };
            tasks.spawn(pulse.always(stop.clone()).map(ended("the heartbeat")));
        }
    }
    let courier = courier.filter(|_| delivers)?;
    let post = Post { store, courier: courier.clone(), clock, luck, retries, page };
    tasks.spawn(post.run(stop.clone()).map(ended("the delivery of notices")));
    Some(courier)
}
