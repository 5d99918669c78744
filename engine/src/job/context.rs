//! The attempt itself.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sweep_model::Model;
use sweep_shared::event::{FileRef, RunnerEvent};
use sweep_shared::metrics::Metrics;
use sweep_shared::spec::{Assignment, AtOnce, JobSpec, Role};
use tch::Device;

use super::energy::{Energy, Meter};
use super::{Events, Points, PreparedData, PublishedPoint, Stop, input};
use crate::checkpoint::{CheckpointStore, Found, State, StateReader, StateWriter};
use crate::data::Watch;
use crate::error::{Error, Result};

/// Everything a stage works with. See the module's description.
pub struct Job {
    pub assignment: Assignment,
    pub device: Device,
    pub events: Events,
    pub stop: Stop,
    /// Seconds spent in optimizer steps so far, over all attempts.
    pub training_s: f64,
    /// Seconds spent on preparing models (pruning, calibrating) so far, over all attempts.
    pub preparation_s: f64,
    /// What training has taken so far, over all attempts.
    pub training_energy: Energy,
    /// Whether an attempt ran with other threads, device class or instruction set than the one before, or with its batches split
    /// differently: bits differ then.
    pub host_changed: bool,
    /// The most parts that training batches were split into, over all attempts.
    pub micro_batches: u32,
    /// `None` where energy is not measured.
    pub meter: Option<Meter>,
    folder: PathBuf,
    data: OnceLock<Arc<PreparedData>>,
    points: Points,
    checkpoints: CheckpointStore,
    resumed: Option<StateReader>,
}

impl Job {
    /// Opens the attempt folder, and continues from the newest whole checkpoint of this job: the folder's own, or one that
    /// the agent brought.
    pub fn open(folder: &Path, assignment: Assignment, device: Device, events: Events, stop: Stop) -> Result<Self> {
        let checkpoints = CheckpointStore::open(&folder.join("checkpoints"))?;
        let assignment = Assignment { micro_batches: assignment.micro_batches.max(1), ..assignment };
        let mut job = Self {
            micro_batches: assignment.micro_batches,
            assignment,
            device,
            events,
            stop,
            training_s: 0.0,
            preparation_s: 0.0,
            training_energy: Energy::default(),
            host_changed: false,
            meter: Meter::find(device),
            folder: folder.to_path_buf(),
            data: OnceLock::new(),
            points: Points::new(folder),
            checkpoints,
            resumed: None,
        };
        job.resume()?;
        Ok(job)
    }

    fn resume(&mut self) -> Result<()> {
        let brought: Vec<PathBuf> = self.assignment.resume.iter().map(|path| self.folder.join(path)).collect();
        let Some(Found { reader, manifest }) = self.checkpoints.newest(&brought)? else { return Ok(()) };
        let own = reader.scope("job");
        if own.value::<String>("spec")? != self.fingerprint()? {
            tracing::warn!(folder = %reader.folder().display(), "passing over a checkpoint of another job");
            return Ok(());
        }
        let (then, now) = (own.value::<Host>("host")?, self.host()?);
        if then != now {
            tracing::warn!(
                ?then,
                ?now,
                "continuing on different hardware, or in other parts: results will differ in bits"
            );
        }
        self.micro_batches = now.micro_batches.max(own.value_or("micro_batches", 1)?);
        self.host_changed = then != now || own.value("host_changed")?;
        self.training_s = own.value("training_s")?;
        self.preparation_s = own.value("preparation_s")?;
        self.training_energy = own.value_or("training_energy", Energy::UNKNOWN)?;
        self.points.restore(&own)?;
        let (epoch, step) = (own.value("epoch")?, own.value("step")?);
        tracing::info!(epoch, step, checkpoint = manifest.sequence, "continuing");
        self.events.emit(&RunnerEvent::Resumed { epoch, step });
        for point in self.points.published() {
            self.events.emit(&point.event());
        }
        self.resumed = Some(reader);
        Ok(())
    }

    pub fn spec(&self) -> &JobSpec {
        &self.assignment.spec
    }

    /// The attempt folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The job's data set, loaded when first asked for. That may take minutes: it is told how far it is, and a stop ends it.
    pub fn data(&self) -> Result<Arc<PreparedData>> {
        if let Some(data) = self.data.get() {
            return Ok(Arc::clone(data));
        }
        let spec = self.spec().data.as_ref().ok_or_else(|| Error::BadInput("the job names no data set".into()))?;
        let events = Mutex::new(self.events.share());
        let tell = |message: &str| events.lock().unwrap_or_else(PoisonError::into_inner).doing(message);
        let stopped = || self.stop.asked();
        let watch = Watch { tell: &tell, stopped: &stopped };
        let loaded = Arc::new(PreparedData::load(spec, Path::new(&self.assignment.datasets), watch)?);
        Ok(Arc::clone(self.data.get_or_init(|| loaded)))
    }

    /// How many of the job's images this attempt takes at once.
    pub fn at_once(&self) -> Result<AtOnce> {
        let [_, height, width] = self.data()?.dataset.input();
        Ok(AtOnce::new(self.assignment.micro_batches, height, width))
    }

    /// The folder of the first input with this role.
    pub fn input(&self, role: Role) -> Result<PathBuf> {
        input::folder(&self.assignment, &self.folder, role)
    }

    /// The model of the first input with this role.
    pub fn input_model(&self, role: Role) -> Result<Model> {
        input::model(&self.input(role)?)
    }

    /// The checkpoint that this attempt continues from, once: whoever takes it has to continue from it.
    pub fn take_resumed(&mut self) -> Option<StateReader> {
        self.resumed.take()
    }

    /// Writes a checkpoint of `parts` and of the job's own state, and tells the agent. `epoch` counts the epochs done over the
    /// whole job, `step` the steps done in the next one.
    pub fn checkpoint(&mut self, epoch: u32, step: u64, best: bool, parts: &[(&str, &dyn State)]) -> Result<()> {
        let mut writer = StateWriter::new();
        for (scope, part) in parts {
            writer.part(scope, *part)?;
        }
        let (spec, host) = (self.fingerprint()?, self.host()?);
        writer.scoped("job", |w| {
            w.value("spec", &spec)?;
            w.value("host", &host)?;
            w.value("epoch", &epoch)?;
            w.value("step", &step)?;
            w.value("training_s", &self.training_s)?;
            w.value("preparation_s", &self.preparation_s)?;
            w.value("training_energy", &self.training_energy)?;
            w.value("host_changed", &self.host_changed)?;
            w.value("micro_batches", &self.micro_batches)?;
            w.value("points", &self.points.published())
        })?;
        let saved = self.checkpoints.save(&writer, &self.points.files(), best)?;
        let file = |entry: crate::checkpoint::FileEntry| FileRef {
            path: format!("checkpoints/{:06}/{}", saved.sequence, entry.name),
            name: entry.name,
            hash: entry.hash.try_into().ok(),
            size_bytes: entry.size_bytes,
        };
        let files = saved.files.into_iter().map(file).collect();
        self.events.emit(&RunnerEvent::Checkpoint { epoch, step, files });
        Ok(())
    }

    /// An empty folder for the files of a point, in the attempt folder.
    pub fn point_folder(&self, point: &str) -> Result<PathBuf> {
        self.points.fresh_folder(point)
    }

    /// Publishes a point whose `files` (plain names) lie in its folder.
    pub fn publish(&mut self, point: &str, metrics: Metrics, files: Vec<String>) {
        let point = PublishedPoint { name: point.to_owned(), metrics, files };
        self.events.emit(&point.event());
        self.points.add(point);
    }

    /// What makes a checkpoint this job's.
    fn fingerprint(&self) -> Result<String> {
        let text = serde_json::to_vec(self.spec()).map_err(Error::stage("describing the job"))?;
        Ok(blake3::hash(&text).to_hex().to_string())
    }

    fn host(&self) -> Result<Host> {
        let device = self.assignment.device.as_str().to_owned();
        let Assignment { threads, micro_batches, .. } = self.assignment;
        Ok(Host { threads, device, cpu: sweep_engine_sys::cpu_capability()?, micro_batches })
    }
}

/// What the bits of a result depend on beside the job.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Host {
    threads: u32,
    device: String,
    /// The instruction set libtorch uses.
    cpu: String,
    /// Checkpoints of the first version do not tell it.
    #[serde(default = "undivided")]
    micro_batches: u32,
}

fn undivided() -> u32 {
    1
}
