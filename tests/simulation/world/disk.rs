//! An agent's disk: the spool's file and the cached blobs, which survive the process. A write counts once it is carried out;
//! one that the process's death comes before has never been.

use std::collections::BTreeMap;

use sweep_shared::ids::ContentHash;
use sweep_worker::simulation::{Recovered, Report};

/// What is on the agent's disk.
#[derive(Default)]
pub struct Disk {
    spool: Option<Spool>,
    pub cache: BTreeMap<ContentHash, Vec<u8>>,
}

/// The spool's file, as of the last sync.
#[derive(Clone)]
struct Spool {
    name: String,
    generation: Option<String>,
    acked: u64,
    /// By number.
    records: BTreeMap<u64, Vec<u8>>,
}

/// A write that is on its way to the disk.
#[derive(Clone)]
pub enum Write {
    Append { seq: u64, payload: Vec<u8> },
    Acknowledged(u64),
    Renew { spool: String, generation: Option<String>, payloads: Vec<Vec<u8>> },
    Remember(String),
}

impl Disk {
    pub fn open(&mut self, luck: u64) -> Recovered {
        let fresh = || Spool { name: format!("{luck:016x}"), generation: None, acked: 0, records: BTreeMap::new() };
        let spool = self.spool.get_or_insert_with(fresh);
        let read = |payload: &Vec<u8>| Report::decode(payload).expect("what was written can be read");
        Recovered {
            spool: spool.name.clone(),
            generation: spool.generation.clone(),
            acked: spool.acked,
            next_seq: spool.records.keys().next_back().map_or(spool.acked, |last| *last) + 1,
            reports: spool.records.iter().map(|(seq, payload)| (*seq, read(payload))).collect(),
        }
    }

    /// Carries out a write. Answers how far which spool is on disk, where that may be told.
    pub fn write(&mut self, write: Write) -> Option<(String, u64)> {
        match write {
            Write::Append { seq, payload } => {
                let spool = self.spool.as_mut()?;
                spool.records.insert(seq, payload);
                Some((spool.name.clone(), seq))
            }
            Write::Acknowledged(seq) => {
                let spool = self.spool.as_mut()?;
                spool.acked = spool.acked.max(seq);
                spool.records.retain(|recorded, _| *recorded > seq);
                None
            }
            Write::Renew { spool, generation, payloads } => {
                let records: BTreeMap<u64, Vec<u8>> = (1..).zip(payloads).collect();
                let last = records.len() as u64;
                self.spool = Some(Spool { name: spool.clone(), generation, acked: 0, records });
                Some((spool, last))
            }
            Write::Remember(generation) => {
                self.spool.as_mut()?.generation = Some(generation);
                None
            }
        }
    }
}
