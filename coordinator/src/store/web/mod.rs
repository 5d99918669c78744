//! People at the page: what they prove who they are with, and their sessions.
//!
//! A session begins in one transaction with what was proved for it (`begin`): the password, the second factor and the role are
//! looked at again there, a code is used up there, so that nothing that changed or was used meanwhile counts. It ends where its
//! user is removed or changes role or password, where its token is revoked, and where somebody ends it (`end`).

mod begin;
mod end;
mod factor;
mod failed;
mod password;
mod read;
mod second_factor;
mod touch;

pub use begin::{BeginSession, Proof};
pub use end::{EndSessions, Which, end_sessions};
pub use factor::Factor;
pub use failed::NoteFailed;
pub use password::SetPassword;
pub use read::{Account, OwnSession, SessionRow, account, codes_left, has_been_at, session, sessions_of};
pub use second_factor::{DisableTotp, EnableTotp, RenewCodes};
pub use touch::Touch;
