//! CIFAR-10 in its binary format: records of one label byte and 3 072 pixel bytes, channel by channel.
//!
//! Source: <https://www.cs.toronto.edu/~kriz/cifar.html>.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dataset::{CHANNELS, Dataset, Images, Split};
use super::digest;
use super::error::DataError;
use super::order::carve_validation;

/// Class names, in label order, as in `batches.meta.txt`.
pub const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Where the archive comes from.
pub const URL: &str = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz";

/// The folder inside the archive.
pub const FOLDER: &str = "cifar-10-batches-bin";

const TRAIN_FILES: [&str; 5] =
    ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
const TEST_FILE: &str = "test_batch.bin";
const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
const RECORD: usize = 1 + CHANNELS * PLANE;

/// Reads the set from `path` (the folder with the `.bin` files, or the one above it). `validation` of each class is held
/// out of the training split.
pub fn load(path: &Path, validation: f64) -> Result<Dataset, DataError> {
    let folder = find(path)?;
    let train_files: Vec<PathBuf> = TRAIN_FILES.iter().map(|name| folder.join(name)).collect();
    let test_files = vec![folder.join(TEST_FILE)];
    let mut train = read(&train_files)?;
    let (_, held) = carve_validation(&train.labels, CLASSES.len(), validation);
    let held = train.take_out(&held);
    Ok(Dataset {
        name: "cifar10".into(),
        classes: CLASSES.iter().map(|&name| name.into()).collect(),
        train: Arc::new(train),
        validation: Arc::new(held),
        test: Arc::new(read(&test_files)?),
        digest: digest::of_files(&folder, &[train_files, test_files].concat())?,
    })
}

fn find(path: &Path) -> Result<PathBuf, DataError> {
    let looked = vec![path.to_owned(), path.join(FOLDER)];
    let found = looked.iter().find(|folder| folder.join(TEST_FILE).is_file()).cloned();
    found.ok_or_else(|| DataError::Missing {
        what: format!("CIFAR-10 ({TEST_FILE})"),
        hint: format!("Get it with: curl -L {URL} | tar xz -C {}", path.display()),
        looked,
    })
}

fn read(files: &[PathBuf]) -> Result<Split, DataError> {
    let mut images = Images { height: SIDE, width: SIDE, pixels: Vec::new() };
    let mut labels = Vec::new();
    for file in files {
        let bytes = std::fs::read(file).map_err(DataError::io(file))?;
        let corrupt = |reason: String| DataError::Corrupt { path: file.clone(), reason };
        if bytes.is_empty() || bytes.len() % RECORD != 0 {
            return Err(corrupt(format!("{} bytes are not whole CIFAR-10 records of {RECORD}", bytes.len())));
        }
        for (index, record) in bytes.chunks_exact(RECORD).enumerate() {
            if usize::from(record[0]) >= CLASSES.len() {
                return Err(corrupt(format!("record {index} has label {}, which is not below 10", record[0])));
            }
            labels.push(u16::from(record[0]));
            push_interleaved(&record[1..], &mut images.pixels);
        }
    }
    Ok(Split { images, labels })
}

/// Planes (CHW) to pixels (HWC).
fn push_interleaved(planes: &[u8], pixels: &mut Vec<u8>) {
    for at in 0..PLANE {
        pixels.extend_from_slice(&[planes[at], planes[PLANE + at], planes[2 * PLANE + at]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Six small files: `records` per file, record k labelled k mod 10 with red k, green k + 1, blue k + 2.
    fn write_set(folder: &Path, records: usize) {
        for name in TRAIN_FILES.iter().chain([&TEST_FILE]) {
            let bytes = (0..records).flat_map(|record| {
                let record = record as u8;
                let planes = (0..CHANNELS as u8).flat_map(move |channel| [record + channel; PLANE]);
                std::iter::once(record % 10).chain(planes)
            });
            std::fs::write(folder.join(name), bytes.collect::<Vec<u8>>()).unwrap();
        }
    }

    #[test]
    fn reads_records_and_holds_out_validation() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(FOLDER);
        std::fs::create_dir(&folder).unwrap();
        write_set(&folder, 20);
        let dataset = load(home.path(), 0.2).unwrap();
        assert_eq!((dataset.train.len(), dataset.validation.len(), dataset.test.len()), (80, 20, 20));
        assert_eq!(dataset.test.labels[13], 3);
        assert_eq!(dataset.test.images.image(13)[..6], [13, 14, 15, 13, 14, 15]);
        assert_eq!(dataset.input(), [3, 32, 32]);
    }

    #[test]
    fn a_missing_set_says_where_it_looked_and_how_to_get_it() {
        let home = tempfile::tempdir().unwrap();
        let error = load(home.path(), 0.1).unwrap_err();
        let text = error.to_string();
        assert!(error.is_bad_input());
        assert!(text.contains(FOLDER) && text.contains(URL), "{text}");
    }

    #[test]
    fn truncated_and_mislabelled_files_are_named() {
        let home = tempfile::tempdir().unwrap();
        write_set(home.path(), 20);
        std::fs::write(home.path().join("data_batch_3.bin"), vec![0; RECORD + 5]).unwrap();
        let text = load(home.path(), 0.1).unwrap_err().to_string();
        assert!(text.contains("data_batch_3.bin") && text.contains("3078 bytes"), "{text}");
        std::fs::write(home.path().join("data_batch_3.bin"), vec![11; RECORD]).unwrap();
        let text = load(home.path(), 0.1).unwrap_err().to_string();
        assert!(text.contains("record 0 has label 11"), "{text}");
    }
}
