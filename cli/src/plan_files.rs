//! A plan as it lies on disk: its text, the files that its commands need, and a first check that needs no coordinator.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use sweep_coordinator::predict::catalogue;
use sweep_shared::ids::ContentHash;
use sweep_shared::plan::{self, ExpandedPlan};

use crate::exit::{Failure, Outcome};
use crate::output;

/// A plan that is known to be sound.
#[derive(Debug)]
pub struct PlanFile {
    /// For messages.
    pub path: String,
    pub text: String,
    pub files: Vec<NeededFile>,
    /// What it comes to.
    pub plan: ExpandedPlan,
}

/// A file that travels with the plan.
#[derive(Debug)]
pub struct NeededFile {
    /// As the plan writes it.
    pub name: String,
    pub path: PathBuf,
    pub hash: ContentHash,
    pub size_bytes: u64,
}

/// Reads a plan (`-`: standard input) and the files it names, and checks it.
pub fn read(path: &Path) -> Outcome<PlanFile> {
    let text = read_text(path)?;
    let shown = if is_stdin(path) { "<stdin>".to_owned() } else { path.display().to_string() };
    let folder = if is_stdin(path) { Path::new("") } else { path.parent().unwrap_or(Path::new("")) };
    let files = needed_files(&text, folder)?;
    let hashes = files.iter().map(|file| (file.name.clone(), file.hash.clone())).collect();
    let unsound = |errors: plan::PlanErrors| Failure::usage(format!("the plan cannot be used\n\n{errors}"));
    let plan = plan::read(&text, &shown, &catalogue(hashes)).map_err(unsound)?;
    for warning in &plan.warnings {
        output::note(warning);
    }
    Ok(PlanFile { path: shown, text, files, plan })
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
    read().map_err(|error| Failure::usage(format!("cannot read the plan {}: {error}", path.display())))
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// What lies there of the files that the plan names. The plan's check reports those that are missing, with their line.
fn needed_files(text: &str, folder: &Path) -> Outcome<Vec<NeededFile>> {
    let mut files = Vec::new();
    for name in plan::files_named(text) {
        let path = folder.join(&name);
        match std::fs::read(&path) {
            Ok(bytes) => {
                let (hash, size_bytes) = (ContentHash::of(&bytes), bytes.len() as u64);
                files.push(NeededFile { name, path, hash, size_bytes });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::usage(format!("cannot read {}: {error}", path.display()))),
        }
    }
    Ok(files)
}
