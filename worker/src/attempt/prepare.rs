//! Everything a runner finds in its folder: inputs, checkpoints, the files of the plan, `job.json`; and published weights, which
//! lie beside the data sets.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;

use sweep_shared::event::FileRef;
use sweep_shared::ids::ContentHash;
use sweep_shared::resources::DeviceClass;
use sweep_shared::spec::{Assignment, FetchedInput, JOB_FILE, MODEL_FILES, ModelSpec, PlanFile, Protocol, StageKind};
use sweep_shared::states::FailureClass;
use sweep_shared::wire::to_json;

use super::folder::Folder;
use super::{Context, Early, News, Tell, disk_class, protocol};
use crate::devices::Limits;
use crate::session::Assign;
use crate::transfer::TransferError;
use crate::weights::WeightsError;

pub async fn prepare(context: &Context, folder: &Folder, assign: &Assign, tell: &Tell) -> Result<Prepared, Early> {
    let mut inputs = Vec::with_capacity(assign.inputs.len());
    for (index, files) in assign.inputs.iter().enumerate() {
        let into = format!("inputs/{index}");
        let files = link_all(context, folder, &into, files).await.map_err(Fetch::fatal)?;
        inputs.push(FetchedInput { folder: into, files });
    }
    if let StageKind::Command(command) = &assign.spec.kind {
        for file in &command.files {
            copy(context, folder, file).await.map_err(Fetch::fatal)?;
        }
    }
    if let Some(model) = assign.spec.kind.model() {
        network(context, folder, model, tell).await?;
    }
    let told = protocol(assign) != Protocol::Exit;
    let resume = if told { fetch_checkpoints(context, folder, assign).await? } else { Vec::new() };
    Ok(Prepared { inputs, resume })
}

/// What was fetched.
pub struct Prepared {
    inputs: Vec<FetchedInput>,
    resume: Vec<String>,
}

/// Writes `job.json`, for runners that read one.
pub fn write_job(
    context: &Context,
    folder: &Folder,
    assign: &Assign,
    prepared: Prepared,
    limits: Limits,
    threads: u32,
) -> Result<(), Early> {
    if protocol(assign) == Protocol::Exit {
        return Ok(());
    }
    let Prepared { inputs, resume } = prepared;
    let assignment = Assignment {
        token: assign.token,
        spec: assign.spec.clone(),
        inputs,
        resume,
        device: assign.device.0,
        // The runner sees only its own GPU (`CUDA_VISIBLE_DEVICES`), which is then the first.
        device_index: if assign.device.0 == DeviceClass::Cuda { 0 } else { assign.device.1 },
        threads,
        datasets: context.options.datasets.to_string_lossy().into_owned(),
        micro_batches: assign.micro_batches,
        memory_bytes: assign.memory_bytes,
        memory_limit_bytes: limits.memory_bytes,
        compute_share: limits.compute_percent.map(|percent| f64::from(percent) / 100.0),
    };
    fs::write(folder.path.join(JOB_FILE), to_json(&assignment)).map_err(|e| Early::disk(JOB_FILE, &e))
}

/// The files that a new network is made from: those that travel with the plan, and those that are published.
async fn network(context: &Context, folder: &Folder, model: &ModelSpec, tell: &Tell) -> Result<(), Early> {
    for file in model.files() {
        let path = format!("{MODEL_FILES}/{}", file.name);
        link(context, folder, &path, &file.name, &file.hash).await.map_err(Fetch::fatal)?;
    }
    let Some(published) = model.published() else { return Ok(()) };
    let note = |text: &str| {
        folder.note(text);
        tell.say(News::Progress { fraction: 0.0, message: text.to_owned() });
    };
    let had = context.library.have(published, &note).await;
    // The log is where there is room for the whole message.
    had.map(drop).inspect_err(|error| folder.note(&error.to_string())).map_err(|error| match error {
        WeightsError::Disk(error) => Early::disk(&format!("the published weights {}", published.name()), &error),
        // The network may be back when the job is tried again.
        WeightsError::Unreachable { .. } | WeightsError::Client(_) => {
            Early::failure(FailureClass::Internal, error.to_string())
        }
        _ => Early::failure(FailureClass::BadInput, error.to_string()),
    })
}

/// Fetches checkpoints, newest first. One that cannot be had is passed over: an older one will do, and without any the
/// runner begins anew.
async fn fetch_checkpoints(context: &Context, folder: &Folder, assign: &Assign) -> Result<Vec<String>, Early> {
    let mut resume = Vec::new();
    for (index, checkpoint) in assign.checkpoints.iter().enumerate() {
        let into = format!("resume/{index}");
        match link_all(context, folder, &into, &checkpoint.files).await {
            Ok(_) => resume.push(into),
            Err(error) if error.is_full_disk() => return Err(error.fatal()),
            Err(error) => {
                folder.note(&format!("the checkpoint of epoch {} is left out: {error}", checkpoint.epoch));
            }
        }
    }
    Ok(resume)
}

/// Why a file is not in the folder.
#[derive(Debug, thiserror::Error)]
enum Fetch {
    #[error("{0}: {1}")]
    Transfer(String, TransferError),
    #[error("{0}: {1}")]
    Disk(String, io::Error),
}

impl Fetch {
    fn is_full_disk(&self) -> bool {
        let (Self::Transfer(_, TransferError::Disk(error)) | Self::Disk(_, error)) = self else { return false };
        disk_class(error) == FailureClass::DiskFull
    }

    /// Without this file the attempt cannot be made.
    fn fatal(self) -> Early {
        match self {
            Self::Transfer(name, TransferError::Disk(error)) | Self::Disk(name, error) => {
                Early::disk(&format!("fetching {name}"), &error)
            }
            // No fault of the job's: it waits until the coordinator has the file again, as when a backup of the files
            // follows that of the database.
            Self::Transfer(name, error @ TransferError::Unknown(_)) => {
                Early::Refused(format!("cannot fetch {name}: {error}"))
            }
            Self::Transfer(name, error) => Early::failure(FailureClass::Internal, format!("fetching {name}: {error}")),
        }
    }
}

async fn link_all(context: &Context, folder: &Folder, into: &str, files: &[FileRef]) -> Result<Vec<FileRef>, Fetch> {
    let mut linked = Vec::with_capacity(files.len());
    for file in files {
        let path = format!("{into}/{}", file.name);
        let nameless = || Fetch::Disk(file.name.clone(), io::Error::other("it has no hash"));
        let hash = file.hash.as_ref().ok_or_else(nameless)?;
        link(context, folder, &path, &file.name, hash).await?;
        // Relative to the input's own folder.
        linked.push(FileRef { path: file.name.clone(), ..file.clone() });
    }
    Ok(linked)
}

/// Puts a blob into the folder without copying it.
async fn link(context: &Context, folder: &Folder, path: &str, name: &str, hash: &ContentHash) -> Result<(), Fetch> {
    fetch(context, name, hash).await?;
    let link = folder.place(path).and_then(|place| fs::hard_link(context.cache.path(hash), place));
    link.map_err(|error| Fetch::Disk(name.to_owned(), error))
}

/// A command's own files are copies: a script may be executed and may rewrite its neighbours, which must not reach the
/// cache.
async fn copy(context: &Context, folder: &Folder, file: &PlanFile) -> Result<(), Fetch> {
    fetch(context, &file.name, &file.hash).await?;
    let copied = folder.place(&file.name).and_then(|place| {
        fs::copy(context.cache.path(&file.hash), &place)?;
        fs::set_permissions(&place, Permissions::from_mode(0o755))
    });
    copied.map_err(|error| Fetch::Disk(file.name.clone(), error))
}

async fn fetch(context: &Context, name: &str, hash: &ContentHash) -> Result<(), Fetch> {
    context.transfers.fetch(hash).await.map_err(|error| Fetch::Transfer(name.to_owned(), error))
}
