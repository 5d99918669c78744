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

    fn look(&mut self, arrived: &[u8]) -> io::Result<()> {
        let Some(first) = &mut self.first else { return Ok(()) };
        first.extend(arrived.iter().take(ENOUGH - first.len()));
        match spoken(first) {
            None => return Ok(()),
            Some(Spoken::Tls) => {
                let fault = LinkError::SpeaksTls(self.address.clone());
                self.faults.set(fault.clone());
                return Err(io::Error::other(fault));
            }
            Some(Spoken::Http1) => self.faults.set(LinkError::NotHttp2(self.address.clone())),
            // Not before: a connection that is made, and closed at once, mends nothing.
            Some(Spoken::Http2) => self.faults.clear(),
        }
        self.first = None;
        Ok(())
    }
}

/// What the other side turns out to speak.
#[derive(Debug, PartialEq, Eq)]
enum Spoken {
    Http2,
    /// What one gets from a port that expected something else.
    Http1,
    Tls,
}

/// So many bytes tell in any case.
const ENOUGH: usize = 1024;

/// By the first bytes; `None`: there are too few yet.
///
/// HTTP/2 begins with a frame of SETTINGS, whose first bytes say its length; a TLS alert with its type and version, which would be a
/// length far beyond what is allowed. A coordinator that speaks TLS says so politely: after the SETTINGS it goes away for want of security.
fn spoken(first: &[u8]) -> Option<Spoken> {
    const HEAD: usize = 9;
    const SETTINGS: u8 = 4;
    const GOAWAY: u8 = 7;
    /// RFC 9113, section 7.
    const INADEQUATE_SECURITY: [u8; 4] = [0, 0, 0, 0x0c];
    match first {
        [0x15, 0x03, ..] => return Some(Spoken::Tls),
        [b'H', b'T', ..] => return Some(Spoken::Http1),
        _ => {}
    }
    let head = first.get(..HEAD)?;
    let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
    if head[3] != SETTINGS || HEAD + length + HEAD + 8 > ENOUGH {
        return Some(Spoken::Http2);
    }
    let next = first.get(HEAD + length..)?;
    if *next.get(3)? != GOAWAY {
        return Some(Spoken::Http2);
    }
    // After the last stream's number.
    let code = next.get(HEAD + 4..HEAD + 8)?;
    Some(if code == INADEQUATE_SECURITY { Spoken::Tls } else { Spoken::Http2 })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spoken_shows_in_the_first_bytes() {
        let settings = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100];
        let acknowledged = [0, 0, 0, 4, 1, 0, 0, 0, 0];
        let going_away = |code| [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, code];
        assert_eq!(spoken(&settings), None);
        assert_eq!(spoken(&[&settings[..], &acknowledged].concat()), Some(Spoken::Http2));
        assert_eq!(spoken(&[&settings[..], &going_away(0x0c)].concat()), Some(Spoken::Tls));
        assert_eq!(spoken(&[&settings[..], &going_away(0)].concat()), Some(Spoken::Http2));
        assert_eq!(spoken(b"HTTP/1.1 400"), Some(Spoken::Http1));
        assert_eq!(spoken(&[0x15, 0x03, 0x03]), Some(Spoken::Tls));
        assert_eq!(spoken(&[]), None);
    }
}
