//! While nothing can be recorded, or artifacts cannot be kept, every answer says so.

use axum::response::Response;
use sweep_shared::halted::{HALT_HEADER, Halted};
use tonic::metadata::{MetadataMap, MetadataValue};
use tower::util::MapResponseLayer;

use crate::artifacts::{Artifacts, Outage};
use crate::store::{Halt, Store};

/// Adds the header, which clients print.
pub fn banner(
    store: Store,
    artifacts: Artifacts,
) -> MapResponseLayer<impl FnOnce(Response) -> Response + Clone + Send + Sync + 'static> {
    MapResponseLayer::new(move |mut response: Response| {
        let said = store.halt().map(|halt| halted(&halt)).or_else(|| artifacts.outage().map(|outage| away(&outage)));
        if let Some(said) = said {
            let mut metadata = MetadataMap::new();
            metadata.insert_bin(HALT_HEADER, MetadataValue::from_bytes(&said.to_bytes()));
            response.headers_mut().extend(metadata.into_headers());
        }
        response
    })
}

fn halted(halt: &Halt) -> Halted {
    Halted { kind: halt.trouble.name().to_owned(), message: halt.to_string() }
}

fn away(outage: &Outage) -> Halted {
    Halted { kind: outage.kind.clone(), message: outage.to_string() }
}
