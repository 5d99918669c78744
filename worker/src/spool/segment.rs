//! One file of the spool: a header and records, in space that was written before it is needed.
//!
//! ```text
//! header (4 KiB)   magic · spool id (16) · first sequence number (8) · … at 512: acknowledged (8), its complement (8)
//! record           payload length (4) · sequence number (8) · checksum (8) · payload
//! ```
//! The checksum covers spool id, sequence number and payload, so what a recycled file held before is never taken for a
//! record, and neither is a record that a crash tore.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The size of every segment.
pub const SEGMENT_BYTES: u64 = 4 << 20;
/// The largest payload. Half a segment, so that one spare segment holds the ends of several attempts.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 20;

const HEADER_BYTES: u64 = 4096;
const ACK_OFFSET: u64 = 512;
const RECORD_HEADER_BYTES: usize = 20;
const PAGE: usize = 4096;
const MAGIC: &[u8; 8] = b"sweepsp1";

/// A spool's name: random, 16 bytes of text.
pub type SpoolId = [u8; 16];

pub struct Segment {
    file: File,
    id: SpoolId,
    pub next_seq: u64,
    /// Where the next record goes.
    end: u64,
}

/// What a scan found: sequence numbers and payloads, in order.
pub type Records = Vec<(u64, Vec<u8>)>;

/// A segment as it was found.
pub struct Scan {
    /// What its header says that it begins with.
    pub first_seq: u64,
    pub records: Records,
    /// Its last record is not whole, as a crash leaves it.
    pub torn: bool,
    /// A record before its last is not whole.
    pub damaged: bool,
}

/// Makes a file of [`SEGMENT_BYTES`] whose blocks are allocated and written, so that later writes need no space.
pub fn allocate(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(path)?;
    nix::fcntl::posix_fallocate(&file, 0, SEGMENT_BYTES as i64)?;
    // Written once, so that a later fdatasync writes data only and need not convert extents.
    let zeros = vec![0; 1 << 20];
    for offset in (0..SEGMENT_BYTES).step_by(zeros.len()) {
        file.write_all_at(&zeros, offset)?;
    }
    file.sync_all()
}

impl Segment {
    /// Makes an allocated file the segment that starts at `first_seq`. Durable on return, apart from the file's name.
    pub fn format(path: &Path, id: SpoolId, first_seq: u64) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut header = vec![0; HEADER_BYTES as usize];
        header[..8].copy_from_slice(MAGIC);
        header[8..24].copy_from_slice(&id);
        header[24..32].copy_from_slice(&first_seq.to_le_bytes());
        file.write_all_at(&header, 0)?;
        // Ends the record scan even where an older record happens to lie.
        file.write_all_at(&[0; RECORD_HEADER_BYTES], HEADER_BYTES)?;
        file.sync_data()?;
        Ok(Self { file, id, next_seq: first_seq, end: HEADER_BYTES })
    }

    /// Opens a segment and reads its records. One that was damaged is passed over, and noted.
    pub fn open(path: &Path) -> io::Result<(Self, Scan)> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut header = [0; 32];
        file.read_exact_at(&mut header, 0)?;
        if &header[..8] != MAGIC {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it does not begin like a spool segment"));
        }
        let id: SpoolId = header[8..24].try_into().expect("16 bytes");
        let first_seq = u64::from_le_bytes(header[24..32].try_into().expect("8 bytes"));
        let mut segment = Self { file, id, next_seq: first_seq, end: HEADER_BYTES };
        let mut scan = Scan { first_seq, records: Records::new(), torn: false, damaged: false };
        segment.read_on(&mut scan.records);
        scan.torn = segment.head_at(segment.end).is_some_and(|(seq, _, _)| seq == segment.next_seq);
        // Whole ones after one that is not: the disk changed it, or a crash came between writes that it took out of order.
        while let Some((at, seq)) = segment.find_next() {
            scan.damaged = true;
            (segment.end, segment.next_seq) = (at, seq);
            segment.read_on(&mut scan.records);
        }
        Ok((segment, scan))
    }

    pub fn id(&self) -> &SpoolId {
        &self.id
    }

    /// Reads up to the first record that is not whole.
    fn read_on(&mut self, records: &mut Records) {
        while let Some(payload) = self.record_at(self.end, self.next_seq) {
            let bytes = payload.len();
            records.push((self.next_seq, payload));
            self.advance(bytes);
        }
    }

    /// Where the next whole record of this spool lies, and its number.
    fn find_next(&self) -> Option<(u64, u64)> {
        let mut rest = vec![0; SEGMENT_BYTES.saturating_sub(self.end) as usize];
        let read = read_up_to(&self.file, &mut rest, self.end);
        let (rest, zeros) = (&rest[..read], [0; PAGE + RECORD_HEADER_BYTES]);
        // Most of a segment was never written, and is zero.
        let is_empty = |from: usize| {
            let page = &rest[from..read.min(from + PAGE + RECORD_HEADER_BYTES)];
            page == &zeros[..page.len()]
        };
        let pages = (0..read).step_by(PAGE).filter(|from| !is_empty(*from));
        let starts = pages.flat_map(|from| from..read.min(from + PAGE));
        starts.filter(|at| at + RECORD_HEADER_BYTES <= read).find_map(|at| {
            let (seq, length, _) = head(&rest[at..at + RECORD_HEADER_BYTES]);
            let is_near = (self.next_seq..self.next_seq + SEGMENT_BYTES).contains(&seq);
            let at = self.end + at as u64;
            (is_near && length <= MAX_PAYLOAD_BYTES && self.record_at(at, seq).is_some()).then_some((at, seq))
        })
    }

    fn head_at(&self, at: u64) -> Option<(u64, usize, [u8; 8])> {
        let mut bytes = [0; RECORD_HEADER_BYTES];
        self.file.read_exact_at(&mut bytes, at).ok()?;
        Some(head(&bytes))
    }

    fn record_at(&self, at: u64, seq: u64) -> Option<Vec<u8>> {
        let (found, length, sum) = self.head_at(at)?;
        if found != seq || length > MAX_PAYLOAD_BYTES {
            return None;
        }
        let mut payload = vec![0; length];
        self.file.read_exact_at(&mut payload, at + RECORD_HEADER_BYTES as u64).ok()?;
        (sum == checksum(&self.id, seq, &payload)).then_some(payload)
    }

    fn advance(&mut self, payload_bytes: usize) {
        self.end += (RECORD_HEADER_BYTES + payload_bytes) as u64;
        self.next_seq += 1;
    }

    pub fn has_room_for(&self, payload_bytes: usize) -> bool {
        self.end + (RECORD_HEADER_BYTES + payload_bytes) as u64 <= SEGMENT_BYTES
    }

    /// Writes one record, not yet durably. The caller has asked [`Self::has_room_for`].
    pub fn append(&mut self, payload: &[u8]) -> io::Result<u64> {
        let seq = self.next_seq;
        let mut record = Vec::with_capacity(RECORD_HEADER_BYTES + payload.len());
        record.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        record.extend_from_slice(&seq.to_le_bytes());
        record.extend_from_slice(&checksum(&self.id, seq, payload));
        record.extend_from_slice(payload);
        self.file.write_all_at(&record, self.end)?;
        self.advance(payload.len());
        Ok(seq)
    }

    /// Makes all appended records durable.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Notes what the coordinator acknowledged. Not synced: an older note only means that more is sent again.
    pub fn note_acked(&self, seq: u64) -> io::Result<()> {
        let mut note = [0; 16];
        note[..8].copy_from_slice(&seq.to_le_bytes());
        note[8..].copy_from_slice(&(!seq).to_le_bytes());
        self.file.write_all_at(&note, ACK_OFFSET)
    }

    /// The last note; `None` where none was made or it is torn.
    pub fn acked(&self) -> Option<u64> {
        let mut note = [0; 16];
        self.file.read_exact_at(&mut note, ACK_OFFSET).ok()?;
        let seq = u64::from_le_bytes(note[..8].try_into().expect("8 bytes"));
        (note[8..] == (!seq).to_le_bytes()).then_some(seq)
    }
}

/// Sequence number, payload length and checksum.
fn head(bytes: &[u8]) -> (u64, usize, [u8; 8]) {
    let length = u32::from_le_bytes(bytes[..4].try_into().expect("4 bytes")) as usize;
    let seq = u64::from_le_bytes(bytes[4..12].try_into().expect("8 bytes"));
    (seq, length, bytes[12..20].try_into().expect("8 bytes"))
}

/// How much could be read.
fn read_up_to(file: &File, buffer: &mut [u8], at: u64) -> usize {
    let mut read = 0;
    while read < buffer.len() {
        match file.read_at(&mut buffer[read..], at + read as u64) {
            Ok(0) | Err(_) => break,
            Ok(more) => read += more,
        }
    }
    read
}

fn checksum(id: &SpoolId, seq: u64, payload: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(id).update(&seq.to_le_bytes()).update(payload);
    hasher.finalize().as_bytes()[..8].try_into().expect("8 of 32 bytes")
}
