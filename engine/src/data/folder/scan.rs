//! Which files there are, and of which class.

use std::path::{Path, PathBuf};

use super::super::error::DataError;

const EXTENSIONS: [&str; 3] = ["jpg", "jpeg", "png"];

/// The layout of an image folder: sorted class names, and each split's files with their labels, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub classes: Vec<String>,
    pub train: Vec<(PathBuf, u16)>,
    pub validation: Option<Vec<(PathBuf, u16)>>,
    pub test: Vec<(PathBuf, u16)>,
}

impl Found {
    /// The files of all splits.
    pub fn files(&self) -> Vec<PathBuf> {
        let validation = self.validation.iter().flatten();
        self.train.iter().chain(validation).chain(&self.test).map(|(path, _)| path.clone()).collect()
    }
}

/// Lists `root`. Classes are the folders under `train`, sorted by name; other splits may lack a class but add none.
pub fn scan(root: &Path) -> Result<Found, DataError> {
    let train_folder = root.join("train");
    let classes = folders(&train_folder)?.ok_or_else(|| missing("train", vec![train_folder.clone()]))?;
    if classes.is_empty() || classes.len() > usize::from(u16::MAX) {
        return Err(DataError::Invalid(format!("{} holds {} class folders", train_folder.display(), classes.len())));
    }
    let train = split(&train_folder, &classes)?.unwrap_or_default();
    let validation = match split(&root.join("validation"), &classes)? {
        Some(found) => Some(found),
        None => split(&root.join("val"), &classes)?,
    };
    let (validation, test) = match (validation, split(&root.join("test"), &classes)?) {
        (validation, Some(test)) => (validation, test),
        (Some(test), None) => (None, test),
        (None, None) => {
            return Err(missing("test", ["test", "val", "validation"].map(|name| root.join(name)).to_vec()));
        }
    };
    for (name, files) in [("train", &train), ("test", &test)] {
        if files.is_empty() {
            return Err(DataError::Invalid(format!("{}: no images in the {name} split", root.display())));
        }
    }
    Ok(Found { classes, train, validation: validation.filter(|files| !files.is_empty()), test })
}

fn missing(split: &str, looked: Vec<PathBuf>) -> DataError {
    DataError::Missing {
        what: format!("the {split} split of an image folder"),
        looked,
        hint: "Expected <path>/train/<class>/*.jpg and <path>/test/<class>/*.jpg (or .jpeg, .png).".into(),
    }
}

/// The sorted names of the folders in `folder`, or `None` where there is no such folder. Hidden ones are left out.
fn folders(folder: &Path) -> Result<Option<Vec<String>>, DataError> {
    let names = entries(folder, |path| path.is_dir())?;
    Ok(names.map(|paths| paths.iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect()))
}

fn split(folder: &Path, classes: &[String]) -> Result<Option<Vec<(PathBuf, u16)>>, DataError> {
    let Some(names) = folders(folder)? else { return Ok(None) };
    let mut files = Vec::new();
    for name in names {
        let label = classes.binary_search(&name).map_err(|_| {
            DataError::Invalid(format!("{} is a class without training images", folder.join(&name).display()))
        })?;
        let images = entries(&folder.join(&name), is_image)?.unwrap_or_default();
        files.extend(images.into_iter().map(|path| (path, label as u16)));
    }
    Ok(Some(files))
}

fn is_image(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()))
}

fn entries(folder: &Path, wanted: impl Fn(&Path) -> bool) -> Result<Option<Vec<PathBuf>>, DataError> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(DataError::io(folder))? {
        let path = entry.map_err(DataError::io(folder))?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && wanted(&path) {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    Ok(Some(paths))
}
