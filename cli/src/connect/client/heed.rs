//! What every answer of a coordinator may say beside the answer: that it can record nothing at present, and why. It is told once,
//! on standard error, and once more when it is over.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use sweep_link::Channel;
use sweep_shared::halted::{HALT_HEADER, Halted};
use tonic::body::Body;
use tonic::codegen::{Service, StdError, http};
use tonic::metadata::MetadataMap;

use crate::output;

/// A channel that heeds the banner.
#[derive(Clone)]
pub struct Heeding {
    inner: Channel,
    heard: Heard,
}

/// What the newest answer said.
#[derive(Clone, Default)]
pub struct Heard(Arc<Mutex<Option<Halted>>>);

impl Heeding {
    pub fn new(inner: Channel, heard: Heard) -> Self {
        Self { inner, heard }
    }
}

impl Heard {
    /// Why the coordinator can record nothing, where that is so.
    pub fn newest(&self) -> Option<Halted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, said: Option<Halted>) {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(words) = news(newest.as_ref(), said.as_ref()) {
            output::note(&words);
        }
        *newest = said;
    }
}

/// What there is to tell the user.
fn news(before: Option<&Halted>, now: Option<&Halted>) -> Option<String> {
    match (before, now) {
        (Some(before), Some(now)) if before.kind == now.kind => None,
        (_, Some(now)) => Some(format!("warning: {}", now.message)),
        (Some(before), None) if before.is_of_artifacts() => Some("the artifact store can be used again".to_owned()),
        (Some(_), None) => Some("the coordinator can record again: the work goes on".to_owned()),
        (None, None) => None,
    }
}

impl Service<http::Request<Body>> for Heeding {
    type Response = http::Response<Body>;
    type Error = StdError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let (answer, heard) = (self.inner.call(request), self.heard.clone());
        Box::pin(async move {
            let response = answer.await?;
            heard.note(halted(response.headers()));
            Ok(response)
        })
    }
}

fn halted(headers: &http::HeaderMap) -> Option<Halted> {
    let mut only = http::HeaderMap::new();
    only.insert(HALT_HEADER, headers.get(HALT_HEADER)?.clone());
    let bytes = MetadataMap::from_headers(only).get_bin(HALT_HEADER)?.to_bytes().ok()?;
    Halted::from_bytes(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::metadata::MetadataValue;

    #[test]
    fn the_banner_is_told_when_it_goes_up_and_when_it_comes_down() {
        let full = Halted { kind: "full".to_owned(), message: "SWEEP_HOME is read-only: …".to_owned() };
        let fuller = Halted { message: "the same with other numbers".to_owned(), ..full.clone() };
        let corrupt = Halted { kind: "corrupt".to_owned(), ..full.clone() };
        assert_eq!(news(None, None), None);
        assert_eq!(news(None, Some(&full)).unwrap(), "warning: SWEEP_HOME is read-only: …");
        assert_eq!(news(Some(&full), Some(&fuller)), None);
        assert!(news(Some(&full), Some(&corrupt)).is_some());
        assert!(news(Some(&full), None).unwrap().contains("goes on"));
    }

    #[test]
    fn any_text_comes_through_the_header() {
        let said = Halted { kind: "full".to_owned(), message: "voll in /dätä\n".to_owned() };
        let mut metadata = MetadataMap::new();
        metadata.insert_bin(HALT_HEADER, MetadataValue::from_bytes(&said.to_bytes()));
        assert_eq!(halted(&metadata.into_headers()), Some(said));
        assert_eq!(halted(&http::HeaderMap::new()), None);
    }
}
