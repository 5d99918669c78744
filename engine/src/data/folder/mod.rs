//! Folders of images: `train/<class>/*.jpg|jpeg|png`, `test/<class>/…`, and optionally `val` or `validation`.
//!
//! [`scan`] lists the files and refuses a layout that makes no sense; [`decode`] reads and resizes them on all cores;
//! [`cache`] keeps the result as one raw file, keyed by the digest of the manifest, so that the next job skips decoding; [`alone`] sees to it
//! that jobs which begin together decode once;
//! [`index`] remembers the files' hashes, so that it does not read them all to know that digest.
//! Where there is no `test` folder but one for validation (as ImageNet and ImageNette come), that one is the test split
//! and validation is carved from train: what chooses the epoch must never be what is reported.

mod alone;
mod cache;
mod decode;
mod index;
pub(super) mod parallel;
mod scan;

use std::path::Path;
use std::sync::Arc;

use super::dataset::{Dataset, Split};
use super::digest;
use super::error::DataError;
use super::order::carve_validation;
use super::watch::Watch;

/// Loads the folder `path` with every image brought to `size`×`size`: the shorter side is scaled to `size`, and the
/// middle is kept. Decoded images, and the hashes of the files, are cached in `cache_folder`.
pub fn load(
    path: &Path,
    size: usize,
    validation: f64,
    cache_folder: &Path,
    watch: Watch,
) -> Result<Dataset, DataError> {
    let found = scan::scan(path)?;
    let files = found.files();
    let hashed = index::Index::open(cache_folder, path).hash_all(&files, watch)?;
    let digest = digest::of_hashed(path, &files, &hashed);
    let entry = cache::Entry::new(cache_folder, &digest, size);
    let decoded = match entry.read(&found) {
        Some(splits) => splits,
        None => decoded_once(&found, size, &entry, watch)?,
    };
    Ok(assemble(path, found.classes, digest, decoded, validation))
}

/// Decodes, unless another job of this host does: then its result.
fn decoded_once(found: &scan::Found, size: usize, entry: &cache::Entry, watch: Watch) -> Result<Decoded, DataError> {
    let _alone = alone::wait(&entry.lock(), watch)?;
    if let Some(splits) = entry.read(found) {
        return Ok(splits);
    }
    let splits = decode::all(found, size, watch)?;
    entry.write(&splits);
    Ok(splits)
}

/// Images of the three splits as they lie on disk; validation may be absent.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Decoded {
    train: Split,
    validation: Option<Split>,
    test: Split,
}

fn assemble(path: &Path, classes: Vec<String>, digest: String, decoded: Decoded, share: f64) -> Dataset {
    let mut train = decoded.train;
    let validation = decoded.validation.unwrap_or_else(|| {
        let (_, held) = carve_validation(&train.labels, classes.len(), share);
        train.take_out(&held)
    });
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    Dataset {
        name,
        classes,
        train: Arc::new(train),
        validation: Arc::new(validation),
        test: Arc::new(decoded.test),
        digest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, Rgb, RgbImage};

    fn load(path: &Path, size: usize, validation: f64, cache_folder: &Path) -> Result<Dataset, DataError> {
        super::load(path, size, validation, cache_folder, Watch::NOBODY)
    }

    /// The files of decoded images.
    fn raw_files(cache: &Path) -> Vec<std::path::PathBuf> {
        let paths = std::fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "raw")).collect()
    }

    /// Writes a `width`×`height` PNG filled with `value`, except its left eighth, which is black.
    fn write_image(path: &Path, width: u32, height: u32, value: u8) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let image = RgbImage::from_fn(width, height, |x, _| if x < width / 8 { Rgb([0; 3]) } else { Rgb([value; 3]) });
        image.save_with_format(path, ImageFormat::Png).unwrap();
    }

    fn two_classes(root: &Path, splits: &[&str]) {
        for split in splits {
            for (class, value) in [("cat", 100), ("ant", 200)] {
                for index in 0..10 {
                    write_image(&root.join(split).join(class).join(format!("{index}.png")), 16, 8, value + index);
                }
            }
        }
    }

    #[test]
    fn classes_are_sorted_images_resized_and_validation_carved() {
        let root = tempfile::tempdir().unwrap();
        let cache = tempfile::tempdir().unwrap();
        two_classes(root.path(), &["train", "test"]);
        let dataset = load(root.path(), 4, 0.2, cache.path()).unwrap();
        assert_eq!(dataset.classes, ["ant", "cat"]);
        assert_eq!((dataset.train.len(), dataset.validation.len(), dataset.test.len()), (16, 4, 20));
        assert_eq!(dataset.input(), [3, 4, 4]);
        // 16×8 becomes 8×4, of which the middle 4×4 lies right of the black eighth.
        assert_eq!(dataset.test.images.image(3), [203; 48]);
        assert_eq!(dataset.test.labels[3], 0);
    }

    #[test]
    fn a_second_load_reads_the_cache_and_a_changed_file_does_not() {
        let root = tempfile::tempdir().unwrap();
        let cache = tempfile::tempdir().unwrap();
        two_classes(root.path(), &["train", "test"]);
        let first = load(root.path(), 4, 0.2, cache.path()).unwrap();
        assert_eq!(raw_files(cache.path()).len(), 1);
        // The images, their lock and the index, and nothing that writing them left behind.
        assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 3);
        assert_eq!(load(root.path(), 4, 0.2, cache.path()).unwrap().train, first.train);
        write_image(&root.path().join("test/cat/0.png"), 16, 8, 7);
        let changed = load(root.path(), 4, 0.2, cache.path()).unwrap();
        assert_ne!(changed.digest, first.digest);
        assert_eq!(changed.test.images.image(10), [7; 48]);
    }

    #[test]
    fn who_waited_for_another_job_takes_what_that_one_decoded() {
        let root = tempfile::tempdir().unwrap();
        let cache = tempfile::tempdir().unwrap();
        two_classes(root.path(), &["train", "test"]);
        let found = scan::scan(root.path()).unwrap();
        let entry = cache::Entry::new(cache.path(), "digest", 4);
        let held = alone::wait(&entry.lock(), Watch::NOBODY).unwrap();
        let (tells, told) = std::sync::mpsc::channel();
        let tells = std::sync::Mutex::new(tells);
        let tell = |words: &str| drop(tells.lock().unwrap().send(words.to_owned()));
        let watch = Watch { tell: &tell, ..Watch::NOBODY };
        // What nobody would get who decodes for himself.
        let mut marked = decode::all(&found, 4, Watch::NOBODY).unwrap();
        marked.test.images.pixels[0] ^= 1;
        let all: Vec<Decoded> = std::thread::scope(|scope| {
            let job = || decoded_once(&found, 4, &entry, watch).unwrap();
            let jobs: Vec<_> = (0..3).map(|_| scope.spawn(job)).collect();
            for _ in &jobs {
                assert!(told.recv().unwrap().starts_with("waiting for another job"));
            }
            entry.write(&marked);
            drop(held);
            jobs.into_iter().map(|job| job.join().unwrap()).collect()
        });
        assert!(all.iter().all(|one| *one == marked));
    }

    #[test]
    fn a_damaged_cache_is_not_believed() {
        let root = tempfile::tempdir().unwrap();
        let cache = tempfile::tempdir().unwrap();
        two_classes(root.path(), &["train", "test"]);
        let first = load(root.path(), 4, 0.2, cache.path()).unwrap();
        let file = raw_files(cache.path()).remove(0);
        let mut bytes = std::fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        assert_eq!(load(root.path(), 4, 0.2, cache.path()).unwrap().test, first.test);
    }

    #[test]
    fn a_lone_validation_folder_is_the_test_split() {
        let root = tempfile::tempdir().unwrap();
        let cache = tempfile::tempdir().unwrap();
        two_classes(root.path(), &["train", "val"]);
        let dataset = load(root.path(), 4, 0.1, cache.path()).unwrap();
        assert_eq!((dataset.train.len(), dataset.validation.len(), dataset.test.len()), (18, 2, 20));
    }

    #[test]
    fn a_request_to_stop_ends_the_loading_and_leaves_nothing_half_done() {
        let root = tempfile::tempdir().unwrap();
        let cache = tempfile::tempdir().unwrap();
        two_classes(root.path(), &["train", "test"]);
        let asked = std::sync::atomic::AtomicUsize::new(0);
        // The 40 files have been hashed, and some decoded.
        let stopped = || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= 50;
        let error = super::load(root.path(), 4, 0.1, cache.path(), Watch { stopped: &stopped, ..Watch::NOBODY });
        assert!(matches!(error, Err(DataError::Stopped)));
        assert_eq!(raw_files(cache.path()).len(), 0);
    }

    #[test]
    fn a_corrupt_image_is_named() {
        let root = tempfile::tempdir().unwrap();
        two_classes(root.path(), &["train", "test"]);
        std::fs::write(root.path().join("train/cat/3.png"), b"not a png").unwrap();
        let error = load(root.path(), 4, 0.1, root.path()).unwrap_err();
        assert!(error.is_bad_input());
        assert!(error.to_string().contains("train/cat/3.png"), "{error}");
    }

    #[test]
    fn a_class_without_training_images_and_a_missing_split_are_refused() {
        let root = tempfile::tempdir().unwrap();
        two_classes(root.path(), &["train"]);
        let text = load(root.path(), 4, 0.1, root.path()).unwrap_err().to_string();
        assert!(text.contains("test"), "{text}");
        two_classes(root.path(), &["test"]);
        write_image(&root.path().join("test/bee/0.png"), 4, 4, 9);
        let text = load(root.path(), 4, 0.1, root.path()).unwrap_err().to_string();
        assert!(text.contains("bee"), "{text}");
    }
}
