//! All services as one router, behind one gate.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use sweep_shared::wire::{DESCRIPTOR, MAX_MESSAGE_BYTES, v1};
use tonic::service::Routes;

use crate::access::{Access, Gate, pass};
use crate::api::Api;
use crate::api::access::AccessService;
use crate::api::banner::banner;
use crate::artifacts::ArtifactService;
use crate::dispatch::AgentService;
use crate::options::Options;
use crate::tls::Authority;
use crate::web::{self, Web};

/// Of messages that hold names and certificates only.
const SMALL_MESSAGE_BYTES: usize = 64 << 10;
/// Of what users ask: a plan has 4 MiB at most, and the names of its files come with it.
const REQUEST_BYTES: usize = 8 << 20;
/// Of a chunk of a blob, with room for its frame.
const CHUNK_MESSAGE_BYTES: usize = 4 << 20;

pub async fn router(
    api: Api,
    access: Access,
    authority: Option<Arc<Authority>>,
    web: Web,
    options: &Options,
) -> Router {
    let banner = banner(api.store.clone(), api.artifacts.clone());
    let agents = AgentService::new(api.dispatch.clone(), api.board.clone(), api.logs.clone());
    let artifacts = ArtifactService::new(api.artifacts.clone());
    let who = AccessService {
        store: api.store.clone(),
        clock: api.clock.clone(),
        access: access.clone(),
        authority,
        certificate_days: options.certificate_days,
        web: web.clone(),
    };
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<v1::sweeps_server::SweepsServer<Api>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTOR)
        .build_v1()
        .expect("the descriptor is built with this program");
    let sweeps = v1::sweeps_server::SweepsServer::new(api)
        .max_decoding_message_size(REQUEST_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let agents = v1::agents_server::AgentsServer::new(agents)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let artifacts =
        v1::artifacts_server::ArtifactsServer::new(artifacts).max_decoding_message_size(CHUNK_MESSAGE_BYTES);
    let who = v1::access_server::AccessServer::new(who).max_decoding_message_size(SMALL_MESSAGE_BYTES);
    Routes::new(sweeps)
        .add_service(agents)
        .add_service(artifacts)
        .add_service(who)
        .add_service(health)
        .add_service(reflection)
        .into_axum_router()
        .layer(banner)
        .layer(from_fn_with_state(Gate { access }, pass))
        // Pages have a door of their own.
        .merge(web::router(web))
}
