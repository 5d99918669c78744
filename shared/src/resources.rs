//! What machines have and what jobs need.

use serde::{Deserialize, Serialize};

/// The class of device a job runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceClass {
    Cpu,
    Cuda,
}

impl DeviceClass {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }
}

/// One device as its agent last saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    pub class: DeviceClass,
    /// CUDA index; 0 for the CPU.
    pub index: u32,
    /// GPU or processor name, as the driver or kernel tells it.
    pub name: String,
    pub memory_total_bytes: u64,
    /// Free now, other people's processes considered.
    pub memory_free_bytes: u64,
    /// Jobs the agent runs here at once.
    pub slots: u32,
}

/// What a job asks of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// `None`: any device will do, a GPU is preferred.
    pub device: Option<DeviceClass>,
    /// Predicted peak. 0 when nothing is known (a command stage).
    pub memory_bytes: u64,
    /// Holds the whole host: nothing else runs beside it (measure jobs).
    pub exclusive: bool,
}
