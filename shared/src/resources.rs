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

/// What an attempt took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Seconds.
    pub run_s: f64,
    /// The most memory of its device that its processes were seen to hold; 0: unknown.
    #[serde(default)]
    pub peak_memory_bytes: u64,
}

impl Usage {
    /// It ran for so many seconds, and of its memory nothing is known.
    pub fn ran(run_s: f64) -> Self {
        Self { run_s, peak_memory_bytes: 0 }
    }
}
