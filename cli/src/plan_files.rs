//! A plan as it lies on disk: its text, the files that its stages need, and a first check that needs no coordinator.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sweep_coordinator::predict::{FileAt, Networks};
use sweep_model::state_dict;
use sweep_shared::ids::ContentHash;
use sweep_shared::plan::{self, ExpandedPlan};
use sweep_shared::spec::WeightsSpec;
use tempfile::TempPath;

use crate::exit::{Failure, Outcome};
use crate::{onnx_file, output};

/// A plan that is known to be sound.
pub struct PlanFile {
    /// For messages.
    pub path: String,
    pub text: String,
    pub files: Vec<NeededFile>,
    /// What it comes to.
    pub plan: ExpandedPlan,
    /// The networks that it names.
    pub networks: Arc<Networks>,
}

/// A file that travels with the plan.
#[derive(Debug)]
pub struct NeededFile {
    /// As the plan writes it.
    pub name: String,
    pub path: PathBuf,
    pub hash: ContentHash,
    pub size_bytes: u64,
    /// Kept for as long as it may be read.
    _joined: Option<TempPath>,
}

/// Reads a plan (`-`: standard input) and the files it names, and checks it.
pub fn read(path: &Path) -> Outcome<PlanFile> {
    let text = read_text(path)?;
    let shown = if is_stdin(path) { "<stdin>".to_owned() } else { path.display().to_string() };
    let folder = if is_stdin(path) { Path::new("") } else { path.parent().unwrap_or(Path::new("")) };
    let files = needed_files(&text, folder)?;
    let at = |file: &NeededFile| FileAt { name: file.name.clone(), hash: file.hash.clone(), path: file.path.clone() };
    let networks = Networks::new(files.iter().map(at).collect());
    let unsound = |errors: plan::PlanErrors| Failure::usage(format!("the plan cannot be used\n\n{errors}"));
    let plan = plan::read(&text, &shown, &networks.catalogue()).map_err(unsound)?;
    check_weights(&plan, &files)?;
    for warning in &plan.warnings {
        output::note(warning);
    }
    Ok(PlanFile { path: shown, text, files, plan, networks })
}

/// A file of weights that cannot be read is told here, before a job fails of it. (Whether it fits its network, the job tells.)
fn check_weights(plan: &ExpandedPlan, files: &[NeededFile]) -> Outcome<()> {
    let specs = plan.jobs.iter().filter_map(|job| job.spec.kind.model());
    let weights: BTreeSet<&str> = specs
        .filter_map(|model| match &model.weights {
            Some(WeightsSpec::File(file)) => Some(file.name.as_str()),
            Some(WeightsSpec::Imagenet(_)) | None => None,
        })
        .collect();
    for file in files.iter().filter(|file| weights.contains(file.name.as_str())) {
        let shown = file.path.display();
        let bytes = std::fs::read(&file.path).map_err(|e| Failure::usage(format!("cannot read {shown}: {e}")))?;
        state_dict::read(&bytes)
            .map_err(|error| Failure::usage(format!("the weights in {shown} cannot be used: {error}")))?;
    }
    Ok(())
}

fn read_text(path: &Path) -> Outcome<String> {
    let read = || {
        if is_stdin(path) {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        } else {
            std::fs::read_to_string(path)
        }
    };
    read().map_err(|error| {
        let failure = Failure::usage(format!("cannot read the plan {}: {error}", path.display()));
        if error.kind() == std::io::ErrorKind::NotFound { failure.hint(instead(path)) } else { failure }
    })
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "yaml" || end == "yml")
}

/// A plan that is there and bears a name like it.
fn instead(path: &Path) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let plans: Vec<String> = names.filter(|name| is_yaml(Path::new(name))).collect();
    let wanted = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match plan::nearest(wanted, plans.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {}?", path.with_file_name(near).display()),
        None => "`sweep init` writes a plan to begin with".to_owned(),
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// What lies there of the files that the plan names. The plan's check reports those that are missing, with their line.
fn needed_files(text: &str, folder: &Path) -> Outcome<Vec<NeededFile>> {
    let mut files = Vec::new();
    for name in plan::files_named(text) {
        let named = folder.join(&name);
        if !named.exists() {
            continue;
        }
        let (path, joined) = travelling(named)?;
        let (hash, size_bytes) = std::fs::File::open(&path)
            .and_then(ContentHash::of_reader)
            .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
        files.push(NeededFile { name, path, hash, size_bytes, _joined: joined });
    }
    Ok(files)
}

/// The file that travels: the named one, or, of an ONNX file whose weights lie in another, both as one, which is gone again with the
/// plan.
fn travelling(named: PathBuf) -> Outcome<(PathBuf, Option<TempPath>)> {
    let is_onnx = named.extension().is_some_and(|extension| extension == "onnx");
    let Some(bytes) = (if is_onnx { onnx_file::joined(&named)? } else { None }) else { return Ok((named, None)) };
    let write = || {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(&bytes)?;
        Ok(file.into_temp_path())
    };
    let unwritten = |error: std::io::Error| {
        Failure::internal(format!("cannot put {} and its weights into one temporary file: {error}", named.display()))
    };
    let joined = write().map_err(unwritten)?;
    Ok((joined.to_path_buf(), Some(joined)))
}
