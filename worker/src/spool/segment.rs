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

    /// Opens a segment and reads its records up to the first that is not whole.
    pub fn open(path: &Path) -> io::Result<(Self, Records)> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut header = [0; 32];
        file.read_exact_at(&mut header, 0)?;
        if &header[..8] != MAGIC {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{} is no spool segment", path.display())));
        }
        let id: SpoolId = header[8..24].try_into().expect("16 bytes");
        let first_seq = u64::from_le_bytes(header[24..32].try_into().expect("8 bytes"));
        let mut segment = Self { file, id, next_seq: first_seq, end: HEADER_BYTES };
        let mut records = Records::new();
        while let Some(payload) = segment.read_next() {
            records.push((segment.next_seq, payload));
            segment.advance(records.last().map_or(0, |(_, payload)| payload.len()));
        }
        Ok((segment, records))
    }

    fn read_next(&self) -> Option<Vec<u8>> {
        let mut head = [0; RECORD_HEADER_BYTES];
        self.file.read_exact_at(&mut head, self.end).ok()?;
        let length = u32::from_le_bytes(head[..4].try_into().expect("4 bytes")) as usize;
        let seq = u64::from_le_bytes(head[4..12].try_into().expect("8 bytes"));
        if seq != self.next_seq || length > MAX_PAYLOAD_BYTES {
            return None;
        }
        let mut payload = vec![0; length];
        self.file.read_exact_at(&mut payload, self.end + RECORD_HEADER_BYTES as u64).ok()?;
        (head[12..] == checksum(&self.id, seq, &payload)).then_some(payload)
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

fn checksum(id: &SpoolId, seq: u64, payload: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(id).update(&seq.to_le_bytes()).update(payload);
    hasher.finalize().as_bytes()[..8].try_into().expect("8 of 32 bytes")
}
