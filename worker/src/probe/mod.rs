//! What this machine has, and whether an attempt fits right now.
//!
//! GPUs are asked through NVML, which counts everybody's processes; RAM through the kernel, a container's limit
//! included. NVML may take its time or hang with its driver, so questions are asked where blocking is allowed.

mod admit;
mod cpu;
mod nvml;

use std::sync::{Arc, Mutex, PoisonError};

use sweep_shared::resources::{Device, DeviceClass};
use tokio::task::spawn_blocking;

pub use admit::Admission;

use crate::slots::DeviceKey;
use cpu::Cpu;
use nvml::Gpus;

/// Compute threads of this host that the agent may use (affinity and container quota considered).
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| n.get() as u32)
}

/// A cheap handle to the machine's devices.
#[derive(Clone)]
pub struct Prober {
    machine: Arc<Mutex<Machine>>,
}

struct Machine {
    cpu: Cpu,
    gpus: Option<Gpus>,
    slots: u32,
}

impl Prober {
    /// Loads NVML where there is one. `slots`: per GPU where there are GPUs, otherwise on the CPU.
    pub async fn new(slots: u32) -> Self {
        let machine = spawn_blocking(move || Machine { cpu: Cpu::new(), gpus: Gpus::find(), slots }).await;
        let machine = machine.unwrap_or_else(|_| Machine { cpu: Cpu::new(), gpus: None, slots });
        Self { machine: Arc::new(Mutex::new(machine)) }
    }

    /// All devices as they are now. Where there are GPUs, the CPU comes last, with one slot.
    pub async fn devices(&self) -> Vec<Device> {
        self.ask(Machine::devices).await
    }

    /// How a child names the GPU in `CUDA_VISIBLE_DEVICES`. `None` for the CPU.
    pub async fn cuda_name(&self, device: DeviceKey) -> Option<String> {
        self.ask(move |machine| machine.gpus.as_ref()?.uuid(device.1)).await
    }

    /// Whether GPUs were found: then a child that is to use the CPU must not see them.
    pub async fn has_gpus(&self) -> bool {
        self.ask(|machine| machine.gpus.is_some()).await
    }

    /// Free memory of a device and what each of these processes uses of it.
    pub async fn memory(&self, device: DeviceKey, pids: Vec<i32>) -> Option<Memory> {
        self.ask(move |machine| machine.memory(device, &pids)).await
    }

    async fn ask<T: Send + 'static>(&self, question: impl FnOnce(&mut Machine) -> T + Send + 'static) -> T {
        let machine = Arc::clone(&self.machine);
        let asked = spawn_blocking(move || question(&mut machine.lock().unwrap_or_else(PoisonError::into_inner))).await;
        match asked {
            Ok(answer) => answer,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// A device's memory at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    pub free_bytes: u64,
    /// Beside the processes asked about.
    pub used_bytes: Vec<u64>,
}

impl Machine {
    fn devices(&mut self) -> Vec<Device> {
        let mut devices = self.gpus.as_ref().map_or_else(Vec::new, |gpus| gpus.devices(self.slots));
        let slots = if devices.is_empty() { self.slots } else { 1 };
        devices.push(self.cpu.device(slots));
        devices
    }

    fn memory(&mut self, (class, index): DeviceKey, pids: &[i32]) -> Option<Memory> {
        match class {
            DeviceClass::Cpu => Some(self.cpu.memory(pids)),
            DeviceClass::Cuda => self.gpus.as_ref()?.memory(index, pids),
        }
    }
}
