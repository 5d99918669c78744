//! What this machine has, and how it is used at this moment.
//!
//! GPUs are asked through NVML, which counts everybody's processes; RAM through the kernel, a container's limit included. A
//! driver may take its time or hang for ever, so each GPU has a thread of its own that asks (`line`), and whoever wants to know
//! waits for it with patience that ends. Xid errors arrive by themselves (`xid`). `who` finds out whose processes they are. Nothing
//! here decides: a [`Reading`] goes to `devices`.

mod cpu;
mod line;
mod nvml;
mod who;
mod xid;

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use sweep_shared::resources::{DeviceClass, Sensors};
use tokio::sync::mpsc::UnboundedReceiver;

pub use cpu::Cpu;
pub use line::Line;
pub use nvml::Gpu;
pub use who::{People, owner};
pub use xid::Xid;

use crate::slots::DeviceKey;

/// Compute threads of this host that the agent may use (affinity and container quota considered).
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| n.get() as u32)
}

/// A device's memory at one moment, and the processes that hold it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    pub total_bytes: u64,
    pub free_bytes: u64,
    /// Of a GPU; none are listed for the CPU.
    pub holders: Vec<Holder>,
    /// Memory errors that could not be corrected, counted since the driver was loaded; `None`: the device does not count them.
    pub memory_errors: Option<u64>,
    /// Of a GPU.
    pub sensors: Sensors,
}

/// A process on a GPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub pid: u32,
    /// `None`: the driver does not tell.
    pub bytes: Option<u64>,
    /// As the driver calls it, where this machine's `/proc` does not know it.
    pub name: Option<String>,
}

/// Why there is no reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The driver says that the device is gone.
    Lost(String),
    /// It said something else, or nothing in time.
    Silent(String),
}

pub type Answer = Result<Reading, Trouble>;

/// The devices that an agent may use.
pub struct Machine {
    pub gpus: Vec<(Gpu, Line)>,
    /// Those who see GPUs hear of their errors here.
    pub xids: UnboundedReceiver<Xid>,
}

/// How long the driver may take to be loaded.
const LOADING: Duration = Duration::from_secs(20);

impl Machine {
    /// Loads NVML where there is one. A driver that hangs already makes this a machine without GPUs.
    pub fn look() -> Self {
        let (tell, told) = mpsc::channel();
        let load = move || {
            // Who asked may have given up.
            let _ = tell.send(nvml::load());
        };
        let spawned = std::thread::Builder::new().name("sweep-nvml".to_owned()).spawn(load);
        let found = match spawned.map(|_| told.recv_timeout(LOADING)) {
            Ok(Ok(found)) => found,
            Ok(Err(_)) => {
                tracing::error!(
                    "NVML has not answered for {} s: its GPUs are not used until this agent is started again",
                    LOADING.as_secs()
                );
                None
            }
            Err(error) => {
                tracing::error!(%error, "no thread for NVML");
                None
            }
        };
        let (errors, xids) = tokio::sync::mpsc::unbounded_channel();
        let Some((nvml, gpus)) = found else { return Self { gpus: Vec::new(), xids } };
        xid::watch(Arc::clone(&nvml), &gpus, errors);
        let line = |gpu: Gpu| {
            let (nvml, asked) = (Arc::clone(&nvml), gpu.clone());
            let line = Line::new(&format!("sweep-gpu-{}", gpu.index), move || nvml::read(&nvml, &asked));
            (gpu, line)
        };
        Self { gpus: gpus.into_iter().map(line).collect(), xids }
    }
}

impl Gpu {
    pub fn key(&self) -> DeviceKey {
        (DeviceClass::Cuda, self.index)
    }
}
