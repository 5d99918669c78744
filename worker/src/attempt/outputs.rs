//! What the runner made, on its way to the coordinator while the runner goes on.
//!
//! A file is taken out of the attempt folder the moment its event arrives, since a runner removes old checkpoints: by a
//! hard link where the runner is ours (it never rewrites a file in place), and then by a copy of that where it is the
//! user's command. It is hashed, put into the cache and uploaded behind the runner's back. Of checkpoints that wait only
//! the newest goes.

use std::io;
use std::path::Path;
use std::rc::Rc;

use sweep_shared::event::FileRef;
use sweep_shared::metrics::Metrics;
use sweep_shared::states::FailureClass;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::folder::Folder;
use super::staged::Staged;
use super::{Context, News, Tell};
use crate::report::{Checkpoint, Point, Success};
use crate::transfer::TransferError;

/// Why an output does not arrive.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    #[error("its output {name:?} cannot be used: {source}")]
    File { name: String, source: io::Error },
    #[error("{name:?} is not what the runner said: its hash is another")]
    Changed { name: String },
    #[error(transparent)]
    Transfer(#[from] TransferError),
    #[error("this machine's disk: {0}")]
    Disk(#[from] io::Error),
}

impl OutputError {
    pub fn class(&self) -> FailureClass {
        match self {
            Self::File { source: error, .. } | Self::Disk(error) | Self::Transfer(TransferError::Disk(error)) => {
                super::disk_class(error)
            }
            Self::Transfer(TransferError::NoSpace(_)) => FailureClass::DiskFull,
            Self::Changed { .. } | Self::Transfer(_) => FailureClass::Internal,
        }
    }
}

/// A checkpoint set aside.
struct StagedCheckpoint {
    epoch: u32,
    step: u64,
    files: Vec<Staged>,
}

/// Where a delivered file belongs.
#[derive(Clone, Copy)]
enum Place {
    Point(usize, usize),
    Artifact(usize),
}

/// All outputs of one attempt.
pub struct Outputs {
    context: Rc<Context>,
    folder: Rc<Folder>,
    tell: Tell,
    copy: bool,
    success: Success,
    deliveries: JoinSet<Result<(Place, FileRef), OutputError>>,
    checkpoints: Option<Lane>,
    /// The first output that could not even be set aside.
    broken: Option<OutputError>,
}

/// Delivers one checkpoint after another.
struct Lane {
    newest: watch::Sender<Option<Rc<StagedCheckpoint>>>,
    task: AbortOnDrop,
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Outputs {
    /// `copy`: the runner may rewrite what it has told.
    pub fn new(context: Rc<Context>, folder: Rc<Folder>, tell: Tell, copy: bool) -> Self {
        let (success, deliveries) = (Success::default(), JoinSet::new());
        Self { context, folder, tell, copy, success, deliveries, checkpoints: None, broken: None }
    }

    pub fn is_empty(&self) -> bool {
        self.success == Success::default() && self.broken.is_none()
    }

    pub fn has_checkpoint(&self) -> bool {
        self.checkpoints.is_some()
    }

    /// A point; told again under the same name it adds values, and replaces files where it brings some.
    pub fn add_point(&mut self, name: String, metrics: Metrics, files: Vec<FileRef>) {
        let known = self.success.points.iter().position(|point| point.name == name);
        let index = known.unwrap_or(self.success.points.len());
        if known.is_none() {
            self.success.points.push(Point { name, metrics: Metrics::new(), files: Vec::new() });
        }
        let point = &mut self.success.points[index];
        point.metrics.extend(metrics);
        if files.is_empty() {
            return;
        }
        point.files.clone_from(&files);
        for (at, file) in files.into_iter().enumerate() {
            self.add(Place::Point(index, at), file);
        }
    }

    pub fn add_artifact(&mut self, file: FileRef) {
        let index = self.success.artifacts.len();
        self.success.artifacts.push(file.clone());
        self.add(Place::Artifact(index), file);
    }

    /// A file that the plan names as the command's output. The command is over: nothing changes it any more.
    pub fn add_named(&mut self, name: &str) -> Result<(), OutputError> {
        self.copy = false;
        self.add_artifact(FileRef { name: name.to_owned(), path: name.to_owned(), hash: None, size_bytes: 0 });
        self.broken.take().map_or(Ok(()), Err)
    }

    fn add(&mut self, place: Place, file: FileRef) {
        match self.stage(&self.folder.path, file) {
            Ok(staged) => {
                let context = Rc::clone(&self.context);
                self.deliveries.spawn_local(async move { Ok((place, deliver(&context, &staged).await?)) });
            }
            Err(error) => self.broken = self.broken.take().or(Some(error)),
        }
    }

    /// A checkpoint. One that still waits is replaced by it.
    pub fn add_checkpoint(&mut self, epoch: u32, step: u64, files: Vec<FileRef>) {
        let staged: Result<Vec<Staged>, _> =
            files.into_iter().map(|file| self.stage(&self.folder.path, file)).collect();
        match staged {
            Ok(files) => {
                let checkpoint = Rc::new(StagedCheckpoint { epoch, step, files });
                let lane = self.checkpoints.get_or_insert_with(|| {
                    Lane::start(Rc::clone(&self.context), Rc::clone(&self.folder), self.tell.clone())
                });
                lane.newest.send_replace(Some(checkpoint));
            }
            Err(error) => self.folder.note(&format!("the checkpoint of epoch {epoch} is not kept: {error}")),
        }
    }

    fn stage(&self, root: &Path, file: FileRef) -> Result<Staged, OutputError> {
        let unusable = |source| OutputError::File { name: file.name.clone(), source };
        let told = if file.path.is_empty() { &file.name } else { &file.path };
        // Absolute paths into the folder are the same thing to a script that asked for its working folder.
        let relative = Path::new(told).strip_prefix(root).unwrap_or(Path::new(told));
        let found = self.folder.find(&relative.to_string_lossy()).map_err(unusable)?;
        let cache = &self.context.cache;
        let staged = Staged::link(file.clone(), &found, cache.staging_path()).map_err(unusable)?;
        Ok(if self.copy { staged.copy(cache.staging_path()) } else { staged })
    }

    /// Waits until everything has arrived. Checkpoints no longer matter.
    pub async fn deliver(&mut self) -> Result<Success, OutputError> {
        self.checkpoints = None;
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        while let Some(delivered) = self.deliveries.join_next().await {
            let (place, file) = delivered.map_err(io::Error::other)??;
            match place {
                Place::Point(point, at) => {
                    // Out of range where the point was told again with fewer files.
                    if let Some(slot) = self.success.points[point].files.get_mut(at).filter(|f| f.name == file.name) {
                        *slot = file;
                    }
                }
                Place::Artifact(index) => self.success.artifacts[index] = file,
            }
        }
        Ok(std::mem::take(&mut self.success))
    }

    /// Waits until the newest checkpoint has arrived.
    pub async fn deliver_checkpoint(mut self) {
        if let Some(Lane { newest, mut task }) = self.checkpoints.take() {
            drop(newest);
            // It reports its own failures in the attempt's log.
            let _ended = (&mut task.0).await;
        }
    }
}

impl Lane {
    fn start(context: Rc<Context>, folder: Rc<Folder>, tell: Tell) -> Self {
        let (newest, mut waiting) = watch::channel::<Option<Rc<StagedCheckpoint>>>(None);
        let task = tokio::task::spawn_local(async move {
            while waiting.changed().await.is_ok() {
                let Some(checkpoint) = waiting.borrow_and_update().clone() else { continue };
                match deliver_all(&context, &checkpoint).await {
                    Ok(delivered) => tell.say(News::Checkpoint(delivered)),
                    Err(error) => {
                        folder.note(&format!("the checkpoint of epoch {} is lost: {error}", checkpoint.epoch));
                    }
                }
            }
        });
        Self { newest, task: AbortOnDrop(task) }
    }
}

async fn deliver_all(context: &Context, checkpoint: &StagedCheckpoint) -> Result<Checkpoint, OutputError> {
    let mut files = Vec::with_capacity(checkpoint.files.len());
    for staged in &checkpoint.files {
        files.push(deliver(context, staged).await?);
    }
    Ok(Checkpoint { epoch: checkpoint.epoch, step: checkpoint.step, files })
}

/// Hash, cache, upload.
async fn deliver(context: &Context, staged: &Staged) -> Result<FileRef, OutputError> {
    let (hash, size_bytes) = context.cache.adopt(staged.whole().await?).await?;
    if staged.file.hash.as_ref().is_some_and(|told| *told != hash) {
        return Err(OutputError::Changed { name: staged.file.name.clone() });
    }
    context.transfers.upload(&hash, size_bytes).await?;
    Ok(FileRef { name: staged.file.name.clone(), path: String::new(), hash: Some(hash), size_bytes })
}
