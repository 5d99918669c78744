//! The spool's files: segments in order, and one spare that is allocated ahead.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::Recovered;
use super::salvage::{self, Found};
use super::segment::{self, Segment, SpoolId};

const CURRENT: &str = "current";
const GENERATION: &str = "generation";
const SPARE: &str = "spare";
/// Of a segment's name, after spool id and first sequence number.
pub const SUFFIX: &str = ".seg";

/// A durable queue. Every call blocks; [`super::Spool`] runs it on a thread of its own.
pub struct Log {
    folder: PathBuf,
    id: SpoolId,
    /// Oldest first; never empty; the last one is written.
    segments: VecDeque<(PathBuf, Segment)>,
    acked: u64,
}

impl Log {
    /// Opens the spool in this folder, or makes one. Damage does not stop it: what is whole goes into a new spool, damaged
    /// files are set aside and named in the agent's log.
    pub fn open(folder: &Path) -> io::Result<(Self, Recovered)> {
        fs::create_dir_all(folder)?;
        let generation = read_if_there(&folder.join(GENERATION))?.and_then(|bytes| String::from_utf8(bytes).ok());
        let current = read_if_there(&folder.join(CURRENT))?.and_then(|bytes| SpoolId::try_from(bytes).ok());
        let Found { segments, acked, reports, is_sound } = salvage::find(folder, current.as_ref())?;
        let (log, reports) = match (current, is_sound && !segments.is_empty()) {
            (Some(id), true) => {
                let mut log = Self { folder: folder.to_owned(), id, segments: segments.into(), acked };
                log.ensure_spare();
                (log, reports)
            }
            _ => {
                let payloads: Vec<Vec<u8>> = reports.iter().map(|(_, report)| report.encode()).collect();
                let log = Self::create(folder, new_id()?, &payloads)?;
                (log, (1..).zip(reports.into_iter().map(|(_, report)| report)).collect())
            }
        };
        let (spool, acked, next_seq) = (log.id(), log.acked, log.next_seq());
        Ok((log, Recovered { spool, generation, acked, next_seq, reports }))
    }

    /// A new spool with these records, in one step: until the name of the current spool is replaced, the old one holds.
    /// Then other spools' files in the folder are removed.
    fn create(folder: &Path, id: SpoolId, payloads: &[Vec<u8>]) -> io::Result<Self> {
        let (path, spare) = (segment_path(folder, &id, 1), folder.join(SPARE));
        if spare.exists() {
            fs::rename(&spare, &path)?;
        } else {
            segment::allocate(&path)?;
        }
        let first = Segment::format(&path, id, 1)?;
        let mut log = Self { folder: folder.to_owned(), id, segments: VecDeque::from([(path, first)]), acked: 0 };
        for payload in payloads {
            log.append(payload)?;
        }
        log.sync()?;
        write_current(folder, &id)?;
        log.remove_strangers()?;
        log.ensure_spare();
        Ok(log)
    }

    /// Becomes the spool `id`. On an error it is what it was.
    pub fn renew(&mut self, id: &str, payloads: &[Vec<u8>]) -> io::Result<()> {
        let named = || io::Error::new(io::ErrorKind::InvalidInput, "a spool's name has 16 bytes");
        let id = SpoolId::try_from(id.as_bytes()).map_err(|_| named())?;
        *self = Self::create(&self.folder, id, payloads)?;
        Ok(())
    }

    pub fn remember(&self, generation: &str) -> io::Result<()> {
        crate::identity::write_durably(&self.folder.join(GENERATION), generation.as_bytes())
    }

    pub fn id(&self) -> String {
        text(&self.id)
    }

    pub fn next_seq(&self) -> u64 {
        self.active().next_seq
    }

    /// Whether the next segment is allocated: false on a full disk, and then no new work may begin.
    pub fn has_spare(&self) -> bool {
        self.folder.join(SPARE).exists()
    }

    /// Adds a record, durable after the next [`Self::sync`].
    pub fn append(&mut self, payload: &[u8]) -> io::Result<u64> {
        if payload.len() > segment::MAX_PAYLOAD_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a report is larger than the spool takes"));
        }
        if !self.active().has_room_for(payload.len()) {
            self.rotate()?;
        }
        self.active_mut().append(payload)
    }

    pub fn sync(&self) -> io::Result<()> {
        self.active().sync()
    }

    /// Forgets records up to `seq`; whole segments of them are reused.
    pub fn ack(&mut self, seq: u64) -> io::Result<()> {
        self.acked = self.acked.max(seq);
        self.active().note_acked(self.acked)?;
        while self.segments.len() > 1 && self.segments[0].1.next_seq <= self.acked + 1 {
            let (path, _) = self.segments.pop_front().expect("longer than one");
            if self.has_spare() { fs::remove_file(path)? } else { fs::rename(path, self.folder.join(SPARE))? }
        }
        Ok(())
    }

    fn active(&self) -> &Segment {
        &self.segments.back().expect("never empty").1
    }

    fn active_mut(&mut self) -> &mut Segment {
        &mut self.segments.back_mut().expect("never empty").1
    }

    /// Goes on in the spare segment. The full one is synced first, so that records stay durable in order.
    fn rotate(&mut self) -> io::Result<()> {
        self.ensure_spare();
        self.sync()?;
        let (spare, first_seq) = (self.folder.join(SPARE), self.next_seq());
        let path = segment_path(&self.folder, &self.id, first_seq);
        let segment = Segment::format(&spare, self.id, first_seq)?;
        segment.note_acked(self.acked)?;
        fs::rename(&spare, &path)?;
        sync_folder(&self.folder)?;
        self.segments.push_back((path, segment));
        self.ensure_spare();
        Ok(())
    }

    /// Allocates the spare where it is missing. Failing is not fatal yet: see [`Self::has_spare`], by which the agent takes no
    /// new work and tells its user.
    pub fn ensure_spare(&mut self) {
        if self.has_spare() {
            return;
        }
        let unfinished = self.folder.join("spare.new");
        let made = segment::allocate(&unfinished).and_then(|()| fs::rename(&unfinished, self.folder.join(SPARE)));
        if let Err(error) = made {
            tracing::debug!(%error, "cannot reserve disk space for reports");
            let _nothing_to_remove = fs::remove_file(&unfinished);
        }
    }

    fn remove_strangers(&self) -> io::Result<()> {
        let ours = text(&self.id);
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(SUFFIX) && !name.starts_with(&ours) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

fn segment_path(folder: &Path, id: &SpoolId, first_seq: u64) -> PathBuf {
    folder.join(format!("{}-{first_seq:020}{SUFFIX}", text(id)))
}

pub fn text(id: &SpoolId) -> String {
    String::from_utf8_lossy(id).into_owned()
}

fn new_id() -> io::Result<SpoolId> {
    let hex = crate::identity::random_hex(8)?;
    hex.into_bytes().try_into().map_err(|_| io::Error::other("an id of the wrong length"))
}

fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_current(folder: &Path, id: &SpoolId) -> io::Result<()> {
    crate::identity::write_durably(&folder.join(CURRENT), id)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
