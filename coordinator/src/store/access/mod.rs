//! Who may come in, as it is recorded: users, tokens, agents' certificates. Each change says so in [`Changes::access`], whereupon
//! `access::Access` reads everything anew ([`load`]) and ends what no longer stands.
//!
//! [`Changes::access`]: super::Changes

mod agents;
mod certificates;
mod load;
mod tokens;
mod turned_away;
mod users;

pub use agents::RevokeAgent;
pub(super) use certificates::is_revoked;
pub use certificates::{Enrol, Renewed};
pub use load::{CertificateRow, Rows, TokenRow, UserRow, load};
pub use tokens::{NewToken, RevokeToken, TokenKind, TokenUsed};
pub use turned_away::TurnedAway;
pub use users::{RemoveUser, SetUser};
