//! While nothing can be recorded, every answer says so.

use axum::response::Response;
use sweep_shared::halted::{HALT_HEADER, Halted};
use tonic::metadata::{MetadataMap, MetadataValue};
use tower::util::MapResponseLayer;

use crate::store::{Halt, Store};

/// Adds the header, which clients print.
pub fn banner(store: Store) -> MapResponseLayer<impl FnOnce(Response) -> Response + Clone + Send + Sync + 'static> {
    MapResponseLayer::new(move |mut response: Response| {
        if let Some(halt) = store.halt() {
            let mut metadata = MetadataMap::new();
            metadata.insert_bin(HALT_HEADER, MetadataValue::from_bytes(&halted(&halt).to_bytes()));
            response.headers_mut().extend(metadata.into_headers());
        }
        response
    })
}

fn halted(halt: &Halt) -> Halted {
    Halted { kind: halt.trouble.name().to_owned(), message: halt.to_string() }
}
