//! What of notices goes on in a coordinator without anybody asking.

use futures_util::FutureExt as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Setup;
use super::heartbeat::{DiskWatch, Pulse};
use super::post::Post;
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

/// Delivers notices, watches the disk and sends the heartbeat, as far as that is wanted.
pub fn start(options: &Options, api: &Api, stop: &CancellationToken, tasks: &mut JoinSet<&'static str>) {
    let ended = |name: &'static str| move |()| name;
    let Setup { settings, stands, disk_low_bytes, retries, .. } = &options.notices;
    if *stands {
        let watch = DiskWatch::new(api.home.clone(), api.store.clone(), *disk_low_bytes);
        tasks.spawn(watch.always(stop.clone()).map(ended("the watch on the disk")));
        if let Some(heartbeat) = settings.heartbeat.clone() {
            let pulse = Pulse { heartbeat, store: api.store.clone(), dispatch: api.dispatch.clone() };
            tasks.spawn(pulse.always(stop.clone()).map(ended("the heartbeat")));
        }
    }
    if let Some(courier) = api.notices.courier.clone() {
        let (clock, luck, page) = (options.clock.clone(), options.luck.clone(), api.notices.page.clone());
        let post = Post { store: api.store.clone(), courier, clock, luck, retries: *retries, page };
        tasks.spawn(post.run(stop.clone()).map(ended("the delivery of notices")));
    }
}
