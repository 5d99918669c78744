//! The private certificate authority, and the coordinator's own certificate.
//!
//! At the first start with TLS a key and a CA are made in SWEEP_HOME/tls. The CA signs two kinds of certificates and nothing else: the
//! coordinator's (made anew at each start and now and then, its key never on disk), which says [`COORDINATOR_NAME`] besides the host's
//! names, and agents', which may not serve. Clients pin the CA's fingerprint, so that names need not resolve.
//!
//! [`COORDINATOR_NAME`]: sweep_shared::access::COORDINATOR_NAME

mod authority;
mod names;
mod server;

pub use authority::{Authority, AuthorityError, Issued, RequestError};
pub use names::{is_name, names};
pub use server::{Certificate, acceptor, presented};
