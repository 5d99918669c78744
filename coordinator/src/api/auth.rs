//! Who may call: everyone who can read the home's token.

use tonic::{Request, Status};

/// Lets through what carries `authorization: Bearer <token>`.
#[derive(Clone)]
pub struct Auth {
    /// Compared instead of the token itself: hashes compare in constant time.
    wanted: blake3::Hash,
}

impl Auth {
    pub fn new(token: &str) -> Self {
        Self { wanted: blake3::hash(format!("Bearer {token}").as_bytes()) }
    }

    fn allows(&self, header: &[u8]) -> bool {
        blake3::hash(header) == self.wanted
    }
}

impl tonic::service::Interceptor for Auth {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        match request.metadata().get("authorization") {
            Some(header) if self.allows(header.as_bytes()) => Ok(request),
            Some(_) => {
                Err(Status::unauthenticated("the token is not this coordinator's; it lies in SWEEP_HOME/token there"))
            }
            None => {
                Err(Status::unauthenticated("a token is needed: authorization: Bearer <contents of SWEEP_HOME/token>"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_token_is_let_through() {
        let auth = Auth::new("secret");
        assert!(auth.allows(b"Bearer secret"));
        for wrong in [&b"Bearer secre"[..], b"Bearer secrets", b"secret", b"bearer secret", b""] {
            assert!(!auth.allows(wrong));
        }
    }
}
