//! The token in every call's header.

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// Adds `authorization: Bearer <token>`, and one more header where one was asked for. Its `Debug` shows neither.
#[derive(Clone, Default)]
pub struct Bearer {
    token: Option<MetadataValue<Ascii>>,
    beside: Option<(&'static str, MetadataValue<Ascii>)>,
}

impl Bearer {
    /// Of one whom a certificate identifies.
    pub fn none() -> Self {
        Self::default()
    }

    /// `None`: the token holds characters that no header can. An empty one is none.
    pub fn new(token: &str) -> Option<Self> {
        if token.is_empty() {
            return Some(Self::none());
        }
        let mut value: MetadataValue<Ascii> = format!("Bearer {token}").parse().ok()?;
        value.set_sensitive(true);
        Some(Self { token: Some(value), beside: None })
    }

    /// With this header beside it.
    pub fn with(self, name: &'static str, value: MetadataValue<Ascii>) -> Self {
        Self { beside: Some((name, value)), ..self }
    }
}

impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.token.is_some() { "Bearer(…)" } else { "Bearer(none)" })
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.token {
            request.metadata_mut().insert("authorization", value.clone());
        }
        if let Some((name, value)) = &self.beside {
            request.metadata_mut().insert(*name, value.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_added_and_the_token_does_not_show() {
        let mut bearer = Bearer::new("s3cr3t").unwrap().with("sweep-actor", "me".parse().unwrap());
        let request = bearer.call(Request::new(())).unwrap();
        assert_eq!(request.metadata().get("authorization").unwrap(), "Bearer s3cr3t");
        assert_eq!(request.metadata().get("sweep-actor").unwrap(), "me");
        assert!(!format!("{bearer:?} {request:?}").contains("s3cr3t"));
        assert!(Bearer::new("a\nb").is_none());
        let request = Bearer::none().call(Request::new(())).unwrap();
        assert!(request.metadata().is_empty());
    }
}
