//! What machines have and what jobs need.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::size::Size;

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

/// One device as its agent last saw it. What sweep's jobs may not use (`agent.toml`), and what did not come back after one,
/// is part of neither amount of memory.
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
    /// Jobs the agent runs here at once; 0 while it takes none.
    pub slots: u32,
    #[serde(default)]
    pub status: DeviceStatus,
}

impl Device {
    pub fn named(&self) -> String {
        named((self.class, self.index))
    }
}

/// A device as people call it: `GPU 0`; a host has one CPU.
pub fn named((class, index): (DeviceClass, u32)) -> String {
    match class {
        DeviceClass::Cpu => "the CPU".to_owned(),
        DeviceClass::Cuda => format!("GPU {index}"),
    }
}

/// Who uses a device, and what keeps it from being used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceStatus {
    /// A GPU's name for ever: `GPU-8e1c…`; empty for a CPU.
    pub uuid: String,
    /// Its slots when nothing keeps jobs from it.
    pub all_slots: u32,
    /// What each attempt of sweep's uses, all its processes together. One that is still loading uses nothing yet.
    pub uses: Vec<DeviceUse>,
    /// Processes that are not sweep's, the largest first, not all of them.
    pub others: Vec<OtherProcess>,
    /// Why it takes no work.
    pub closed: Option<Closed>,
    /// Attempts that have ended, whose memory has not come back yet: their slots are taken until then.
    pub releasing: Vec<String>,
    /// What did not come back, and after which attempts.
    pub missing: Vec<MissingMemory>,
    /// What sweep's jobs together may use of it by `agent.toml`; 0: all.
    pub cap_bytes: u64,
    /// What they leave free by `agent.toml`.
    pub keep_free_bytes: u64,
    /// Their share of its compute units by `agent.toml`, in percent; 0: all.
    pub compute_percent: u32,
    pub sensors: Sensors,
}

/// How a GPU does, as the driver tells; what it does not tell, or what the card has no sensor for, is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sensors {
    /// Degrees Celsius.
    pub temperature_c: Option<u32>,
    /// The part of the driver's last measuring (up to a second) in which anything was computed, in percent.
    pub busy_percent: Option<u32>,
    /// Milliwatts that the whole card takes.
    pub power_mw: Option<u32>,
    /// Milliwatts that it may take.
    pub power_limit_mw: Option<u32>,
}

/// `61 °C, 97 % busy, 210 of 350 W`; empty where nothing is known.
impl fmt::Display for Sensors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let watts = |mw: u32| mw.saturating_add(500) / 1000;
        let power = match (self.power_mw, self.power_limit_mw) {
            (Some(power), Some(limit)) => Some(format!("{} of {} W", watts(power), watts(limit))),
            (Some(power), None) => Some(format!("{} W", watts(power))),
            (None, _) => None,
        };
        let all = [
            self.temperature_c.map(|degrees| format!("{degrees} °C")),
            self.busy_percent.map(|percent| format!("{percent} % busy")),
            power,
        ];
        f.write_str(&all.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceUse {
    /// `j4.1`.
    pub attempt: String,
    pub bytes: u64,
}

/// A process of somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherProcess {
    pub pid: u32,
    /// Empty where it cannot be known, as in another container.
    pub name: String,
    /// Whose it is; empty where that cannot be known.
    pub user: String,
    /// 0 where the driver does not tell.
    pub bytes: u64,
}

/// `blender (pid 4211, anna) holds 5.1 GiB`
impl fmt::Display for OtherProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, name, user, bytes } = self;
        let name = if name.is_empty() { "a process" } else { name };
        let of = if user.is_empty() { String::new() } else { format!(", {user}") };
        match bytes {
            0 => write!(f, "{name} (pid {pid}{of}) uses it, too"),
            bytes => write!(f, "{name} (pid {pid}{of}) holds {}", Size(*bytes)),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingMemory {
    /// `j4.1`.
    pub attempt: String,
    pub bytes: u64,
}

/// Why a device takes no work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why", content = "detail")]
pub enum Closed {
    /// `agent.toml` leaves it to others.
    Unused,
    /// These are quiet hours by `agent.toml`; until when, in the agent's local time: `08:00`, `Mon 08:00`.
    Quiet(String),
    /// It is faulty, and not used until the agent is started again.
    Excluded(String),
    /// It does not answer, and is used again when it does.
    Silent(String),
    /// It is gone, as the driver says, and is used again should it come back. What ran on it goes on elsewhere.
    Lost(String),
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
