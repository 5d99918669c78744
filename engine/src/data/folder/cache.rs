//! Decoded images as one raw file.
//!
//! Layout: [`MAGIC`], the 32 bytes of a BLAKE3 hash of the rest, then the pixels of train, validation and test. Counts,
//! labels and sizes come from scanning the folder, whose digest is part of the file's name. A file that does not verify is
//! ignored and written anew; failing to write one only costs time, so it is logged and nothing more.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::super::dataset::{CHANNELS, Images, Split};
use super::Decoded;
use super::scan::Found;

const MAGIC: &[u8; 16] = b"sweep-images-v1\n";
const HASH: usize = blake3::OUT_LEN;

/// The cache file of one folder at one size.
#[derive(Debug)]
pub struct Entry {
    path: PathBuf,
    size: usize,
}

impl Entry {
    pub fn new(folder: &Path, digest: &str, size: usize) -> Entry {
        Entry { path: folder.join(format!("images-{digest}-{size}.raw")), size }
    }

    /// The decoded splits, if the file is there and whole.
    pub fn read(&self, found: &Found) -> Option<Decoded> {
        let bytes = std::fs::read(&self.path).ok()?;
        let (magic, rest) = bytes.split_at_checked(MAGIC.len())?;
        let (hash, mut pixels) = rest.split_at_checked(HASH)?;
        if magic != MAGIC || blake3::hash(pixels).as_bytes() != hash {
            tracing::warn!(path = %self.path.display(), "the image cache is damaged; decoding again");
            return None;
        }
        let mut take = |files: &[(PathBuf, u16)]| {
            let (taken, left) = pixels.split_at_checked(files.len() * self.size * self.size * CHANNELS)?;
            pixels = left;
            let images = Images { height: self.size, width: self.size, pixels: taken.to_vec() };
            Some(Split { images, labels: files.iter().map(|(_, label)| *label).collect() })
        };
        let train = take(&found.train)?;
        let validation = match &found.validation {
            Some(files) => Some(take(files)?),
            None => None,
        };
        let test = take(&found.test)?;
        pixels.is_empty().then_some(Decoded { train, validation, test })
    }

    /// Writes the splits beside the final name, then renames, so that no reader sees half a file.
    pub fn write(&self, decoded: &Decoded) {
        if let Err(error) = self.try_write(decoded) {
            tracing::warn!(path = %self.path.display(), %error, "could not write the image cache");
        }
    }

    fn try_write(&self, decoded: &Decoded) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let splits = || std::iter::once(&decoded.train).chain(&decoded.validation).chain([&decoded.test]);
        let mut hasher = blake3::Hasher::new();
        splits().for_each(|split| {
            hasher.update(&split.images.pixels);
        });
        // The process id keeps two jobs that decode at once out of each other's file.
        let temporary = self.path.with_extension(format!("tmp{}", std::process::id()));
        let mut file = std::fs::File::create(&temporary)?;
        file.write_all(MAGIC)?;
        file.write_all(hasher.finalize().as_bytes())?;
        for split in splits() {
            file.write_all(&split.images.pixels)?;
        }
        drop(file);
        std::fs::rename(&temporary, &self.path)
    }
}
