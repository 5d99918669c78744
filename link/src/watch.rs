//! A connection that notices what those who speak HTTP/2 over it would hide: that the other side speaks TLS, or hangs up without a
//! word, or does not accept the certificate that it was shown, which under TLS 1.3 is told after the handshake.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::address::Address;
use crate::error::{LinkError, refusal};

/// What went wrong last.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Option<LinkError>>>);

impl Faults {
    pub fn set(&self, fault: LinkError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }

    pub fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub fn newest(&self) -> Option<LinkError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub struct Watched<S> {
    inner: S,
    address: Address,
    faults: Faults,
    /// The first bytes, until there are enough to see that HTTP is spoken.
    first: Option<Vec<u8>>,
}

impl<S> Watched<S> {
    pub fn new(inner: S, address: Address, faults: Faults) -> Self {
        Self { inner, address, faults, first: Some(Vec::new()) }
    }

    /// Reading or writing did.
    fn failed(&self, error: &io::Error) {
        self.hung_up();
        let alert = match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::AlertReceived(alert)) => *alert,
            _ => return,
        };
        if let Some(why) = refusal(alert) {
            self.faults.set(LinkError::CertificateRefused { address: self.address.clone(), why: why.to_owned() });
        }
    }

    fn hung_up(&self) {
        if self.first.as_ref().is_some_and(Vec::is_empty) {
            self.faults.set(LinkError::HungUp(self.address.clone()));
        }
    }

    /// HTTP/2 begins with a frame of SETTINGS, whose first bytes say its length; a TLS alert with its type and version, which would
    /// be a length far beyond what is allowed.
    fn look(&mut self, arrived: &[u8]) -> io::Result<()> {
        let Some(first) = &mut self.first else { return Ok(()) };
        first.extend(arrived.iter().take(2 - first.len()));
        match first[..] {
            [0x15, 0x03] => {
                let fault = LinkError::SpeaksTls(self.address.clone());
                self.faults.set(fault.clone());
                Err(io::Error::other(fault))
            }
            // An answer in HTTP/1, which one gets from a port that expected something else.
            [b'H', b'T'] => {
                self.faults.set(LinkError::NotHttp2(self.address.clone()));
                self.first = None;
                Ok(())
            }
            [_, _] => {
                // Not before: a connection that is made, and closed at once, mends nothing.
                self.faults.clear();
                self.first = None;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut this.inner).poll_read(context, buffer));
        Poll::Ready(match read {
            Ok(()) if buffer.filled().len() == before => {
                this.hung_up();
                Ok(())
            }
            Ok(()) => this.look(&buffer.filled()[before..]),
            Err(error) => {
                this.failed(&error);
                Err(error)
            }
        })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.inner).poll_write(context, bytes));
        Poll::Ready(written.inspect_err(|error| this.failed(error)))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.inner).poll_write_vectored(context, slices));
        Poll::Ready(written.inspect_err(|error| this.failed(error)))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = ready!(Pin::new(&mut this.inner).poll_flush(context));
        Poll::Ready(flushed.inspect_err(|error| this.failed(error)))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}
