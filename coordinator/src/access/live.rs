//! Calls that are under way, and by what right.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio_util::sync::CancellationToken;

use super::principal::{Credential, Refusal};

/// Everybody who is in.
#[derive(Debug, Clone, Default)]
pub struct Live(Arc<Mutex<HashMap<Credential, Entry>>>);

#[derive(Debug)]
struct Entry {
    calls: usize,
    fallen: Fallen,
}

/// That what was shown no longer stands, and why.
#[derive(Debug, Clone, Default)]
struct Fallen {
    signal: CancellationToken,
    why: Arc<OnceLock<Refusal>>,
}

/// The right to be in. Dropped, the call is over.
#[derive(Debug)]
pub struct Stay {
    live: Live,
    credential: Credential,
    fallen: Fallen,
}

impl Live {
    pub fn enter(&self, credential: &Credential) -> Stay {
        let mut live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = live.entry(credential.clone()).or_insert_with(|| Entry { calls: 0, fallen: Fallen::default() });
        entry.calls += 1;
        Stay { live: self.clone(), credential: credential.clone(), fallen: entry.fallen.clone() }
    }

    /// Ends the calls of those credentials that `why` names a reason for.
    pub fn end(&self, why: impl Fn(&Credential) -> Option<Refusal>) {
        let mut live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        live.retain(|credential, entry| {
            let Some(refusal) = why(credential) else { return true };
            let _ = entry.fallen.why.set(refusal);
            entry.fallen.signal.cancel();
            false
        });
    }
}

impl Stay {
    /// Waits until it no longer stands.
    pub async fn fallen(&self) -> Refusal {
        self.fallen.signal.cancelled().await;
        self.why()
    }

    /// For bodies: the signal, to be waited for.
    pub fn signal(&self) -> CancellationToken {
        self.fallen.signal.clone()
    }

    pub fn why(&self) -> Refusal {
        self.fallen.why.get().cloned().unwrap_or(Refusal::Nothing)
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let mut live = self.live.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One that fell has been taken out; somebody else's may stand in its place.
        if let Some(entry) =
            live.get_mut(&self.credential).filter(|entry| Arc::ptr_eq(&entry.fallen.why, &self.fallen.why))
        {
            entry.calls -= 1;
            if entry.calls == 0 {
                live.remove(&self.credential);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn calls_end_with_what_they_came_in_by_and_no_others() {
        let live = Live::default();
        let (one, two) = (Credential::Token(1), Credential::Token(2));
        let (a, b, other) = (live.enter(&one), live.enter(&one), live.enter(&two));
        live.end(|credential| (*credential == one).then_some(Refusal::TokenRevoked { id: 1 }));
        assert_eq!(a.fallen().await, Refusal::TokenRevoked { id: 1 });
        assert_eq!(b.fallen().await, Refusal::TokenRevoked { id: 1 });
        assert!(!other.signal().is_cancelled());
        let again = live.enter(&one);
        drop((a, b));
        assert_eq!(live.0.lock().unwrap().len(), 2, "who came in anew is still known");
        drop((again, other));
        assert!(live.0.lock().unwrap().is_empty());
    }
}
