//! The way out that the coordinator was given, its type forgotten.

use std::pin::Pin;

use super::Message;
use super::channels::{Address, Outlet, SendError, Sent};

type Carried<'a> = Pin<Box<dyn Future<Output = Result<Sent, SendError>> + Send + 'a>>;

/// An [`Outlet`] behind a pointer.
pub trait Courier: Send + Sync + 'static {
    fn carry<'a>(&'a self, message: &'a Message, to: &'a Address) -> Carried<'a>;
}

impl<O: Outlet> Courier for O {
    fn carry<'a>(&'a self, message: &'a Message, to: &'a Address) -> Carried<'a> {
        Box::pin(self.send(message, to))
    }
}
