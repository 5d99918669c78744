//! Where the files of the points are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::answer::Point;

/// One line that names the folder above all files of these points. Empty where there are none.
pub fn sentence(points: &[Point], here: bool) -> String {
    let paths: Vec<&Path> = points
        .iter()
        .flat_map(|point| &point.files)
        .map(|file| file.path.as_path())
        .filter(|path| path.is_absolute())
        .collect();
    let Some(folder) = common_folder(&paths) else { return String::new() };
    let mut names: Vec<&str> = points
        .iter()
        .flat_map(|point| &point.files)
        .map(|file| file.name.as_str())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    // What one deploys comes first.
    names.sort_by_key(|name| Path::new(name).extension().is_none_or(|kind| kind != "onnx"));
    let more = if names.len() > 4 { ", …" } else { "" };
    let names = names.into_iter().take(4).collect::<Vec<_>>().join(", ") + more;
    let machine = if here { "" } else { " on the coordinator's machine" };
    format!("Files{machine}: {} ({})\n", folder.display(), names)
}

/// The deepest folder that holds all of the files.
fn common_folder(paths: &[&Path]) -> Option<PathBuf> {
    let mut folder = paths.first()?.parent()?.to_owned();
    for path in paths {
        while !path.starts_with(&folder) {
            folder.pop();
        }
    }
    Some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::fixtures::{base_and_int8, point};

    #[test]
    fn the_folder_above_all_points_is_named() {
        assert_eq!(sentence(&base_and_int8(), true), "Files: /home/results/s1 (model.onnx)\n");
        assert_eq!(
            sentence(&[point("base", "", 0, &[])], false),
            "Files on the coordinator's machine: /home/results/s1/base (model.onnx)\n"
        );
        assert_eq!(sentence(&[], true), "");
    }
}
