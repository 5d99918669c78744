//! The spool's files: segments in order, and one spare that is allocated ahead.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::segment::{self, Records, Segment, SpoolId};

const CURRENT: &str = "current";
const SPARE: &str = "spare";
/// Of a segment's name, after spool id and first sequence number.
const SUFFIX: &str = ".seg";

/// A durable queue. Every call blocks; [`super::Spool`] runs it on a thread of its own.
pub struct Log {
    folder: PathBuf,
    id: SpoolId,
    /// Oldest first; never empty; the last one is written.
    segments: VecDeque<(PathBuf, Segment)>,
    acked: u64,
}

impl Log {
    /// Opens the spool in this folder, or makes one. Returns what may not have been acknowledged yet.
    pub fn open(folder: &Path) -> io::Result<(Self, Records)> {
        fs::create_dir_all(folder)?;
        let Some(id) = read_current(folder)? else {
            return Ok((Self::create(folder, new_id()?)?, Records::new()));
        };
        let mut segments = VecDeque::new();
        let mut records = Records::new();
        for path in segment_paths(folder, &id)? {
            let (segment, mut found) = Segment::open(&path)?;
            records.append(&mut found);
            segments.push_back((path, segment));
        }
        if segments.is_empty() {
            return Ok((Self::create(folder, new_id()?)?, Records::new()));
        }
        let acked = segments.iter().filter_map(|(_, segment)| segment.acked()).max().unwrap_or(0);
        records.retain(|(seq, _)| *seq > acked);
        let mut log = Self { folder: folder.to_owned(), id, segments, acked };
        log.ensure_spare();
        Ok((log, records))
    }

    /// A new, empty spool; other spools' files in the folder are removed.
    pub fn create(folder: &Path, id: SpoolId) -> io::Result<Self> {
        let path = segment_path(folder, &id, 1);
        segment::allocate(&path)?;
        let first = Segment::format(&path, id, 1)?;
        write_current(folder, &id)?;
        let mut log = Self { folder: folder.to_owned(), id, segments: VecDeque::from([(path, first)]), acked: 0 };
        log.remove_strangers()?;
        log.ensure_spare();
        Ok(log)
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

/// This spool's segments, oldest first.
fn segment_paths(folder: &Path, id: &SpoolId) -> io::Result<Vec<PathBuf>> {
    let prefix = text(id);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(&prefix) && name.ends_with(SUFFIX) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn text(id: &SpoolId) -> String {
    String::from_utf8_lossy(id).into_owned()
}

pub fn new_id() -> io::Result<SpoolId> {
    let hex = crate::identity::random_hex(8)?;
    hex.into_bytes().try_into().map_err(|_| io::Error::other("an id of the wrong length"))
}

fn read_current(folder: &Path) -> io::Result<Option<SpoolId>> {
    match fs::read(folder.join(CURRENT)) {
        Ok(bytes) => Ok(bytes.try_into().ok()),
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
