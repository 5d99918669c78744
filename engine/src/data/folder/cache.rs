//! Decoded images as one raw file.
//!
//! Layout: [`MAGIC`], the 32 bytes of a BLAKE3 hash of the rest, then the pixels of train, validation and test. Counts,
//! labels and sizes come from scanning the folder, whose digest is part of the file's name. A file that does not verify is
//! ignored and written anew; failing to write one only costs time, so it is logged and nothing more.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::super::dataset::{CHANNELS, Images, Split};
use super::Decoded;
use super::scan::Found;

const MAGIC: &[u8; 16] = b"sweep-images-v1\n";
const HEADER: usize = MAGIC.len() + blake3::OUT_LEN;

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

    /// What whoever decodes holds meanwhile.
    pub fn lock(&self) -> PathBuf {
        self.path.with_extension("lock")
    }

    /// The decoded splits, if the file is there and whole. They are read to where they stay: the file may be larger than half of
    /// the memory.
    pub fn read(&self, found: &Found) -> Option<Decoded> {
        let mut file = File::open(&self.path).ok()?;
        match self.try_read(&mut file, found) {
            Ok(Some(decoded)) => Some(decoded),
            Ok(None) => {
                tracing::warn!(path = %self.path.display(), "the image cache is damaged; decoding again");
                None
            }
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "the image cache cannot be read; decoding again");
                None
            }
        }
    }

    fn try_read(&self, file: &mut File, found: &Found) -> io::Result<Option<Decoded>> {
        let image_bytes = self.size * self.size * CHANNELS;
        let images = found.train.len() + found.validation.as_ref().map_or(0, Vec::len) + found.test.len();
        if file.metadata()?.len() != (HEADER + images * image_bytes) as u64 {
            return Ok(None);
        }
        let mut header = [0; HEADER];
        file.read_exact(&mut header)?;
        let mut hasher = blake3::Hasher::new();
        let mut take = |files: &Vec<(PathBuf, u16)>| -> io::Result<Split> {
            let mut pixels = vec![0; files.len() * image_bytes];
            file.read_exact(&mut pixels)?;
            hasher.update(&pixels);
            let images = Images { height: self.size, width: self.size, pixels };
            Ok(Split { images, labels: files.iter().map(|(_, label)| *label).collect() })
        };
        let train = take(&found.train)?;
        let validation = found.validation.as_ref().map(&mut take).transpose()?;
        let test = take(&found.test)?;
        let (magic, hash) = header.split_at(MAGIC.len());
        let sound = magic == MAGIC && hasher.finalize().as_bytes() == hash;
        Ok(sound.then_some(Decoded { train, validation, test }))
    }

    /// Writes the splits beside the final name, then renames, so that no reader sees half a file.
    pub fn write(&self, decoded: &Decoded) {
        if let Err(error) = self.try_write(decoded) {
            tracing::warn!(path = %self.path.display(), %error, "could not write the image cache");
        }
    }

    fn try_write(&self, decoded: &Decoded) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        // The process id keeps two jobs that decode at once out of each other's file.
        let temporary = self.path.with_extension(format!("tmp{}", std::process::id()));
        write_all(&temporary, decoded).and_then(|()| fs::rename(&temporary, &self.path)).inspect_err(|_| {
            // On a full disk above all, nothing must be left of it.
            let _ = fs::remove_file(&temporary);
        })
    }
}

fn write_all(path: &Path, decoded: &Decoded) -> io::Result<()> {
    let splits = || std::iter::once(&decoded.train).chain(&decoded.validation).chain([&decoded.test]);
    let mut hasher = blake3::Hasher::new();
    splits().for_each(|split| {
        hasher.update(&split.images.pixels);
    });
    let mut file = File::create(path)?;
    file.write_all(MAGIC)?;
    file.write_all(hasher.finalize().as_bytes())?;
    splits().try_for_each(|split| file.write_all(&split.images.pixels))
}
