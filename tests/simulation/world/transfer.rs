//! Blobs on their way, piece by piece, continued where they stopped.

use std::collections::VecDeque;

use sweep_shared::ids::{ContentHash, Token};
use sweep_worker::simulation::Input;

use super::runner::Wanted;
use super::{Event, World};

/// A transfer, tried until it is done.
pub struct Transfer {
    purpose: Purpose,
}

#[derive(Debug, Clone)]
pub enum Purpose {
    Fetch {
        token: Token,
        wanted: Wanted,
    },
    Checkpoint {
        token: Token,
        hash: ContentHash,
    },
    Result {
        token: Token,
        hash: ContentHash,
    },
    /// What a report named and the coordinator did not have.
    Supply {
        spool: String,
        seq: u64,
        hashes: VecDeque<ContentHash>,
    },
}

/// How one try went.
enum Tried {
    Done(Option<Vec<u8>>),
    /// Neither side has it any more.
    Lost,
    Again,
}

impl Transfer {
    pub fn token(&self) -> Option<Token> {
        match &self.purpose {
            Purpose::Fetch { token, .. } | Purpose::Checkpoint { token, .. } | Purpose::Result { token, .. } => {
                Some(*token)
            }
            Purpose::Supply { .. } => None,
        }
    }
}

impl World {
    pub fn begin_transfer(&mut self, host: usize, purpose: Purpose) {
        let id = self.id();
        let Some(born) = self.hosts[host].running().map(|process| process.born) else { return };
        let Some(process) = self.hosts[host].process(born) else { return };
        process.transfers.insert(id, Transfer { purpose });
        let slowest = self.hosts[host].path.slowest_ms;
        self.plan_in(1..=slowest * 3, Event::Transfer { host, born, id });
    }

    pub fn supply(&mut self, host: usize, spool: String, seq: u64, hashes: Vec<ContentHash>) {
        self.coverage.note("agent", "supplies blobs again");
        self.begin_transfer(host, Purpose::Supply { spool, seq, hashes: hashes.into() });
    }

    /// The next try of a transfer.
    pub fn transfer(&mut self, host: usize, born: u64, id: u64) {
        let Some(process) = self.hosts[host].process(born) else { return };
        let Some(transfer) = process.transfers.get(&id) else { return };
        let purpose = transfer.purpose.clone();
        let tried = match &purpose {
            Purpose::Fetch { wanted: Wanted::Input(hash) | Wanted::Checkpoint(hash), .. } => self.download(host, hash),
            Purpose::Checkpoint { hash, .. } | Purpose::Result { hash, .. } => self.upload(host, hash),
            Purpose::Supply { hashes, .. } => match hashes.front() {
                Some(hash) => self.upload(host, hash),
                None => Tried::Done(None),
            },
        };
        match tried {
            Tried::Again => self.plan_in(200..=4_000, Event::Transfer { host, born, id }),
            Tried::Done(bytes) => self.transferred(host, id, purpose, bytes),
            Tried::Lost => self.lost(host, id, purpose),
        }
    }

    fn download(&mut self, host: usize, hash: &ContentHash) -> Tried {
        if let Some(bytes) = self.hosts[host].disk.cache.get(hash) {
            return Tried::Done(Some(bytes.clone()));
        }
        if !self.hosts[host].path.is_whole() || self.dice.chance(5) {
            return Tried::Again;
        }
        let Some(site) = &self.office.site else { return Tried::Again };
        match site.blobs().download(hash) {
            Some(bytes) => {
                self.hosts[host].disk.cache.insert(hash.clone(), bytes.clone());
                Tried::Done(Some(bytes))
            }
            None => Tried::Lost,
        }
    }

    fn upload(&mut self, host: usize, hash: &ContentHash) -> Tried {
        let (cut, unheard) = (self.dice.chance(20), self.dice.chance(10));
        let host = &self.hosts[host];
        if !host.path.is_whole() {
            return Tried::Again;
        }
        let Some(site) = &self.office.site else { return Tried::Again };
        let blobs = site.blobs();
        let Some(bytes) = host.disk.cache.get(hash) else { return Tried::Lost };
        let (complete, received) = blobs.stat(hash);
        if complete {
            return Tried::Done(None);
        }
        let rest = &bytes[received as usize..];
        let share = if cut { self.dice.within(0..=rest.len() as u64) as usize } else { rest.len() };
        let brought = blobs.upload(hash, bytes.len() as u64, received, &rest[..share]);
        if cut {
            self.coverage.note("fault", "upload cut");
        }
        if brought.is_err() || share < rest.len() || unheard { Tried::Again } else { Tried::Done(None) }
    }

    fn transferred(&mut self, host: usize, id: u64, purpose: Purpose, bytes: Option<Vec<u8>>) {
        let Some(born) = self.hosts[host].running().map(|process| process.born) else { return };
        if let Purpose::Supply { spool, seq, mut hashes } = purpose {
            hashes.pop_front();
            if hashes.is_empty() {
                self.forget_transfer(host, id);
                self.feed(host, Input::Supplied { spool, seq, missing: None });
            } else if let Some(process) = self.hosts[host].process(born) {
                process.transfers.insert(id, Transfer { purpose: Purpose::Supply { spool, seq, hashes } });
                self.plan_in(1..=500, Event::Transfer { host, born, id });
            }
            return;
        }
        self.forget_transfer(host, id);
        match purpose {
            Purpose::Fetch { token, wanted } => self.fetched(host, token, &wanted, bytes),
            Purpose::Checkpoint { token, .. } => self.checkpoint_uploaded(host, token),
            Purpose::Result { token, .. } => self.result_uploaded(host, token),
            Purpose::Supply { .. } => {}
        }
    }

    fn lost(&mut self, host: usize, id: u64, purpose: Purpose) {
        self.forget_transfer(host, id);
        match purpose {
            Purpose::Fetch { token, wanted } => {
                self.coverage.note("fault", "blob to fetch is not there");
                self.fetched(host, token, &wanted, None);
            }
            Purpose::Supply { spool, seq, hashes } => {
                let missing = hashes.front().cloned();
                self.coverage.note("fault", "blob to supply is not there");
                self.feed(host, Input::Supplied { spool, seq, missing });
            }
            // What a live attempt made is pinned in its agent's cache.
            Purpose::Checkpoint { .. } | Purpose::Result { .. } => unreachable!("the cache keeps it"),
        }
    }

    fn forget_transfer(&mut self, host: usize, id: u64) {
        let Some(born) = self.hosts[host].running().map(|process| process.born) else { return };
        if let Some(process) = self.hosts[host].process(born) {
            process.transfers.remove(&id);
        }
    }
}
