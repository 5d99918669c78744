//! The architecture, as a test: which crate may use which, how long files get, and that no file is forgotten.

use std::fs;
use std::path::{Path, PathBuf};

use sweep_tests::workspace_root;

/// Who may depend on whom (DESIGN §3). What is not here is not allowed.
const ARROWS: &[(&str, &[&str])] = &[
    ("shared", &[]),
    ("model", &[]),
    ("engine/sys", &[]),
    ("engine", &["sweep-shared", "sweep-model", "sweep-engine-sys"]),
    ("link", &["sweep-shared"]),
    ("worker", &["sweep-link", "sweep-shared"]),
    ("coordinator", &["sweep-shared", "sweep-model"]),
    ("cli", &["sweep-shared", "sweep-link", "sweep-model", "sweep-coordinator", "sweep-worker"]),
    ("tests", &["sweep-shared", "sweep-link", "sweep-coordinator", "sweep-worker"]),
];

/// Only these may name libtorch.
const TORCH: &[&str] = &["engine", "engine/sys"];

/// Files that are longer than the limit, with the reason. Generated code is not counted.
const LONG_FILES: &[(&str, &str)] = &[];

const GENERATED: &[&str] = &["model/src/onnx/proto.rs"];
const LINE_LIMIT: usize = 400;
const MEDIAN_LIMIT: usize = 150;
const P90_LIMIT: usize = 300;

#[test]
fn crates_depend_only_along_the_arrows() {
    for (folder, allowed) in ARROWS {
        let manifest = fs::read_to_string(workspace_root().join(folder).join("Cargo.toml")).unwrap();
        // What only its tests use is no arrow; it stands last.
        let built = dependencies(manifest.split("[dev-dependencies]").next().unwrap_or_default());
        for dependency in dependencies(&manifest) {
            if dependency.starts_with("sweep-") && built.contains(&dependency) {
                assert!(allowed.contains(&dependency.as_str()), "{folder} may not depend on {dependency}");
            }
            if dependency == "tch" || dependency == "torch-sys" {
                assert!(TORCH.contains(folder), "{folder} may not link libtorch");
            }
        }
    }
}

#[test]
fn every_member_of_the_workspace_has_its_arrows_written_down() {
    let manifest = fs::read_to_string(workspace_root().join("Cargo.toml")).unwrap();
    let members = manifest.lines().find(|l| l.starts_with("members")).expect("a members line");
    let listed: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    let known: Vec<&str> = ARROWS.iter().map(|(folder, _)| *folder).collect();
    assert_eq!(sorted(listed), sorted(known));
}

#[test]
fn files_stay_small() {
    let mut lengths = Vec::new();
    for path in sources() {
        let name = relative(&path);
        if GENERATED.contains(&name.as_str()) {
            continue;
        }
        let lines = without_tests(&fs::read_to_string(&path).unwrap());
        let excused = LONG_FILES.iter().any(|(file, _)| *file == name);
        assert!(
            lines <= LINE_LIMIT || excused,
            "{name} has {lines} lines (limit {LINE_LIMIT}): which story does it tell?"
        );
        assert!(lines > LINE_LIMIT || !excused, "{name} is short enough now: strike it from LONG_FILES");
        lengths.push(lines);
    }
    lengths.sort_unstable();
    let (median, p90) = (lengths[lengths.len() / 2], lengths[lengths.len() * 9 / 10]);
    assert!(median <= MEDIAN_LIMIT, "the median file has {median} lines");
    assert!(p90 <= P90_LIMIT, "one file in ten has over {p90} lines");
}

#[test]
fn no_source_file_is_forgotten() {
    // A file that no `mod` names is not compiled, so neither clippy nor the tests see it.
    for path in sources() {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let folder = path.parent().unwrap();
        if matches!(stem, "lib" | "main" | "build") || folder.ends_with("bin") || !relative(&path).contains("/src/") {
            continue;
        }
        let (module, parent) = if stem == "mod" {
            (folder.file_name().unwrap().to_str().unwrap(), folder.parent().unwrap())
        } else {
            (stem, folder)
        };
        let declared = ["mod.rs", "lib.rs", "main.rs"].iter().any(|file| declares(&parent.join(file), module))
            || declares(&parent.with_extension("rs"), module);
        assert!(declared, "{} is named by no `mod {module};`", relative(&path));
    }
}

#[test]
fn folders_tell_their_story() {
    for path in sources().into_iter().filter(|p| p.ends_with("mod.rs") || p.ends_with("lib.rs")) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//!"), "{} must begin with the story of its folder", relative(&path));
    }
}

/// `docs/guarantees.md` names tests as `path/file.rs::test`, or a whole file of tests.
#[test]
fn guarantees_name_tests_that_exist() {
    let text = fs::read_to_string(workspace_root().join("docs/guarantees.md")).unwrap();
    let named = named_tests(&text);
    assert!(named.len() > 40, "only {} tests are named", named.len());
    for (file, test) in named {
        let source = fs::read_to_string(workspace_root().join(&file)).unwrap_or_else(|_| panic!("there is no {file}"));
        let is_there = test.as_ref().is_none_or(|test| source.contains(&format!("fn {test}(")));
        assert!(is_there && source.contains("#["), "{file} has no test {}", test.unwrap_or_default());
    }
}

fn named_tests(text: &str) -> Vec<(String, Option<String>)> {
    let quoted = text.split('`').skip(1).step_by(2).filter(|words| words.contains(".rs") && !words.contains(' '));
    let parts = quoted.map(|words| match words.split_once("::") {
        Some((file, test)) => (file.to_owned(), Some(test.to_owned())),
        None => (words.to_owned(), None),
    });
    parts.collect()
}

/// Names in any `[…dependencies]` table.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
        } else if inside && let Some((name, _)) = line.split_once(['.', ' ', '=']) {
            names.push(name.trim().to_owned());
        }
    }
    names
}

fn declares(file: &Path, module: &str) -> bool {
    let Ok(text) = fs::read_to_string(file) else { return false };
    let wanted = format!("mod {module};");
    text.lines().any(|line| line.ends_with(&wanted) && (line == wanted || line.starts_with("pub")))
}

/// Lines before the unit tests at the end of the file.
fn without_tests(text: &str) -> usize {
    text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count()
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (folder, _) in ARROWS {
        collect(&workspace_root().join(folder), &mut found);
    }
    found.sort();
    found.dedup();
    assert!(found.len() > 50, "the walk found only {} files", found.len());
    found
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

fn relative(path: &Path) -> String {
    path.strip_prefix(workspace_root()).unwrap().to_str().unwrap().to_owned()
}

fn sorted(mut list: Vec<&str>) -> Vec<&str> {
    list.sort_unstable();
    list
}

#[test]
fn the_checks_themselves_can_fail() {
    let names =
        dependencies("[dependencies]\ntch.workspace = true\n[lints]\nworkspace = true\n[dev-dependencies]\nx = 1\n");
    assert_eq!(names, ["tch", "x"]);
    assert_eq!(without_tests("a\nb\n#[cfg(test)]\nmod tests {}\n"), 2);
    assert!(declares(&workspace_root().join("model/src/lib.rs"), "graph"));
    assert!(!declares(&workspace_root().join("model/src/lib.rs"), "no_such_module"));
    let named = named_tests("`tests/a.rs::b` and `c.rs`, not `make test` nor `a.rs and b.rs`");
    assert_eq!(named, [("tests/a.rs".to_owned(), Some("b".to_owned())), ("c.rs".to_owned(), None)]);
}
