//! Texts that are kept beside the tests: what users see, compared letter by letter.
//!
//! A library for this would bring its own tool and formats; here a text is a file, and one variable, which other crates of this workspace heed as
//! well, writes it anew: `make snapshots`, or `SWEEP_SNAPSHOTS=write cargo test`.

use std::path::Path;

/// Compares with the file at this path within the crate; with `SWEEP_SNAPSHOTS` set writes it.
#[track_caller]
pub fn compare(path: &str, found: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("SWEEP_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(file.parent().expect("a file has a folder")).expect("the folder can be made");
        std::fs::write(&file, found).expect("the snapshot can be written");
        return;
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    let differing = kept.lines().zip(found.lines()).position(|(kept, found)| kept != found);
    assert!(
        kept == found,
        "{} differs, first in line {:?}; if that is meant, run `make snapshots`. Found:\n{found}",
        file.display(),
        differing.map(|line| line + 1)
    );
}
