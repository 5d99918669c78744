//! Which blobs the bucket has, and when somebody last asked for them.

use std::collections::HashMap;
use std::time::SystemTime;

use sweep_shared::ids::ContentHash;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    size_bytes: u64,
    asked: SystemTime,
}

#[derive(Debug, Default)]
pub struct Index {
    known: HashMap<ContentHash, Known>,
    /// The bucket has been listed: what is not known is not there.
    complete: bool,
}

impl Index {
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    pub fn knows(&self, hash: &ContentHash) -> bool {
        self.known.contains_key(hash)
    }

    pub fn add(&mut self, hash: ContentHash, size_bytes: u64, now: SystemTime) {
        self.known.insert(hash, Known { size_bytes, asked: now });
    }

    pub fn ask(&mut self, hash: &ContentHash, now: SystemTime) -> Option<u64> {
        let known = self.known.get_mut(hash)?;
        known.asked = now;
        Some(known.size_bytes)
    }

    /// Takes in a listing. Nothing is deleted before one is complete, so all that was listed is there.
    pub fn listed(&mut self, blobs: impl IntoIterator<Item = (ContentHash, u64)>, now: SystemTime) {
        for (hash, size_bytes) in blobs {
            self.known.entry(hash).or_insert(Known { size_bytes, asked: now });
        }
        self.complete = true;
    }

    /// None before the listing is complete.
    pub fn old(&self, before: SystemTime) -> Vec<ContentHash> {
        let old = self.known.iter().filter(|(_, known)| self.complete && known.asked < before);
        old.map(|(hash, _)| hash.clone()).collect()
    }

    /// Forgets one that nobody has asked for since.
    pub fn take_old(&mut self, hash: &ContentHash, before: SystemTime) -> Option<Known> {
        let known = *self.known.get(hash)?;
        if !self.complete || known.asked >= before {
            return None;
        }
        self.known.remove(hash)
    }

    pub fn put_back(&mut self, hash: ContentHash, known: Known) {
        self.known.entry(hash).or_insert(known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn only_what_nobody_asked_for_grows_old_and_only_after_the_listing() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let [a, b, c] = [b"a", b"b", b"c"].map(|bytes| ContentHash::of(bytes));
        let mut index = Index::default();
        index.add(a.clone(), 1, at(10));
        assert!(index.old(at(100)).is_empty() && index.take_old(&a, at(100)).is_none(), "the listing is not there yet");
        index.listed([(a.clone(), 1), (b.clone(), 2), (c.clone(), 3)], at(20));
        assert_eq!(index.old(at(15)), std::slice::from_ref(&a), "it was asked for before the listing");
        assert_eq!(index.ask(&b, at(50)), Some(2));
        assert!(index.take_old(&b, at(50)).is_none(), "somebody asked for it meanwhile");
        let known = index.take_old(&c, at(50)).unwrap();
        assert!(!index.knows(&c) && index.ask(&c, at(60)).is_none());
        index.put_back(c.clone(), known);
        assert!(index.knows(&c));
    }
}
