//! Where the shared library is, and starting it once per process.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;

use super::error::RuntimeError;

const FILE: &str = "libonnxruntime.so";

/// The library: the file SWEEP_ORT names, or `../lib/` beside the folder of this binary (as installed), or
/// `.onnxruntime/lib/` in a folder above this binary or the current one (as in a checkout).
pub fn find_library() -> Result<PathBuf, RuntimeError> {
    let named = std::env::var_os("SWEEP_ORT").map(PathBuf::from);
    let binary = std::env::current_exe().ok();
    let current = std::env::current_dir().ok();
    let looked = candidates(named, binary.as_deref(), current.as_deref());
    let found = looked.iter().find(|path| path.is_file()).cloned();
    found.ok_or(RuntimeError::NoLibrary { file: FILE, looked })
}

/// In the order of preference. A path named by the user is the only candidate: falling back to another version in silence
/// would make numbers that nobody asked for.
fn candidates(named: Option<PathBuf>, binary: Option<&Path>, current: Option<&Path>) -> Vec<PathBuf> {
    if let Some(named) = named {
        return vec![if named.is_dir() { named.join(FILE) } else { named }];
    }
    let beside = binary.and_then(|binary| Some(binary.parent()?.parent()?.join("lib").join(FILE)));
    let above = [binary, current].into_iter().flatten().flat_map(Path::ancestors);
    let mut looked: Vec<PathBuf> = beside.into_iter().collect();
    for folder in above {
        let path = folder.join(".onnxruntime/lib").join(FILE);
        if !looked.contains(&path) {
            looked.push(path);
        }
    }
    looked
}

/// The process-wide environment; the first call loads the library.
pub(super) fn environment() -> Result<&'static Environment, RuntimeError> {
    static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
    if let Some(environment) = ENVIRONMENT.get() {
        return Ok(environment);
    }
    let path = find_library()?;
    let load = |reason: String| RuntimeError::Load { path: path.clone(), reason };
    let builder = ort::init_from(&path).map_err(|error| load(error.to_string()))?;
    let environment = builder.with_name("sweep").with_telemetry(false).build();
    let environment = environment.map_err(|error| load(error.to_string()))?;
    environment.set_log_level(ort::logging::LogLevel::Error);
    Ok(ENVIRONMENT.get_or_init(|| environment))
}

/// The version of the runtime in use, such as `1.31.1`.
pub fn version() -> Result<String, RuntimeError> {
    environment()?;
    // "ORT Build Info: git-branch=rel-1.31.1, …" is the only place where the shared library tells its version.
    let info = ort::info();
    let version = info.split("git-branch=rel-").nth(1).and_then(|rest| rest.split(',').next());
    Ok(version.unwrap_or(info).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_library_is_the_only_candidate() {
        let looked = candidates(Some("/opt/ort.so".into()), Some(Path::new("/usr/bin/x")), Some(Path::new("/home")));
        assert_eq!(looked, [Path::new("/opt/ort.so")]);
    }

    #[test]
    fn installed_comes_before_the_checkout_and_nothing_twice() {
        let looked = candidates(None, Some(Path::new("/a/bin/runner")), Some(Path::new("/a/work")));
        assert_eq!(looked[0], Path::new("/a/lib").join(FILE));
        let unique: std::collections::HashSet<_> = looked.iter().collect();
        assert_eq!(unique.len(), looked.len());
        assert!(looked.contains(&Path::new("/a/work/.onnxruntime/lib").join(FILE)));
    }
}
